#include "doctor/finding.hpp"

namespace pgcourier::doctor {

std::string_view to_text(State state) {
    switch (state) {
        case State::ok:
            return "ok";
        case State::warn:
            return "warn";
        case State::fail:
            return "fail";
        case State::skip:
            return "skip";
    }
    return "?";
}

}  // namespace pgcourier::doctor
