#include "ops/scrape.hpp"

#include <utility>

namespace pgcourier::ops {
namespace {

// More scrapes at the same time are answered with what is there.
constexpr std::size_t kMostWaiting = 100;

}  // namespace

Scrape::Scrape(const Metrics& metrics, std::function<void(Samples&)> live,
               std::function<void()> ask, const Clock& clock, ScrapeOptions options)
    : metrics_{metrics},
      live_{std::move(live)},
      ask_{std::move(ask)},
      clock_{clock},
      options_{options},
      read_at_{clock.steady_now() - options.fresh},
      answered_at_{clock.steady_now() - options.late} {}

void Scrape::add_route(http::Routes& routes) {
    http::RouteOptions route;
    route.handler = [this](const http::Request&, http::Responder respond) {
        answer(std::move(respond));
    };
    route.deadline = options_.late;
    route.late = [this] { return answer_late(); };
    routes.add("GET", "/metrics", std::move(route));
}

void Scrape::answer(http::Responder respond) {
    if (!may_wait(respond)) respond(response());
}

// Takes the responder when it is answered later: by whoever refreshes, or by its deadline.
bool Scrape::may_wait(http::Responder& respond) {
    {
        const std::scoped_lock lock{mutex_};
        const bool is_fresh = clock_.steady_now() - read_at_ < options_.fresh;
        if (!is_up_ || is_fresh || waiting_.size() >= kMostWaiting) return false;
        waiting_.push_back(std::move(respond));
    }
    ask_();
    return true;
}

http::Response Scrape::answer_late() {
    {
        const std::scoped_lock lock{mutex_};
        is_up_ = clock_.steady_now() - answered_at_ < options_.late;
        read_ = {};
    }
    return response();
}

void Scrape::refresh(pg::Connection& db) {
    {
        const std::scoped_lock lock{mutex_};
        if (waiting_.empty()) return;
    }
    answer_all(true, gauges_.read(db));
}

void Scrape::database_answers(bool answers) {
    if (!answers) return answer_all(false, {});
    const std::scoped_lock lock{mutex_};
    is_up_ = true;
    answered_at_ = clock_.steady_now();
}

void Scrape::answer_all(bool is_up, Samples read) {
    std::vector<http::Responder> waiting;
    {
        const std::scoped_lock lock{mutex_};
        is_up_ = is_up;
        read_ = std::move(read);
        if (is_up) read_at_ = answered_at_ = clock_.steady_now();
        waiting = std::exchange(waiting_, {});
    }
    if (waiting.empty()) return;
    const http::Response same = response();
    for (http::Responder& respond : waiting) respond(same);
}

http::Response Scrape::response() const {
    Samples samples;
    {
        const std::scoped_lock lock{mutex_};
        samples.add_gauge("pgcourier_database_up", "Whether the database answers this process.",
                          is_up_ ? 1 : 0);
        samples.append(read_);
    }
    live_(samples);
    return {.status = 200,
            .content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = to_text(metrics_, samples)};
}

}  // namespace pgcourier::ops
