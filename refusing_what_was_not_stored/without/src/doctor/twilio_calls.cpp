#include "doctor/twilio_calls.hpp"

#include "twilio/reply.hpp"

#include <fmt/format.h>

#include <variant>

namespace pgcourier::doctor {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;  // a thousand senders

// The table of codes tells what a refusal means, whatever was asked.
void add_reason(Answer& answer, const http::Outcome& outcome) {
    const twilio::SendOutcome read =
        twilio::read_reply(outcome.status, outcome.content_type, outcome.retry_after, outcome.body);
    std::visit(
        [&answer]<class Kind>(const Kind& kind) {
            if constexpr (!std::is_same_v<Kind, twilio::Accepted>) {
                answer.code = kind.code;
                answer.why = kind.reason;
            }
        },
        read);
    if (answer.why.empty()) answer.why = fmt::format("HTTP {}", outcome.status);
}

/// date    whole seconds, in which it was said between `asked` and `answered`
Answer::Ahead ahead_of(std::chrono::sys_seconds date, WallTime asked, WallTime answered) {
    using std::chrono::milliseconds;
    constexpr milliseconds kHalfASecond{500};
    const milliseconds half_way = (answered - asked) / 2;
    return {.by = date + kHalfASecond - (asked + half_way), .uncertainty = kHalfASecond + half_way};
}

}  // namespace

TwilioCalls::TwilioCalls(const Limits& limits, const Clock& clock)
    : limits_{limits},
      clock_{clock},
      client_{{.max_connections = 1,
               .connect_timeout = limits.answer_timeout,
               .response_bytes = kMostBytes}} {}

Answer TwilioCalls::get(const std::string& url, const Credentials& credentials) {
    const WallTime asked = clock_.now();
    client_.start(0, {.method = "GET",
                      .url = url,
                      .headers = {"Accept: application/json"},
                      .user = credentials.user,
                      .password = credentials.password,
                      .timeout = limits_.answer_timeout});
    std::vector<http::Finished> finished;
    while (finished.empty()) finished = client_.poll(limits_.answer_timeout);
    http::Outcome& outcome = finished.front().outcome;
    Answer answer;
    if (outcome.kind != http::Outcome::Kind::response) {
        answer.why = outcome.error;
        return answer;
    }
    answer.status = outcome.status;
    if (outcome.date) answer.ahead = ahead_of(*outcome.date, asked, clock_.now());
    if (outcome.status != 200) add_reason(answer, outcome);
    answer.body = std::move(outcome.body);
    return answer;
}

}  // namespace pgcourier::doctor
