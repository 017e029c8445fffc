#pragma once
// What becomes of a message after it was accepted: its statuses, when they come, and how reliably
// they are told.

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

namespace pgcourier::sim {

struct Progress {
    bool callbacks = true;                // posted to the message's StatusCallback, when it has one
    std::chrono::milliseconds step{100};  // between two statuses
    std::string_view last = "delivered";  // one of kLastStatuses; all before it are passed through
    int error_code = 63016;               // of `undelivered` and `failed`
    int copies = 1;                       // of each callback
    bool is_shuffled = false;             // callbacks of one message in any order
    double loss = 0;                      // share of callbacks that are never posted
};

/// What a rule changes for its messages.
struct ProgressChange {
    std::optional<bool> callbacks;
    std::optional<std::chrono::milliseconds> step;
    std::optional<std::string_view> last;
    std::optional<int> error_code;
    std::optional<int> copies;
    std::optional<bool> is_shuffled;
    std::optional<double> loss;

    Progress on(Progress base) const {
        base.callbacks = callbacks.value_or(base.callbacks);
        base.step = step.value_or(base.step);
        base.last = last.value_or(base.last);
        base.error_code = error_code.value_or(base.error_code);
        base.copies = copies.value_or(base.copies);
        base.is_shuffled = is_shuffled.value_or(base.is_shuffled);
        base.loss = loss.value_or(base.loss);
        return base;
    }
};

inline constexpr std::string_view kLastStatuses[] = {"queued", "sent",        "delivered",
                                                     "read",   "undelivered", "failed"};

/// The statuses after the first one, in order: `sent`, `delivered` for `delivered`; none for
/// `queued`.
inline std::vector<std::string_view> statuses_until(std::string_view last) {
    if (last == "queued") return {};
    if (last == "failed") return {"failed"};
    if (last == "sent") return {"sent"};
    if (last == "undelivered") return {"sent", "undelivered"};
    if (last == "read") return {"sent", "delivered", "read"};
    return {"sent", "delivered"};
}

}  // namespace pgcourier::sim
