#include "ops/alerts.hpp"

#include "ops/patience.hpp"
#include "sql/ops.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

namespace pgcourier::ops {
namespace {

constexpr std::int64_t kLate = 60;  // seconds, from which on a text says so
// Looks that fail one after the other until that is an alert: `migrate up`, which makes the views
// anew, is over by then.
constexpr int kBlindLooks = 3;

}  // namespace

std::string text_of(const Turn& turn, std::string_view source) {
    const std::string gone = turn.figure == kBlind ? "it can be read again" : "no longer measured";
    const std::string value = turn.value.empty() ? gone : turn.value;
    const std::string late =
        turn.seconds_ago < kLate ? "" : fmt::format(" ({} min ago)", turn.seconds_ago / 60);
    if (turn.is_alert)
        return fmt::format("{}: ALERT{}: {}: {}. {}", source, late, turn.figure, value,
                           turn.advice);
    return fmt::format("{}: over{}: {}: {}, after {} s", source, late, turn.figure, value,
                       turn.seconds);
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

Alerts::Alerts(std::string source, std::chrono::milliseconds interval, Post post,
               const Clock& clock)
    : source_{std::move(source)},
      interval_{interval},
      post_{std::move(post)},
      clock_{clock},
      next_look_{clock.steady_now()} {}

void Alerts::look(pg::Connection& db) {
    const bool is_time = clock_.steady_now() >= next_look_;
    if (is_time) {
        next_look_ = clock_.steady_now() + interval_;
        turn(db);
    }
    if (!post_) return;
    try {
        if ((settle(db) || is_time) && !is_posting()) post_some(db);
        can_post_ = true;
    } catch (const pg::Error& e) {
        if (e.is_lost()) throw;
        if (std::exchange(can_post_, false))
            log_.warn("Alerts cannot be posted", {{"error", e.what()}});
    }
}

void Alerts::turn(pg::Connection& db) {
    for (const pg::Row row : look_or_raise(db)) {
        tell({.figure = row.string(0),
              .is_alert = row.boolean(1),
              .value = row.string(2),
              .advice = row.string(3),
              .correlation_id = row.string(4),
              .seconds = row.int64(5)});
    }
}

pg::Rows Alerts::look_or_raise(pg::Connection& db) {
    try {
        pg::Rows turned = exec_patiently(db, sql::ops::turn_alerts, pg::Params{interval_.count()});
        failed_looks_ = 0;
        return turned;
    } catch (const pg::Error& e) {
        if (e.is_lost()) throw;
        // Too slow, or just being made anew by `migrate up`.
        if (failed_looks_++ == 0)
            log_.warn("ops.health cannot be read: no alerts until it can", {{"error", e.what()}});
        if (failed_looks_ < kBlindLooks) return {};
        try {
            const std::string said = "SQLSTATE " + e.sqlstate();
            return exec_patiently(db, sql::ops::raise_blind,
                                  pg::Params{kBlindLooks * interval_.count(), said});
        } catch (const pg::Error& again) {
            if (again.is_lost()) throw;
            return {};
        }
    }
}

bool Alerts::settle(pg::Connection& db) {
    std::vector<std::int64_t> taken;
    {
        const std::scoped_lock lock{mutex_};
        taken = taken_;
    }
    if (taken.empty()) return false;
    // When the reply to this is lost, it is done again.
    exec_patiently(db, sql::ops::settle_posts, pg::Params{taken});
    const std::scoped_lock lock{mutex_};
    taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(taken.size()));
    return true;
}

void Alerts::post_some(pg::Connection& db) {
    const pg::Rows rows = exec_patiently(db, sql::ops::claim_posts);
    {
        const std::scoped_lock lock{mutex_};
        posting_ = static_cast<std::size_t>(rows.size());
    }
    for (const pg::Row row : rows) {
        const std::int64_t id = row.int64(0);
        post_(text_of({.figure = row.string(1),
                       .is_alert = row.boolean(2),
                       .value = row.string(3),
                       .advice = row.string(4),
                       .correlation_id = row.string(5),
                       .seconds = row.int64(6),
                       .seconds_ago = row.int64(7)},
                      source_),
              [this, id](bool is_taken) { note_ended(id, is_taken); });
    }
}

// A post that was not taken is left in the table: its lease ends.
void Alerts::note_ended(std::int64_t id, bool is_taken) {
    const std::scoped_lock lock{mutex_};
    --posting_;
    if (is_taken) taken_.push_back(id);
}

bool Alerts::is_posting() const {
    const std::scoped_lock lock{mutex_};
    return posting_ > 0;
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
}

}  // namespace pgcourier::ops
