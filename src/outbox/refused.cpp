#include "outbox/refused.hpp"

#include "base/log.hpp"
#include "pg/error.hpp"

#include <string>

namespace pgcourier::outbox {
namespace {

constexpr int kMostRefused = 100;  // those behind them come the next time

}  // namespace

std::size_t refused_apart(int most, std::atomic<int>& begin,
                          const std::function<std::size_t(int limit, int offset)>& step) {
    const int first = begin.exchange(0);
    try {
        return step(most, first);
    } catch (const pg::Error& e) {
        if (!e.is_about_rows()) throw;
    }
    std::string error;
    std::size_t total = 0;
    int refused = 0;
    for (int i = 0; i < most && refused < kMostRefused; ++i) {
        try {
            const std::size_t count = step(1, first + refused);
            if (count == 0) break;
            total += count;
        } catch (const pg::Error& e) {
            if (!e.is_about_rows()) throw;
            ++refused;
            error = e.what();
        }
    }
    if (refused > 0)
        Log{"Worker"}.error("Messages cannot be written and stay as they are",
                            {{"messages", refused}, {"error", error}});
    if (refused == kMostRefused) begin = first + refused;
    return total;
}

}  // namespace pgcourier::outbox
