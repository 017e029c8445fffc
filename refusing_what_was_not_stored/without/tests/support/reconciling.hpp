#pragma once
// A Reconciler beside a Sending, with times a hundredth of the real ones.

#include "outbox/reconcile.hpp"
#include "support/sending.hpp"

namespace pgcourier::test {

inline outbox::ReconcileSettings reconcile_settings_of(const Sending& sending) {
    outbox::ReconcileSettings s;
    s.provider = sending.settings().provider;
    s.policy.between_looks = std::chrono::milliseconds{150};
    s.policy.retry_base = std::chrono::milliseconds{20};
    s.policy.retry_cap = std::chrono::milliseconds{100};
    s.first_look = std::chrono::milliseconds{300};
    return s;
}

/// A reconciler on a thread of its own, woken so often that every look is in time, until it goes.
class RunningReconciler {
  public:
    RunningReconciler(pg::ConnectOptions options, outbox::ReconcileSettings settings)
        : reconciler_{std::move(options), std::move(settings), wake_, system_clock(), 1},
          thread_{[this](std::stop_token stop) { reconciler_.run(std::move(stop)); }},
          waker_{[this](const std::stop_token& stop) {
              Wake sleep;
              while (!stop.stop_requested()) {
                  sleep.wait_for(stop, std::chrono::milliseconds{20});
                  wake_.notify();
              }
          }} {}

  private:
    Wake wake_;
    outbox::Reconciler reconciler_;
    std::jthread thread_;
    std::jthread waker_;
};

}  // namespace pgcourier::test
