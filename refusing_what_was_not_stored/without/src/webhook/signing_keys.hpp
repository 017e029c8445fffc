#pragma once
// The keys that signatures are tried with, as they are now: they may be replaced while requests are
// being served.

#include "base/secret.hpp"

#include <memory>
#include <mutex>
#include <vector>

namespace pgcourier::webhook {

/// Safe from any thread.
class SigningKeys {
  public:
    explicit SigningKeys(std::vector<Secret> keys)
        : keys_{std::make_shared<const std::vector<Secret>>(std::move(keys))} {}

    /// What a request goes on with, whatever replaces it meanwhile.
    std::shared_ptr<const std::vector<Secret>> current() const {
        const std::scoped_lock lock{mutex_};
        return keys_;
    }
    void replace(std::vector<Secret> keys) {
        auto next = std::make_shared<const std::vector<Secret>>(std::move(keys));
        const std::scoped_lock lock{mutex_};
        keys_ = std::move(next);
    }

  private:
    mutable std::mutex mutex_;
    std::shared_ptr<const std::vector<Secret>> keys_;  // guarded by mutex_
};

}  // namespace pgcourier::webhook
