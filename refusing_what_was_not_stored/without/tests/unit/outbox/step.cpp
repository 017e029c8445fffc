#include "outbox/step.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;
using namespace std::chrono_literals;

namespace {

const RetryPolicy kPolicy;

twilio::Refused refused(twilio::ErrorClass error_class) {
    return {.code = 12345,
            .http_status = 400,
            .permanent = error_class == twilio::ErrorClass::permanent,
            .error_class = error_class,
            .reason = "twilio 12345"};
}

struct Wait {
    int attempts;
    std::chrono::milliseconds wait;
};
std::ostream& operator<<(std::ostream& out, const Wait& w) {
    return out << "failure " << w.attempts;
}

const Wait kWaits[] = {{1, 1s},  {2, 2s},  {3, 4s},   {4, 8s},    {5, 16s},
                       {6, 30s}, {7, 30s}, {20, 30s}, {1000, 30s}};

const twilio::SendOutcome kSurelyNotSent[] = {
    twilio::ProviderDown{.reason = "no connection"},
    twilio::ProviderDown{.reason = "twilio 20503", .code = 20503, .http_status = 503},
    refused(twilio::ErrorClass::transient), refused(twilio::ErrorClass::rate_limited)};

}  // namespace

BOOST_DATA_TEST_CASE(the_wait_doubles_up_to_its_cap, boost::unit_test::data::make(kWaits)) {
    BOOST_TEST(backoff(sample.attempts, kPolicy).count() == sample.wait.count());
}

BOOST_AUTO_TEST_CASE(a_lower_cap_holds_from_the_first_failure) {
    BOOST_TEST(backoff(1, {.cap = 500ms}).count() == 500);
    BOOST_TEST(backoff(3, {.cap = 3s}).count() == 3000);
}

BOOST_AUTO_TEST_CASE(an_accepted_message_is_sent) {
    const Step step = next_step(twilio::Accepted{"SM01", "queued"}, 1, kPolicy);
    BOOST_TEST(std::get<MarkSent>(step).message_sid == "SM01");
}

BOOST_AUTO_TEST_CASE(what_was_surely_not_sent_is_tried_again_without_jitter) {
    for (const auto& outcome : kSurelyNotSent) {
        for (const auto& [attempts, wait] : {Wait{1, 1s}, Wait{2, 2s}, Wait{3, 4s}, Wait{4, 8s}}) {
            const Step step = next_step(outcome, attempts, kPolicy);
            BOOST_REQUIRE(std::holds_alternative<RetryAfter>(step));
            BOOST_TEST(std::get<RetryAfter>(step).wait.count() == wait.count());
        }
    }
}

BOOST_AUTO_TEST_CASE(the_fifth_failure_is_a_dead_letter_with_its_reason) {
    for (const auto& outcome : kSurelyNotSent) {
        BOOST_TEST(std::holds_alternative<DeadLetter>(next_step(outcome, 5, kPolicy)));
    }
    const Step step =
        next_step(twilio::ProviderDown{.reason = "twilio 20503", .code = 20503}, 5, kPolicy);
    BOOST_TEST(std::get<DeadLetter>(step).reason == "twilio 20503");
    BOOST_TEST(std::get<DeadLetter>(step).code == 20503);
}

BOOST_AUTO_TEST_CASE(with_one_attempt_the_first_failure_is_a_dead_letter) {
    BOOST_TEST(std::holds_alternative<DeadLetter>(
        next_step(twilio::ProviderDown{}, 1, {.max_attempts = 1})));
}

BOOST_AUTO_TEST_CASE(a_permanent_refusal_is_a_dead_letter_at_once) {
    const Step step = next_step(refused(twilio::ErrorClass::permanent), 1, kPolicy);
    BOOST_TEST(std::get<DeadLetter>(step).reason == "twilio 12345");
}

BOOST_AUTO_TEST_CASE(an_unknown_refusal_is_tried_once_more_and_then_believed) {
    twilio::Refused guess = refused(twilio::ErrorClass::permanent);
    guess.permanent = false;
    guess.permanent_on_repeat = true;
    BOOST_TEST(std::get<RetryAfter>(next_step(guess, 1, kPolicy)).wait.count() == 1000);
    BOOST_TEST(std::holds_alternative<DeadLetter>(next_step(guess, 2, kPolicy)));
}

BOOST_AUTO_TEST_CASE(a_longer_retry_after_is_honoured_and_a_shorter_one_is_not) {
    twilio::Refused limited = refused(twilio::ErrorClass::rate_limited);
    limited.retry_after = 7s;
    BOOST_TEST(std::get<RetryAfter>(next_step(limited, 1, kPolicy)).wait.count() == 7000);
    BOOST_TEST(std::get<RetryAfter>(next_step(limited, 4, kPolicy)).wait.count() == 8000);
    const twilio::ProviderDown down{.reason = "twilio 20503", .retry_after = 60s};
    BOOST_TEST(std::get<RetryAfter>(next_step(down, 1, kPolicy)).wait.count() == 60000);
}

BOOST_AUTO_TEST_CASE(a_systemic_error_is_never_judged_as_the_messages_own) {
    BOOST_CHECK_THROW(next_step(refused(twilio::ErrorClass::systemic), 1, kPolicy),
                      std::logic_error);
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_is_never_tried_again) {
    for (const int attempts : {1, 5, 50}) {
        BOOST_TEST(std::holds_alternative<Reconcile>(next_step(
            twilio::OutcomeUnknown{.reason = "HTTP 500", .http_status = 500}, attempts, kPolicy)));
        BOOST_TEST(std::holds_alternative<Reconcile>(
            next_step(refused(twilio::ErrorClass::ambiguous), attempts, kPolicy)));
    }
}
