#include "ops/post.hpp"

#include "base/environment.hpp"
#include "base/wake.hpp"

#include <utility>

namespace pgcourier::ops {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kIdle{1};        // a call or a stop ends it
constexpr std::chrono::seconds kLimited{60};  // when the receiver does not say for how long
constexpr std::chrono::seconds kLongestLimit{3'600};
constexpr milliseconds kLongestWait{60'000};
constexpr milliseconds kShortestAttempt{100};
constexpr int kTooManyRequests = 429;

std::chrono::seconds limit_of(const http::Outcome& outcome) {
    const auto seconds = whole_number<int>(outcome.retry_after.value_or(""));
    if (!seconds || *seconds < 0) return kLimited;
    return std::min(std::chrono::seconds{*seconds}, kLongestLimit);
}

const char* to_text(Poster::Ended ended) {
    switch (ended) {
        case Poster::Ended::sent:
            return "sent";
        case Poster::Ended::refused:
            return "refused";
        case Poster::Ended::limited:
            return "limited";
        case Poster::Ended::failed:
            return "failed";
    }
    return "?";
}

}  // namespace

Poster::Poster(PosterOptions options, const Clock& clock)
    : options_{std::move(options)},
      clock_{clock},
      queue_{options_.queue},
      client_{{.max_connections = 1,
               .connect_timeout = options_.timeout,
               .response_bytes = 64 * 1024,
               .ca_file = options_.ca_file}},
      quiet_until_{clock.steady_now()} {
    for (const char* result : {"sent", "refused", "limited", "failed", "dropped"}) posts(result);
}

Counter& Poster::posts(const char* result) const {
    return counter("pgcourier_reports_total",
                   "Alerts and errors for receivers outside, by what became of them; dropped: too "
                   "many were waiting.",
                   {{"to", options_.to}, {"result", result}});
}

bool Poster::post(http::Call call, std::function<void(bool)> ended) {
    Report report{.call = std::move(call), .ended = std::move(ended)};
    if (queue_.push(std::move(report))) return true;
    posts("dropped").Increment();
    // A full queue leaves it as it was.
    if (report.ended) report.ended(false);  // NOLINT(bugprone-use-after-move)
    return false;
}

void Poster::run(std::stop_token stop) {
    for (;;) {
        const auto wait = stop.stop_requested() ? milliseconds{0} : milliseconds{kIdle};
        const std::vector<Report> next = queue_.pop(1, stop, wait);
        if (stop.stop_requested() && ends_at_ == SteadyTime::max())
            ends_at_ = clock_.steady_now() + options_.drain;
        if (!next.empty()) {
            deliver(next.front(), stop);
        } else if (stop.stop_requested()) {
            return;
        }
    }
}

void Poster::deliver(const Report& report, const std::stop_token& stop) {
    const Ended ended = try_to_deliver(report.call, stop);
    posts(to_text(ended)).Increment();
    was_delivered_ = ended == Ended::sent;
    if (report.ended) report.ended(was_delivered_);
}

Poster::Ended Poster::try_to_deliver(const http::Call& call, const std::stop_token& stop) {
    milliseconds pause = options_.pause;
    for (int number = 1;; ++number, pause *= 4) {
        if (options_.drops_when_limited && is_quiet()) return Ended::limited;
        if (clock_.steady_now() >= ends_at_) return Ended::failed;
        milliseconds wait = pause;
        const Ended ended = attempt(call, wait);
        const bool is_final = ended == Ended::sent || ended == Ended::refused ||
                              (ended == Ended::limited && options_.drops_when_limited);
        if (is_final || number == options_.attempts || stop.stop_requested()) return ended;
        Wake{}.wait_for(stop, wait);
    }
}

// `wait` becomes the receiver's wish where it has one.
Poster::Ended Poster::attempt(const http::Call& call, milliseconds& wait) {
    const auto left = std::chrono::duration_cast<milliseconds>(ends_at_ - clock_.steady_now());
    http::Call one = call;
    one.timeout = std::clamp(left, kShortestAttempt, options_.timeout);
    try {
        client_.start(0, std::move(one));
    } catch (const std::logic_error& e) {
        log_.error("No call could be made of a report", {{"to", options_.to}, {"error", e.what()}});
        return Ended::refused;
    }
    std::vector<http::Finished> finished;
    while (finished.empty()) finished = client_.poll(options_.timeout);
    const http::Outcome& outcome = finished.front().outcome;

    const bool is_answer = outcome.kind == http::Outcome::Kind::response;
    if (is_answer && outcome.status >= 200 && outcome.status < 300) return Ended::sent;
    if (is_answer && outcome.status == kTooManyRequests) {
        quiet_until_ = clock_.steady_now() + limit_of(outcome);
        wait = std::clamp<milliseconds>(limit_of(outcome), wait, kLongestWait);
        return Ended::limited;
    }
    if (std::exchange(was_delivered_, false)) {
        log_.warn("A report could not be delivered",
                  {{"to", options_.to},
                   {"reason", is_answer ? "HTTP " + std::to_string(outcome.status)
                                        : "no answer: " + outcome.error}});
    }
    return is_answer && outcome.status < 500 ? Ended::refused : Ended::failed;
}

}  // namespace pgcourier::ops
