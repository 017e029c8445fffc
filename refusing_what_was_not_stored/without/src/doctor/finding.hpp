#pragma once
// What a check of `pgcourier doctor` found. Never a secret, a full number or a body.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::doctor {

enum class State {
    ok,
    warn,  // it works, and will not always
    fail,  // it does not work, or what it promises does not hold
    skip   // could not be looked at, since something before it failed
};

std::string_view to_text(State state);

struct Finding {
    std::string part;   // configuration, database, twilio, public url, webhook
    std::string check;  // what was looked at
    State state;
    std::string found;
    std::string advice{};  // what to do; empty: nothing
};

/// Gets each finding as soon as it is there: a check may wait for somebody who does not answer.
using Tell = std::function<void(const Finding&)>;

/// One part's findings on their way to whoever reads them.
class Part {
  public:
    Part(std::string name, const Tell& tell) : name_{std::move(name)}, tell_{tell} {}

    void add(const std::string& check, State state, std::string found, std::string advice = {}) {
        tell_({name_, check, state, std::move(found), std::move(advice)});
    }
    void ok(const std::string& check, std::string found) {
        add(check, State::ok, std::move(found));
    }
    void warn(const std::string& check, std::string found, std::string advice) {
        add(check, State::warn, std::move(found), std::move(advice));
    }
    void fail(const std::string& check, std::string found, std::string advice) {
        add(check, State::fail, std::move(found), std::move(advice));
    }
    /// `why`  what failed before
    void skip(const std::string& check, std::string why) {
        add(check, State::skip, "not looked at: " + std::move(why));
    }

  private:
    std::string name_;
    const Tell& tell_;
};

/// What a pure check says; where it is told, its part and name are added.
struct Verdict {
    State state = State::ok;
    std::string found;
    std::string advice{};
};

}  // namespace pgcourier::doctor
