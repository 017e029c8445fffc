#pragma once
// Alerts without other software: when a figure of ops.health turns to alert or back, one line in
// the log, one row in event_log and NOTIFY ops_alert, by one instance for each change; a restart
// repeats nothing. And one post by an instance that has ALERT_WEBHOOK_URL: again, for an hour, when
// it was not taken or its process ended, so that somebody may rarely hear of a change twice.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::ops {

/// The figure that is an alert when ops.health cannot be read.
inline constexpr std::string_view kBlind = "ops.health unreadable";

/// A figure that became an alert or is one no longer.
struct Turn {
    std::string figure;
    bool is_alert = false;
    std::string value;  // empty: there is no such figure any more
    std::string advice;
    std::string correlation_id;
    std::int64_t seconds = 0;      // for which it has been one
    std::int64_t seconds_ago = 0;  // that this is
};

/// One line for people.
///
/// source  whose alert it is: `pgcourier (production)`
std::string text_of(const Turn& turn, std::string_view source);

/// `{"text": …}`, as Slack's incoming webhooks take it; `&`, `<` and `>` are written as it wants
/// them. https://docs.slack.dev/messaging/formatting-message-text
std::string slack_message(std::string_view text);

class Alerts {
  public:
    /// Posts a text; must not wait. Calls `ended` once, with whether it was taken, from any thread,
    /// and at the latest while the alerts live.
    using Post = std::function<void(const std::string& text, std::function<void(bool)> ended)>;

    /// interval  between two looks, of all instances together
    /// post      empty: nobody is to be told by this process
    Alerts(std::string source, std::chrono::milliseconds interval, Post post, const Clock& clock);

    /// Looks, when it is time to, and posts what waits for it.
    ///
    /// throws  pg::Error when the connection is lost. When that was during the commit, the log may
    ///         lack a change that event_log knows of
    /// SQL     queries/ops/turn_alerts.sql, raise_blind.sql, claim_posts.sql
    void look(pg::Connection& db);
    /// Writes down which posts were taken.
    ///
    /// returns  whether there were any
    /// throws   pg::Error; the next call writes them
    /// SQL      queries/ops/settle_posts.sql
    bool settle(pg::Connection& db);

  private:
    void turn(pg::Connection& db);
    pg::Rows look_or_raise(pg::Connection& db);
    void post_some(pg::Connection& db);
    void note_ended(std::int64_t id, bool is_taken);
    bool is_posting() const;
    void tell(const Turn& turn) const;

    const std::string source_;
    const std::chrono::milliseconds interval_;
    const Post post_;
    const Clock& clock_;
    const Log log_{"Health"};
    SteadyTime next_look_;
    int failed_looks_ = 0;
    bool can_post_ = true;
    mutable std::mutex mutex_;
    std::size_t posting_ = 0;          // guarded by mutex_
    std::vector<std::int64_t> taken_;  // guarded by mutex_
};

}  // namespace pgcourier::ops
