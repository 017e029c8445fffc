#pragma once
// The viewers that are told what happens, by server-sent events: all of them the same, made once.
// https://html.spec.whatwg.org/multipage/server-sent-events.html

#include "base/clock.hpp"
#include "http/routes.hpp"

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::console {

class Live {
  public:
    explicit Live(const Clock& clock, std::size_t most = 200) : clock_{clock}, most_{most} {}

    /// Begins an answer, with the last event when that is young; 503 beyond the bound.
    /// cookie  of the viewer's sign-in
    /// until   then it ends: that sign-in is over
    void join(http::Responder respond, std::string cookie, WallTime until);
    /// Ends the answers to whoever came with this cookie.
    void sign_out(std::string_view cookie);
    /// Tells all viewers.
    void tell(std::string_view event, std::string_view json);
    /// As far as is known: who has left is noticed by telling.
    bool has_viewers();
    std::size_t viewers();
    /// Ends all answers.
    void end();

  private:
    struct Viewer {
        http::Stream stream;
        std::string cookie;
        WallTime until;
    };
    void forget_gone();

    const Clock& clock_;
    const std::size_t most_;
    std::mutex mutex_;
    std::vector<Viewer> viewers_;  // guarded by mutex_
    std::string last_;             // guarded by mutex_
    SteadyTime last_at_{};         // guarded by mutex_
    bool has_ended_ = false;       // guarded by mutex_
};

}  // namespace pgcourier::console
