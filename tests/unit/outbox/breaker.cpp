#include "outbox/breaker.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;
using namespace std::chrono_literals;

namespace {

constexpr const char* kSender = "+33700000001";
const RetryPolicy kPolicy;

Claimed message(const std::string& id, int attempt = 1) {
    return {.id = {id}, .from = kSender, .attempt = attempt};
}

Claimed probe(const std::string& id) {
    Claimed m = message(id);
    m.is_probe = true;
    return m;
}

Scope well(const std::string& name) {
    return {.name = name, .calls = kFullSpeed, .success_ago = 120s};
}

Breaker breaker(std::vector<Scope> scopes = {well("provider"), well("credentials:1"),
                                             well(sender_scope(kSender))}) {
    return {std::move(scopes), {.credentials = "credentials:1"}, kPolicy};
}

const Scope& scope(const Breaker& b, const std::string& name) {
    for (const Scope& s : b.scopes()) {
        if (s.name == name) return s;
    }
    throw std::logic_error{"no scope " + name};
}
const Scope& provider(const Breaker& b) {
    return scope(b, "provider");
}
const Scope& credentials(const Breaker& b) {
    return scope(b, "credentials:1");
}
const Scope& sender(const Breaker& b) {
    return scope(b, sender_scope(kSender));
}

const twilio::SendOutcome kAccepted = twilio::Accepted{"SM01", "queued"};
const twilio::SendOutcome kNoConnection = twilio::ProviderDown{.reason = "not sent"};
const twilio::SendOutcome kDown =
    twilio::ProviderDown{.reason = "twilio 20503", .code = 20503, .http_status = 503};
const twilio::SendOutcome kMaybe = twilio::OutcomeUnknown{.reason = "HTTP 500", .http_status = 500};
twilio::SendOutcome refused(int code, int status = 400,
                            std::optional<std::chrono::milliseconds> retry_after = {}) {
    const twilio::Verdict verdict = twilio::judge(code, status);
    return twilio::Refused{.code = code,
                           .http_status = status,
                           .permanent = verdict.error_class == twilio::ErrorClass::permanent,
                           .error_class = verdict.error_class,
                           .scope = verdict.scope,
                           .is_guess = verdict.is_guess,
                           .reason = "twilio " + std::to_string(code),
                           .retry_after = retry_after};
}

}  // namespace

BOOST_AUTO_TEST_CASE(bad_credentials_open_at_once_and_use_no_attempt) {
    Breaker b = breaker();
    const Step step = b.judge(message("a"), refused(20003, 401));
    BOOST_TEST(std::get<PutBack>(step).deferrals == 1);
    BOOST_TEST(credentials(b).is_opening);
    BOOST_TEST(credentials(b).code == 20003);
    BOOST_TEST(credentials(b).probe_in.value().count() == 60'000);
    BOOST_TEST(!provider(b).is_open);
    BOOST_TEST(!sender(b).is_open);
    // What else was in flight neither alerts nor moves the probe.
    b.judge(message("b"), refused(20003, 401));
    BOOST_TEST(credentials(b).probe_in.value().count() == 60'000);
}

BOOST_AUTO_TEST_CASE(a_sender_that_does_not_work_opens_its_own_breaker) {
    Breaker b = breaker();
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("a"), refused(63007))));
    BOOST_TEST(sender(b).is_opening);
    BOOST_TEST(!credentials(b).is_open);
}

BOOST_AUTO_TEST_CASE(a_sender_over_its_rate_is_paused_for_as_long_as_twilio_says) {
    Breaker b = breaker();
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("a"), refused(63018, 429, 25s))));
    BOOST_TEST(sender(b).is_opening);
    BOOST_TEST(sender(b).probe_in.value().count() == 25'000);
}

BOOST_AUTO_TEST_CASE(
    three_failures_of_the_provider_in_a_row_open_it_and_the_third_uses_no_attempt) {
    Breaker b = breaker();
    BOOST_TEST(std::holds_alternative<RetryAfter>(b.judge(message("a"), kDown)));
    BOOST_TEST(std::holds_alternative<RetryAfter>(b.judge(message("b"), kNoConnection)));
    BOOST_TEST(!provider(b).is_open);
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("c"), kDown)));
    BOOST_TEST(provider(b).is_opening);
    BOOST_TEST(provider(b).probe_in.value().count() == 10'000);
    BOOST_TEST(!sender(b).is_open);
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("d", 5), kDown)));
    BOOST_TEST(std::holds_alternative<Reconcile>(b.judge(message("e"), kMaybe)));
}

BOOST_AUTO_TEST_CASE(a_success_between_breaks_the_run) {
    Breaker b = breaker();
    b.judge(message("a"), kDown);
    b.judge(message("b"), kMaybe);
    b.judge(message("c"), refused(21211));  // Twilio works: it refuses this one
    b.judge(message("d"), kDown);
    b.judge(message("e"), kDown);
    BOOST_TEST(!provider(b).is_open);
    BOOST_TEST(provider(b).failures == 2);
}

