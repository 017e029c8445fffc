#pragma once
// Alerts without other software: when a figure of ops.health turns to alert or back, one line in
// the log, one row in event_log, NOTIFY ops_alert and, where ALERT_WEBHOOK_URL is set, one post. By
// one instance for each change; a restart repeats nothing.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace pgcourier::ops {

/// A figure that became an alert or is one no longer.
struct Turn {
    std::string figure;
    bool is_alert = false;
    std::string value;  // empty: there is no such figure any more
    std::string advice;
    std::string correlation_id;
    std::int64_t seconds = 0;  // for which it has been one
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
    /// interval  between two looks, of all instances together
    /// post      gets what is to be posted, if anybody wants it; must not wait
    Alerts(std::string source, std::chrono::milliseconds interval,
           std::function<void(const std::string& text)> post, const Clock& clock);

    /// Looks, when it is time to.
    ///
    /// throws  pg::Error when the connection is lost. When that was during the commit, event_log
    ///         may know of a change that nobody told of
    /// SQL     queries/ops/turn_alerts.sql
    void look(pg::Connection& db);

  private:
    void tell(const Turn& turn) const;

    const std::string source_;
    const std::chrono::milliseconds interval_;
    const std::function<void(const std::string&)> post_;
    const Clock& clock_;
    const Log log_{"Health"};
    SteadyTime next_look_;
    bool can_look_ = true;
};

}  // namespace pgcourier::ops
