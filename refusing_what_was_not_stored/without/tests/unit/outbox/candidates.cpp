#include "outbox/candidates.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::outbox;
using namespace std::chrono_literals;
using twilio::ListedMessage;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kShop = "+33700000001";
const WallTime kAttempted{std::chrono::milliseconds{1'770'544'800'400}};
const SendWindow kWindow;
const LookPolicy kPolicy;

UnknownSend a_send(std::string body = "text") {
    return {.to = kAnna, .from = kShop, .body = std::move(body), .attempted = kAttempted};
}

UnknownSend a_template() {
    UnknownSend send = a_send({});
    send.is_template = true;
    return send;
}

// Created so many seconds after the attempt; whole seconds, as Twilio writes them.
ListedMessage listed(std::string sid, std::chrono::milliseconds after, std::string body = "text") {
    return {.sid = std::move(sid),
            .to = kAnna,
            .from = kShop,
            .body = std::move(body),
            .direction = "outbound-api",
            .status = "delivered",
            .created = std::chrono::floor<std::chrono::seconds>(kAttempted + after)};
}

// `found <sid>`, `absent` or `doubtful`
std::string verdict(const UnknownSend& send, std::vector<ListedMessage> messages,
                    const std::set<std::string, std::less<>>& known = {}, bool is_whole = true) {
    const Verdict v = judge(
        send, {.messages = std::move(messages), .is_whole = is_whole},
        [&](std::string_view sid) { return known.contains(sid); }, kWindow);
    if (const auto* found = std::get_if<FoundAt>(&v)) return "found " + found->sid;
    return std::holds_alternative<Absent>(v) ? "absent" : "doubtful";
}

struct Time {
    std::chrono::milliseconds after;
    const char* same_text;
    const char* other_text;
};
std::ostream& operator<<(std::ostream& out, const Time& time) {
    return out << time.after.count() << " ms after the attempt";
}

const Time kTimes[] = {
    {0ms, "found A", "doubtful"},
    {-400ms, "found A", "doubtful"},  // Twilio's times have whole
                                      // seconds
    {-4s, "found A", "doubtful"},     // clocks that differ a little
    {31s, "found A", "doubtful"},     // the last at which it can have left
    {-6s, "doubtful", "doubtful"},    // somebody else's, or clocks that differ a lot
    {33s, "doubtful", "doubtful"},
    {-290s, "doubtful", "doubtful"},
    {320s, "doubtful", "doubtful"},
    {-302s, "absent", "absent"},
    {333s, "absent", "absent"},
};

struct Attempt {
    int looks;
    int attempts;
    Verdict verdict;
    LookAct act;
};
std::ostream& operator<<(std::ostream& out, const Attempt& a) {
    return out << "look " << a.looks + 1 << " of attempt " << a.attempts << ", verdict "
               << a.verdict.index();
}

const Attempt kAttempts[] = {
    {0, 1, FoundAt{"A", kShop}, LookAct::sent},
    {1, 5, FoundAt{"A", kShop}, LookAct::sent},
    {0, 1, Absent{}, LookAct::next_look},
    {0, 5, Absent{}, LookAct::next_look},
    {1, 1, Absent{}, LookAct::failed},
    {1, 4, Absent{}, LookAct::failed},
    {1, 5, Absent{}, LookAct::dead},
    {0, 1, Doubtful{"x"}, LookAct::next_look},
    {1, 1, Doubtful{"x"}, LookAct::held},
    {1, 5, Doubtful{"x"}, LookAct::held},
};

}  // namespace

BOOST_DATA_TEST_CASE(times_decide_what_can_be_the_message, boost::unit_test::data::make(kTimes)) {
    BOOST_TEST(verdict(a_send(), {listed("A", sample.after)}) == sample.same_text);
    BOOST_TEST(verdict(a_send(), {listed("A", sample.after, "else")}) == sample.other_text);
}

BOOST_AUTO_TEST_CASE(nothing_listed_is_absent) {
    BOOST_TEST(verdict(a_send(), {}) == "absent");
    BOOST_TEST(verdict(a_template(), {}) == "absent");
}

BOOST_AUTO_TEST_CASE(what_belongs_to_others_is_not_looked_at) {
    const auto changed = [](auto change) {
        ListedMessage message = listed("A", 1s);
        change(message);
        return verdict(a_send(), {message});
    };
    BOOST_TEST(verdict(a_send(), {listed("A", 1s)}, {"A"}) == "absent");
    BOOST_TEST(changed([](auto& m) { m.direction = "inbound"; }) == "absent");
    BOOST_TEST(changed([](auto& m) { m.to = "+33600000000"; }) == "absent");
    BOOST_TEST(changed([](auto& m) { m.from = "+33700000002"; }) == "absent");
    BOOST_TEST(changed([](auto& m) { m.status = "failed"; }) == "found A");
    BOOST_TEST(changed([](auto& m) { m.from = ""; }) == "found A");
}