BOOST_AUTO_TEST_CASE(
    one_message_that_fails_again_and_again_while_others_are_sent_is_its_own_fault) {
    Breaker b = breaker();
    b.judge(message("other"), kAccepted);
    for (int attempt = 1; attempt < 5; ++attempt) {
        const Step step = b.judge(message("a", attempt), kDown);
        BOOST_TEST(std::holds_alternative<RetryAfter>(step));
    }
    BOOST_TEST(std::holds_alternative<DeadLetter>(b.judge(message("a", 5), kDown)));
    BOOST_TEST(!provider(b).is_open);
}

BOOST_AUTO_TEST_CASE(without_a_recent_success_the_same_is_taken_for_an_outage) {
    Breaker b = breaker();  // two minutes ago
    b.judge(message("a", 1), kDown);
    b.judge(message("a", 2), kDown);
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("a", 3), kDown)));
    BOOST_TEST(provider(b).is_open);
}

BOOST_AUTO_TEST_CASE(without_a_connection_a_single_message_is_no_exception) {
    Breaker b = breaker();
    b.judge(message("other"), kAccepted);
    for (int attempt = 1; attempt <= 3; ++attempt) b.judge(message("a", attempt), kNoConnection);
    BOOST_TEST(provider(b).is_open);
}

BOOST_AUTO_TEST_CASE(an_outage_that_begins_does_not_have_the_last_attempts) {
    Breaker b = breaker();
    b.judge(message("a", 1), kDown);
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(message("b", 5), kDown)));
}

BOOST_AUTO_TEST_CASE(only_a_probe_closes_and_it_begins_with_two_calls) {
    Breaker b = breaker({{.name = "provider", .is_open = true, .probes = 2},
                         well("credentials:1"),
                         well(sender_scope(kSender))});
    b.judge(message("late"), kAccepted);
    BOOST_TEST(provider(b).is_open);
    b.judge(probe("p"), kAccepted);
    BOOST_TEST(provider(b).is_closing);
    BOOST_TEST(!provider(b).is_open);
    BOOST_TEST(provider(b).calls == 2);
    b.judge(message("next"), kAccepted);
    BOOST_TEST(provider(b).calls == 4);
}

