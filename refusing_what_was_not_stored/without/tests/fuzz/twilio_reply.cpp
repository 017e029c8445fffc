// Twilio's answer to a create call: accepted exactly when a 2xx has a readable sid, never judged as
// surely not sent where the error is ambiguous; the reason is short and quotes nothing of the body;
// a wait is between nothing and a day.
#include "fuzz/support.hpp"
#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/reply.hpp"
#include "twilio/sid.hpp"

#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

void check_reason(const std::string& reason) {
    require(!reason.empty() && reason.size() <= 400, "a reason is there and short");
    require(fuzz::is_pg_text(reason), "a reason is a text for PostgreSQL");
    // What was sent is quoted by Twilio between the message's words; the marker stands for it.
    require(reason.find("+33612345678") == std::string::npos &&
                reason.find("secret body") == std::string::npos,
            "a reason quotes nothing of the body");
}

void check_wait(const std::optional<std::chrono::milliseconds>& wait) {
    require(!wait || (wait->count() >= 0 && *wait <= std::chrono::hours{24}),
            "a wait is between nothing and a day");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const int status = fuzz::small_number(input.line()) % 1000;
    const std::string_view retry_after = input.line();
    const std::string_view type = "application/json";  // the caller's is shown, so it is not fuzzed
    const std::string_view body = input.rest();

    const SendOutcome outcome = read_reply(
        status, type, retry_after.empty() ? std::nullopt : std::optional{retry_after}, body);
    const bool is_success = status >= 200 && status < 300;
    if (const auto* accepted = std::get_if<Accepted>(&outcome)) {
        require(is_success && is_message_sid(accepted->message_sid),
                "accepted is a 2xx with a sid");
        require(fuzz::is_pg_text(accepted->status), "its status is a text for PostgreSQL");
    } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
        require(!is_success, "a 2xx is never refused");
        require(refused->error_class != ErrorClass::ambiguous, "refused is surely not sent");
        require(!(refused->permanent && refused->permanent_on_repeat),
                "permanent at once or when it comes again");
        require(refused->http_status == status, "the status is told");
        check_reason(refused->reason);
        check_wait(refused->retry_after);
    } else if (const auto* down = std::get_if<ProviderDown>(&outcome)) {
        require(status == 503 && down->code == 20503, "down is 503 with Twilio's own 20503");
        check_reason(down->reason);
        check_wait(down->retry_after);
    } else {
        const auto& unknown = std::get<OutcomeUnknown>(outcome);
        require(unknown.http_status == status, "the status is told");
        check_reason(unknown.reason);
    }
    if (is_success && body.size() <= 1000) {
        require(std::holds_alternative<Accepted>(outcome) ==
                    is_message_sid(value_or_empty(json_fields(body), "sid")),
                "a 2xx is accepted exactly when its sid can be read");
    }
    for (const ErrorCode& known : error_codes())
        require(!judge(known.code, 400).is_guess, "what is in the table is no guess");
    read_reply(status, body, body, body);  // any bytes as header values too
    return 0;
}
