#include "ops/alerts.hpp"

#include "ops/patience.hpp"
#include "sql/ops.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

namespace pgcourier::ops {

std::string text_of(const Turn& turn, std::string_view source) {
    const std::string value = turn.value.empty() ? "no longer measured" : turn.value;
    if (turn.is_alert)
        return fmt::format("{}: ALERT: {}: {}. {}", source, turn.figure, value, turn.advice);
    return fmt::format("{}: over: {}: {}, after {} s", source, turn.figure, value, turn.seconds);
}

std::string slack_message(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            default:
                escaped += c;
        }
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartObject();
    json.Key("text");
    json.String(escaped);
    json.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

Alerts::Alerts(std::string source, std::chrono::milliseconds interval,
               std::function<void(const std::string&)> post, const Clock& clock)
    : source_{std::move(source)},
      interval_{interval},
      post_{std::move(post)},
      clock_{clock},
      next_look_{clock.steady_now()} {}

void Alerts::look(pg::Connection& db) {
    if (clock_.steady_now() < next_look_) return;
    next_look_ = clock_.steady_now() + interval_;
    pg::Rows rows;
    try {
        rows = exec_patiently(db, sql::ops::turn_alerts, pg::Params{interval_.count()});
        can_look_ = true;
    } catch (const pg::Error& e) {
        if (e.is_lost()) throw;
        // Too slow, or just being made anew by `migrate up`.
        if (std::exchange(can_look_, false))
            log_.warn("ops.health cannot be read: no alerts until it can", {{"error", e.what()}});
    }
    for (const pg::Row row : rows) {
        tell({.figure = row.string(0),
              .is_alert = row.boolean(1),
              .value = row.string(2),
              .advice = row.string(3),
              .correlation_id = row.string(4),
              .seconds = row.int64(5)});
    }
}

void Alerts::tell(const Turn& turn) const {
    if (turn.is_alert) {
        log_.error("Health alert", {{"figure", turn.figure},
                                    {"value", turn.value},
                                    {"advice", turn.advice},
                                    {"correlationId", turn.correlation_id}});
    } else {
        log_.info("Health alert is over", {{"figure", turn.figure},
                                           {"value", turn.value},
                                           {"seconds", turn.seconds},
                                           {"correlationId", turn.correlation_id}});
    }
    if (post_) post_(text_of(turn, source_));
}

}  // namespace pgcourier::ops