BOOST_AUTO_TEST_CASE(failed_probes_come_at_growing_intervals) {
    std::vector<std::int64_t> waits;
    Scope open{.name = "provider", .is_open = true};
    for (int i = 0; i < 5; ++i) {
        Breaker b = breaker({open, well("credentials:1"), well(sender_scope(kSender))});
        BOOST_TEST(std::holds_alternative<PutBack>(b.judge(probe("p"), kDown)));
        open = provider(b);
        waits.push_back(open.probe_in.value().count());
    }
    BOOST_TEST(waits == (std::vector<std::int64_t>{60'000, 120'000, 240'000, 300'000, 300'000}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_systemic_error_that_hits_one_message_while_others_are_sent_is_its_own) {
    Scope account = well("credentials:1");
    account.success_ago = 10s;
    Breaker b = breaker({well("provider"), account, well(sender_scope(kSender))});
    Claimed m = message("a");
    m.deferrals = 3;
    for (m.attempt = 1; m.attempt < 5; ++m.attempt) {
        const auto back = std::get<RetryAfter>(b.judge(m, refused(21608)));
        BOOST_TEST(back.wait.count() == 30'000);
        b.judge(message("other"), kAccepted);
    }
    BOOST_TEST(std::holds_alternative<DeadLetter>(b.judge(m, refused(21608))));
    BOOST_TEST(!credentials(b).is_open);
}

// A firewall before Twilio that refuses one body, with a page of its own: its number pauses until a
// probe with another message, three times at most; the account only when nothing was sent for long.
BOOST_AUTO_TEST_CASE(a_message_that_a_proxy_refuses_does_not_stop_the_others_for_good) {
    Breaker b = breaker();
    Claimed m = message("a");
    for (m.deferrals = 0; m.deferrals < 3; ++m.deferrals) {
        BOOST_TEST(std::holds_alternative<PutBack>(b.judge(m, refused(0, 400))));
        BOOST_TEST(credentials(b).is_open == (m.deferrals == 0));
        BOOST_TEST(sender(b).is_open == (m.deferrals > 0));
        b.judge(probe("other"), kAccepted);
        BOOST_TEST(!credentials(b).is_open);
        BOOST_TEST(!sender(b).is_open);
    }
    for (m.attempt = 1; m.attempt < 5; ++m.attempt)
        BOOST_TEST(std::holds_alternative<RetryAfter>(b.judge(m, refused(0, 400))));
    BOOST_TEST(std::holds_alternative<DeadLetter>(b.judge(m, refused(0, 400))));
    BOOST_TEST(!credentials(b).is_open);
}

// One shop's campaign that a firewall refuses is that shop's; three numbers' in a row is not.
BOOST_AUTO_TEST_CASE(what_nobody_knows_pauses_a_number_while_others_are_sent) {
    Scope account = well("credentials:1");
    account.success_ago = 10s;
    const char* const numbers[] = {kSender, "+33700000002", "+33700000003"};
    std::vector<Scope> scopes{well("provider"), account};
    for (const char* number : numbers) scopes.push_back(well(sender_scope(number)));
    Breaker b = breaker(scopes);
    for (int i = 0; i < 10; ++i) {
        const Step step = b.judge(message(std::to_string(i)), refused(0, 403));
        BOOST_TEST(std::holds_alternative<PutBack>(step));
    }
    BOOST_TEST(sender(b).is_opening);
    BOOST_TEST(!credentials(b).is_open);

    for (const int senders : {2, 3}) {
        Claimed m = message("x");
        m.from = numbers[senders - 1];
        b.judge(m, refused(99999, 403));
        BOOST_TEST(credentials(b).is_opening == (senders == 3));
    }
    BOOST_TEST(!scope(b, sender_scope("+33700000003")).is_open);

    // With a success between it is no row; and what Twilio says of the account is not doubted.
    Breaker other = breaker(scopes);
    for (const char* number : numbers) {
        Claimed m = message("x");
        m.from = number;
        other.judge(m, refused(0, 404));
        Claimed sent = message("y");
        sent.from = "+33700000004";
        other.judge(sent, kAccepted);
    }
    BOOST_TEST(!credentials(other).is_open);
    other.judge(message("z"), refused(20003, 401));
    BOOST_TEST(credentials(other).is_opening);
}

BOOST_AUTO_TEST_CASE(an_outage_dead_letters_none_of_those_that_an_earlier_one_put_back) {
    Scope account = well("credentials:1");
    account.success_ago = 10s;
    Breaker b = breaker({well("provider"), account, well(sender_scope(kSender))});
    for (const char* id : {"a", "b", "c"}) {
        Claimed m = message(id);
        m.deferrals = 9;
        const Step step = b.judge(m, refused(20005));
        if (std::string{id} != "a") BOOST_TEST(std::holds_alternative<PutBack>(step));
        BOOST_TEST(!std::holds_alternative<DeadLetter>(step));
    }
    BOOST_TEST(credentials(b).is_opening);

    // Nothing was sent for a while: it is taken for an outage at once.
    account.success_ago = 240s;
    Breaker later = breaker({well("provider"), account, well(sender_scope(kSender))});
    Claimed m = message("a");
    m.deferrals = 9;
    BOOST_TEST(std::holds_alternative<PutBack>(later.judge(m, refused(20005))));
    BOOST_TEST(credentials(later).is_opening);
}

BOOST_AUTO_TEST_CASE(connections_that_fail_open_it_whatever_was_put_back_before) {
    Scope provider_scope = well("provider");
    provider_scope.success_ago = 5s;
    Breaker b = breaker({provider_scope, well("credentials:1"), well(sender_scope(kSender))});
    for (const char* id : {"a", "b", "c", "d"}) {
        Claimed m = message(id, 5);
        m.deferrals = 5;
        const Step step = b.judge(m, kNoConnection);
        // The first failure of a run may be its own; nothing after it is.
        if (std::string{id} != "a") BOOST_TEST(std::holds_alternative<PutBack>(step));
    }
    BOOST_TEST(provider(b).is_open);
}

BOOST_AUTO_TEST_CASE(too_many_requests_use_no_attempt_wait_longer_each_time_and_leave_fewer_calls) {
    Breaker b = breaker();
    Claimed m = message("a", 3);
    m.deferrals = 2;
    const auto back = std::get<PutBack>(b.judge(m, refused(20429, 429)));
    BOOST_TEST(back.wait.count() == 4000);
    BOOST_TEST(back.deferrals == 3);
    BOOST_TEST(credentials(b).calls == 32);
    BOOST_TEST(std::get<PutBack>(b.judge(m, refused(20429, 429, 20s))).wait.count() == 20'000);
    BOOST_TEST(credentials(b).calls == 16);
    m.deferrals = 80;
    BOOST_TEST(std::holds_alternative<PutBack>(b.judge(m, refused(20429, 429))));
    BOOST_TEST(!credentials(b).is_open);
}

BOOST_AUTO_TEST_CASE(what_a_callback_has_opened_closes_with_the_second_message_that_is_taken) {
    Scope number{.name = sender_scope(kSender), .is_open = true, .is_by_callback = true};
    Breaker b = breaker({well("provider"), well("credentials:1"), number});
    b.judge(probe("p"), kAccepted);
    BOOST_TEST(sender(b).is_open);
    BOOST_TEST(sender(b).probe_in.value().count() == 30'000);
    b.judge(probe("q"), kAccepted);
    BOOST_TEST(!sender(b).is_open);
    BOOST_TEST(sender(b).is_closing);
}

BOOST_AUTO_TEST_CASE(a_scope_that_was_idle_for_long_starts_with_one_call_again) {
    Scope idle = well("provider");
    idle.success_ago = 301s;
    Breaker b = breaker({idle, well("credentials:1"), well(sender_scope(kSender))});
    b.judge(message("a"), kAccepted);
    BOOST_TEST(provider(b).calls == 2);
    BOOST_TEST(credentials(b).calls == kFullSpeed);
}