BOOST_AUTO_TEST_CASE(when_the_senders_number_is_not_known_any_may_be_it) {
    UnknownSend send = a_send();
    send.from.clear();
    ListedMessage message = listed("A", 1s);
    message.from = "+33700000002";
    BOOST_TEST(verdict(send, {message}) == "found A");
}

BOOST_AUTO_TEST_CASE(one_without_a_date_is_neither_adopted_nor_overlooked) {
    ListedMessage message = listed("A", 1s);
    message.created.reset();
    BOOST_TEST(verdict(a_send(), {message}) == "doubtful");
}

BOOST_AUTO_TEST_CASE(blanks_at_the_ends_do_not_tell_texts_apart) {
    BOOST_TEST(verdict(a_send("text\n"), {listed("A", 1s, " text")}) == "found A");
    BOOST_TEST(verdict(a_send("te xt"), {listed("A", 1s, "text")}) == "doubtful");
    BOOST_TEST(verdict(a_send("  "), {listed("A", 1s, "")}) == "found A");
}

BOOST_AUTO_TEST_CASE(equal_texts_to_one_person_are_adopted_once_each) {
    const std::vector<ListedMessage> list{listed("C", 9s), listed("B", 5s), listed("A", 1s)};
    BOOST_TEST(verdict(a_send(), list) == "found A");
    BOOST_TEST(verdict(a_send(), list, {"A"}) == "found B");
    BOOST_TEST(verdict(a_send(), list, {"A", "B", "C"}) == "absent");
    // Of the same second any will do, but always the same.
    BOOST_TEST(verdict(a_send(), {listed("B", 1s), listed("A", 1s)}) == "found A");
}

BOOST_AUTO_TEST_CASE(the_text_itself_counts_more_than_what_else_is_unexplained) {
    BOOST_TEST(verdict(a_send(), {listed("B", 2s, "else"), listed("A", 1s)}) == "found A");
}

BOOST_AUTO_TEST_CASE(a_template_is_the_only_thing_that_nobody_explains) {
    BOOST_TEST(verdict(a_template(), {listed("A", 1s, "Hello Anna")}) == "found A");
    BOOST_TEST(verdict(a_template(), {listed("B", 2s), listed("A", 1s, "Hello")}, {"B"}) ==
               "found A");
    BOOST_TEST(verdict(a_template(), {listed("B", 2s), listed("A", 1s, "Hello")}) == "doubtful");
    BOOST_TEST(verdict(a_template(), {listed("A", -30s, "Hello")}) == "doubtful");
    BOOST_TEST(verdict(a_template(), {listed("B", 60s), listed("A", 1s, "Hello")}) == "doubtful");
}

BOOST_AUTO_TEST_CASE(a_list_that_was_not_read_to_its_end_proves_no_absence) {
    BOOST_TEST(verdict(a_send(), {listed("A", 1s)}, {}, false) == "found A");
    BOOST_TEST(verdict(a_send(), {listed("A", 1s)}, {"A"}, false) == "doubtful");
}

BOOST_DATA_TEST_CASE(twice_absent_is_not_sent_and_doubt_is_for_a_person,
                     boost::unit_test::data::make(kAttempts)) {
    const LookStep step = after_look(sample.verdict, sample.looks, sample.attempts, kPolicy);
    BOOST_TEST((step.act == sample.act));
    BOOST_TEST((step.wait == (sample.act == LookAct::next_look ? 15s : 0s)));
    BOOST_TEST(step.sid == (sample.act == LookAct::sent ? "A" : ""));
}

BOOST_AUTO_TEST_CASE(a_failed_look_is_repeated_at_growing_intervals) {
    const std::chrono::seconds waits[] = {5s, 10s, 20s, 40s, 60s, 60s};
    for (int failures = 0; failures < 6; ++failures) {
        const LookStep step = after_failed_look(failures, kPolicy);
        BOOST_TEST((step.act == LookAct::retry_look));
        BOOST_TEST((step.wait == waits[failures]));
    }
    BOOST_TEST((after_failed_look(1000, kPolicy).wait == 60s));
}

BOOST_AUTO_TEST_CASE(the_other_policies_ask_nobody) {
    BOOST_TEST((without_look(UnknownPolicy::hold, 1, kPolicy).act == LookAct::held));
    BOOST_TEST((without_look(UnknownPolicy::hold, 5, kPolicy).act == LookAct::held));
    BOOST_TEST((without_look(UnknownPolicy::resend, 4, kPolicy).act == LookAct::failed));
    BOOST_TEST((without_look(UnknownPolicy::resend, 5, kPolicy).act == LookAct::dead));
}
