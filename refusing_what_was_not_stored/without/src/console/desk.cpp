#include "console/desk.hpp"

#include "console/reply.hpp"
#include "pg/statement_error.hpp"

#include <algorithm>
#include <utility>

namespace pgcourier::console {
namespace {

constexpr std::size_t kRemembered = 64;

http::Response busy() {
    return secured(error_reply(
        503, "busy", "too much is asked of the console at the moment: try again in some seconds"));
}

http::Response unknown() {
    return error_reply(503, "outcome_unknown",
                       "the database's answer was lost: it may have been done or not; look before "
                       "you do it again");
}

void give(std::vector<http::Responder>& askers, const http::Response& response) {
    for (http::Responder& respond : askers) respond(response);
}

}  // namespace

Desk::Desk(pg::ConnectOptions connect, Live& live, Work overview, std::function<void()> minute,
           const Clock& clock, const DeskOptions& options)
    : connect_{std::move(connect)},
      live_{live},
      overview_{std::move(overview)},
      minute_{std::move(minute)},
      clock_{clock},
      options_{options},
      used_at_{clock.steady_now()},
      live_at_{clock.steady_now()},
      live_after_{live_at_} {}

void Desk::ask(std::string key, Work work, http::Responder respond) {
    std::optional<http::Response> now;
    {
        const std::scoped_lock lock{mutex_};
        const auto known = answered_.find(key);
        const auto same = std::ranges::find(tasks_, key, &Task::key);
        if (known != answered_.end() && clock_.steady_now() < known->second.until) {
            now = known->second.response;
        } else if (is_stopping_) {
            now = busy();
        } else if (same != tasks_.end()) {
            if (same->askers.size() < options_.askers) {
                same->askers.push_back(std::move(respond));
                return;
            }
            now = busy();
        } else if (tasks_.size() >= options_.questions) {
            now = busy();
        } else {
            tasks_.push_back({std::move(key), std::move(work), clock_.steady_now(), {}});
            tasks_.back().askers.push_back(std::move(respond));
            changed_.notify_one();
            return;
        }
    }
    respond(std::move(*now));
}

void Desk::act(Work work, http::Responder respond) {
    {
        const std::scoped_lock lock{mutex_};
        if (!is_stopping_ && acts_.size() < options_.acts) {
            acts_.push_back({{}, std::move(work), clock_.steady_now(), {}});
            acts_.back().askers.push_back(std::move(respond));
            changed_.notify_one();
            return;
        }
    }
    respond(busy());
}

void Desk::look_up() {
    {
        const std::scoped_lock lock{mutex_};
        is_looked_for_ = true;
    }
    changed_.notify_one();
}

void Desk::news() {
    if (!live_.has_viewers()) return;
    {
        const std::scoped_lock lock{mutex_};
        if (std::exchange(has_news_, true)) return;
        is_looked_for_ = true;
    }
    changed_.notify_one();
}

void Desk::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (minute_) minute_();
        if (auto task = next(stop)) {
            do_task(std::move(*task));
        } else if (live_.has_viewers() && clock_.steady_now() >= live_at_) {
            tell_viewers();
        } else if (db_ && clock_.steady_now() - used_at_ >= options_.idle) {
            db_.reset();
        }
    }
    std::deque<Task> left;
    {
        const std::scoped_lock lock{mutex_};
        is_stopping_ = true;
        left = std::exchange(tasks_, {});
        for (Task& act : std::exchange(acts_, {})) left.push_back(std::move(act));
    }
    for (Task& task : left) give(task.askers, busy());
    live_.end();
    db_.reset();
}

// The next question, or nothing when there is something else to do.
std::optional<Desk::Task> Desk::next(std::stop_token stop) {
    const auto wait = patience();
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, stop, wait,
                      [this] { return !acts_.empty() || !tasks_.empty() || is_looked_for_; });
    is_looked_for_ = false;
    if (has_news_) live_at_ = std::min(live_at_, live_after_);
    if (!acts_.empty()) {
        Task act = std::move(acts_.front());
        acts_.pop_front();
        return act;
    }
    // Questions do not keep the viewers waiting for ever.
    if (tasks_.empty() || (live_.has_viewers() && clock_.steady_now() >= live_at_))
        return std::nullopt;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    return task;
}

SteadyTime::duration Desk::patience() {
    const SteadyTime now = clock_.steady_now();
    if (live_.has_viewers()) return std::max(live_at_ - now, SteadyTime::duration{0});
    if (db_) return std::max(used_at_ + options_.idle - now, SteadyTime::duration{0});
    return options_.idle;
}

