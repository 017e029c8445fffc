#include "sim/agenda.hpp"

#include <stdexcept>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr std::chrono::milliseconds kLongestSleep{1000};
constexpr int kMostAttempts = 2;

http::ClientOptions client_options() {
    http::ClientOptions options;
    options.user_agent = "TwilioProxy/1.1";
    return options;
}

}  // namespace

Agenda::Agenda(const Clock& clock)
    : clock_{clock}, client_{client_options()}, thread_{[this](std::stop_token stop) {
          run(std::move(stop));
      }} {}

Agenda::~Agenda() {
    thread_.request_stop();
    client_.wake();
    thread_.join();
}

void Agenda::after(std::chrono::milliseconds delay, std::function<void()> task) {
    bool is_next = false;
    {
        const std::scoped_lock lock{mutex_};
        const auto due = clock_.steady_now() + delay;
        is_next = tasks_.empty() || due < tasks_.top().due;
        tasks_.push({.due = due, .order = next_order_++, .run = std::move(task)});
    }
    if (is_next) client_.wake();
}

void Agenda::post(http::Call call, Done done) {
    {
        const std::scoped_lock lock{mutex_};
        posts_.push_back({.call = std::move(call), .done = std::move(done)});
    }
    client_.wake();
}

void Agenda::clear() {
    const std::scoped_lock lock{mutex_};
    tasks_ = {};
    posts_.clear();
}

void Agenda::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        const auto sleep = run_due();
        start_posts();
        for (const http::Finished& finished : client_.poll(sleep)) finish(finished);
    }
}

// returns  until the next task
std::chrono::milliseconds Agenda::run_due() {
    for (;;) {
        std::function<void()> task;
        {
            const std::scoped_lock lock{mutex_};
            if (tasks_.empty()) return kLongestSleep;
            const auto left = tasks_.top().due - clock_.steady_now();
            if (left.count() > 0) {
                return std::min(kLongestSleep, std::chrono::ceil<std::chrono::milliseconds>(left));
            }
            // Its order is not looked at any more before it is popped.
            task = std::move(const_cast<Task&>(tasks_.top()).run);
            tasks_.pop();
        }
        task();
    }
}

void Agenda::start_posts() {
    while (client_.free_slots() > 0) {
        Post post;
        {
            const std::scoped_lock lock{mutex_};
            if (posts_.empty()) return;
            post = std::move(posts_.front());
            posts_.pop_front();
        }
        ++post.attempts;
        const std::uint64_t tag = next_tag_++;
        try {
            client_.start(tag, post.call);
        } catch (const std::logic_error&) {
            post.done(0);  // a StatusCallback that is no address
            continue;
        }
        in_flight_.emplace(tag, std::move(post));
    }
}

void Agenda::finish(const http::Finished& finished) {
    const auto found = in_flight_.find(finished.tag);
    Post post = std::move(found->second);
    in_flight_.erase(found);
    const http::Outcome& outcome = finished.outcome;
    if (outcome.kind == http::Outcome::Kind::not_sent && post.attempts < kMostAttempts) {
        const std::scoped_lock lock{mutex_};
        posts_.push_front(std::move(post));
        return;
    }
    post.done(outcome.kind == http::Outcome::Kind::response ? outcome.status : 0);
}

}  // namespace pgcourier::sim
