#include "pg/reconnects.hpp"

#include <utility>

namespace pgcourier::pg {

std::optional<std::string> Reconnects::refuse(SteadyTime now) {
    const std::scoped_lock lock{mutex_};
    if (why_ && now < next_) return why_;
    next_ = now + jittered(kPause, rng_);
    return std::nullopt;
}

void Reconnects::worked() {
    const std::scoped_lock lock{mutex_};
    why_.reset();
}

void Reconnects::failed(std::string why) {
    const std::scoped_lock lock{mutex_};
    why_ = std::move(why);
}

}  // namespace pgcourier::pg