void Desk::do_task(Task task) {
    // Whoever asked is about to be told that there is no answer: an act must not happen after that.
    const bool is_act = task.key.empty();
    if (clock_.steady_now() - task.asked_at > (is_act ? options_.late_act : options_.late))
        return give(task.askers, busy());
    const SteadyTime began = clock_.steady_now();
    const http::Response response = answer(task.work, is_act);
    if (is_act) {
        const std::scoped_lock lock{mutex_};
        answered_.clear();
    } else if (response.status < 500) {
        remember(task.key, response, clock_.steady_now() - began);
    }
    give(task.askers, response);
}

void Desk::tell_viewers() {
    const SteadyTime began = clock_.steady_now();
    const bool has_news = [this] {
        const std::scoped_lock lock{mutex_};
        return std::exchange(has_news_, false);
    }();
    // Who has just opened the page has asked for the same.
    auto known = has_news ? std::nullopt : remembered(kOverviewKey);
    const http::Response response = known ? std::move(*known) : answer(overview_);
    const SteadyTime ended = clock_.steady_now();
    live_after_ = ended + std::clamp<SteadyTime::duration>(options_.share * (ended - began),
                                                           options_.busiest, options_.laziest);
    live_at_ = std::max(live_after_, ended + options_.quiet);
    if (!known && response.status == 200) remember(kOverviewKey, response, ended - began);
    live_.tell(response.status == 200 ? "overview" : "trouble", response.body);
}

// An answer that took long is given for longer, so that many who ask take no more of the database
// than the viewers' events may.
void Desk::remember(std::string_view key, const http::Response& response,
                    SteadyTime::duration took) {
    const std::scoped_lock lock{mutex_};
    const SteadyTime now = clock_.steady_now();
    std::erase_if(answered_, [&](const auto& one) { return now >= one.second.until; });
    const auto until = now + std::clamp<SteadyTime::duration>(options_.share * took, options_.fresh,
                                                              options_.stalest);
    if (answered_.size() < kRemembered)
        answered_.insert_or_assign(std::string{key}, Answered{until, response});
}

std::optional<http::Response> Desk::remembered(std::string_view key) {
    const std::scoped_lock lock{mutex_};
    const auto known = answered_.find(key);
    if (known == answered_.end() || clock_.steady_now() >= known->second.until) return std::nullopt;
    return known->second.response;
}

http::Response Desk::answer(const Work& work, bool is_act) {
    try {
        if (!db_) db_.emplace(connect_);
        http::Response response = secured(work(*db_));
        used_at_ = clock_.steady_now();
        return response;
    } catch (const pg::Error& e) {
        // Whether a COMMIT that got no answer was made is not known.
        const bool is_unknown = is_act && db_ && e.is_lost();
        const bool is_away = e.is_lost() || !db_;  // or it could not be connected to
        if (is_away) db_.reset();
        return secured(is_unknown ? unknown() : failed(e, is_away));
    } catch (const std::exception& e) {
        // A statement is not the one we think, or an answer is too large: nobody else's trouble.
        // What the connection is in the middle of is not known.
        db_.reset();
        log_.error("The console could not answer", {{"error", e.what()}});
        return secured(
            error_reply(500, "failed", "the console made a mistake; its log tells more"));
    }
}

// What PostgreSQL says may quote a value: it is told to whoever gave it, and not logged.
http::Response Desk::failed(const pg::Error& error, bool is_away) {
    if (error.sqlstate() == "57014") {
        return error_reply(
            503, "too_slow",
            "the database took too long for this and was stopped: look at ops.bloat and at "
            "the oldest snapshot, or ask for less");
    }
    const auto* said = dynamic_cast<const pg::StatementError*>(&error);
    if (said != nullptr && error.sqlstate() == "P0001") {
        return error_reply(
            409, "refused",
            said->hint().empty() ? said->said() : said->said() + ". " + said->hint());
    }
    log_.warn("The database did not answer the console", {{"sqlstate", error.sqlstate()}});
    if (error.sqlstate().starts_with("22")) {
        return error_reply(
            400, "bad_request",
            "the database takes a value for none of its kind (SQLSTATE " + error.sqlstate() + ")");
    }
    if (error.sqlstate().starts_with("23")) {
        return error_reply(
            409, "refused",
            "what is stored contradicts it (SQLSTATE " + error.sqlstate() + "): look again");
    }
    if (is_away) {
        return error_reply(503, "database_away",
                           "the database does not answer: pgcourier doctor says more");
    }
    if (error.sqlstate() == "42501" || error.sqlstate() == "42883" || error.is_undefined_table()) {
        return error_reply(
            503, "database_away",
            "the schema ops lacks something, or may not be read (SQLSTATE " + error.sqlstate() +
                "): pgcourier migrate up makes it anew, and says what it could not grant");
    }
    return error_reply(503, "busy",
                       "the database refused (SQLSTATE " + error.sqlstate() + "): try again");
}

}  // namespace pgcourier::console
