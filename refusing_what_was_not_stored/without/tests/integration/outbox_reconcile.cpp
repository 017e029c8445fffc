// links: outbox sim
#include "outbox/delivery.hpp"
#include "sql/outbox.hpp"
#include "support/reconciling.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";
constexpr const char* kBert = "+33687654321";

struct Looking : Sending {
    explicit Looking(sim::SimulatorOptions options = {.progress = {.callbacks = false}})
        : Sending{std::move(options)} {}

    Wake sender_wake;
    outbox::Sender sender{db.options("sender"), settings(), sender_wake, system_clock(), 1};
    Wake wake;
    std::optional<outbox::Reconciler> reconciler;

    outbox::Reconciler make(const outbox::ReconcileSettings& s) {
        return outbox::Reconciler{db.options("reconciler"), s, wake, system_clock(), 1};
    }
    void use(const outbox::ReconcileSettings& s) {
        reconciler.emplace(db.options("reconciler"), s, wake, system_clock(), 1);
    }
    /// Looks until it holds.
    bool looks_until(const std::function<bool()>& predicate) {
        if (!reconciler) use(test::reconcile_settings_of(*this));
        return eventually(
            [&] {
                reconciler->run_once();
                return predicate();
            },
            30s);
    }
    bool looks_until(const std::string& id, const std::string& wanted) {
        return looks_until([&] { return status(id) == wanted; });
    }

    /// The next call to create gets no useful answer.
    void lose_answer(bool is_processed, const std::string& to = kAnna) {
        twilio.script().add(
            {.to = to,
             .times = 1,
             .then = {.answer = sim::Answer::error, .processes = is_processed, .status = 500}});
    }
    std::string unknown(bool is_processed, const std::string& body = "text") {
        lose_answer(is_processed);
        const std::string id = add(kAnna, body);
        sender.run_once();
        BOOST_REQUIRE(status(id) == "unknown");
        return id;
    }
    std::size_t lists() {
        return twilio.ledger().count([](const sim::LedgerEntry& e) { return e.kind == "list"; });
    }
    std::string lease(const std::string& name) const {
        return db.query_value("SELECT " + name + " FROM outbox_leases");
    }
    std::string last_event(const std::string& id) const {
        return db.query_value(
            "SELECT event_type || ' ' || coalesce(payload ->> 'by', '') FROM event_log WHERE "
            "entity_id = '" +
            id + "' ORDER BY created_at DESC LIMIT 1");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_twilio_lists_was_sent_and_its_conversation_goes_on, Looking) {
    const std::string id = unknown(true);
    const std::string next = add(kAnna, "waits");
    BOOST_TEST(sender.run_once() == 0);
    BOOST_TEST(looks_until(id, "sent"));
    BOOST_TEST(column(id, "provider_message_id") == twilio.ledger().entries()[0].sid);
    BOOST_TEST(column(id, "sent_from") == test::kShopNumber);
    BOOST_TEST(column(id,
                      "lease_token IS NULL AND last_error IS NULL AND error_code IS NULL AND "
                      "sent_at IS NOT NULL AND attempts = 1") == "t");
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(last_event(id) == "message_sent list");
    BOOST_TEST(lists() == 1);
    BOOST_TEST(sender.run_once() == 1);
    BOOST_TEST(status(next) == "sent");
    BOOST_TEST(is_idle());
    BOOST_TEST(taken(kAnna).size() == 2);
}

BOOST_FIXTURE_TEST_CASE(twice_absent_is_sent_again_exactly_once_before_what_waits_behind_it,
                        Looking) {
    const std::string id = unknown(false);
    add(kAnna, "waits");
    BOOST_TEST(sender.run_once() == 0);
    BOOST_TEST(looks_until(id, "failed"));
    BOOST_TEST(lists() == 2);
    BOOST_TEST(last_event(id) == "message_failed list");
    BOOST_TEST(column(id, "attempts") == "1");
    BOOST_TEST(column(id, "last_error") == "not sent: Twilio's list does not have it");
    BOOST_TEST(eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(taken(kAnna) == (std::vector<std::string>{"text", "waits"}),
               boost::test_tools::per_element());
    BOOST_TEST(column(id, "status || attempts") == "sent2");
}

BOOST_FIXTURE_TEST_CASE(the_looks_have_their_times, Looking) {
    outbox::ReconcileSettings later = test::reconcile_settings_of(*this);
    later.first_look = 1h;
    use(later);
    const std::string id = unknown(false);
    BOOST_TEST(reconciler->run_once() == 0);
    BOOST_TEST(lists() == 0);
    use(test::reconcile_settings_of(*this));
    BOOST_TEST(looks_until([&] { return lists() == 1; }));
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(lease("looks") == "1");
    const WallTime claimed{std::chrono::milliseconds{
        std::stoll(lease("floor(extract(epoch FROM claimed_at) * 1000)::bigint"))}};
    const WallTime first = twilio.ledger().entries()[1].time;
    BOOST_TEST((first - claimed >= 300ms));
    BOOST_TEST(looks_until([&] { return lists() == 2; }));
    BOOST_TEST((twilio.ledger().entries()[2].time - first >= 150ms));
    BOOST_TEST(status(id) == "failed");
}

BOOST_AUTO_TEST_CASE(the_real_times_settle_it_within_two_minutes_of_the_attempt) {
    const outbox::ReconcileSettings real;
    const std::chrono::seconds poll{6};  // OUTBOX_POLL_INTERVAL_MS, varied by a fifth
    BOOST_TEST((real.first_look == 1s + real.provider.timeout + 10s + 30s));
    BOOST_TEST((real.policy.between_looks >= 15s));
    BOOST_TEST(
        (real.first_look + real.policy.between_looks + 2 * (poll + real.provider.timeout) <= 2min));
}

BOOST_AUTO_TEST_CASE(a_message_that_twilio_lists_late_is_found_by_the_second_look) {
    Looking s{{.progress = {.callbacks = false}, .list_delay = 700ms}};
    outbox::ReconcileSettings settings = test::reconcile_settings_of(s);
    settings.policy.between_looks = 1s;
    s.use(settings);
    const std::string id = s.unknown(true);
    BOOST_TEST(s.looks_until([&] { return s.lists() == 1; }));
    BOOST_TEST(s.status(id) == "unknown");
    BOOST_TEST(s.looks_until(id, "sent"));
    BOOST_TEST(s.lists() == 2);
    BOOST_TEST(s.taken(kAnna).size() == 1);
}

BOOST_FIXTURE_TEST_CASE(the_last_attempt_that_is_absent_is_one_dead_letter, Looking) {
    outbox::ReconcileSettings settings = test::reconcile_settings_of(*this);
    settings.policy.max_attempts = 1;
    use(settings);
    const std::string id = unknown(false);
    const std::string next = add(kAnna, "waits");
    sender.run_once();
    BOOST_TEST(looks_until(id, "dead"));
    BOOST_TEST(db.count("SELECT count(*) FROM dead_letter_jobs WHERE payload ->> 'message_out_id' "
                        "= '" +
                        id + "' AND attempts = 1") == 1);
    BOOST_TEST(events(id, "message_dead_lettered") == 1);
    BOOST_TEST(sender.run_once() == 1);
    BOOST_TEST(status(next) == "sent");
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(an_equal_text_that_is_accounted_for_is_not_taken_for_it, Looking) {
    const std::string first = add(kAnna, "ok");
    sender.run_once();
    BOOST_REQUIRE(status(first) == "sent");
    const std::string lost = unknown(false, "ok");
    BOOST_TEST(looks_until(lost, "failed"));
    BOOST_TEST(eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(taken(kAnna).size() == 2);
    BOOST_TEST(db.count("SELECT count(DISTINCT provider_message_id) FROM messages_out") == 2);
}

BOOST_FIXTURE_TEST_CASE(equal_texts_of_two_tenants_from_one_number_each_get_their_own_sid,
                        Looking) {
    const auto tenant = [&](const std::string& name) {
        return db.query_value(
            "INSERT INTO tenants (id, name, created_at, updated_at) VALUES "
            "(gen_random_uuid()::text, '" +
            name + "', now(), now()) RETURNING id");
    };
    outbox::SenderSettings shared = settings();
    shared.default_sender = test::kShopNumber;
    outbox::Sender both{db.options("sender"), shared, sender_wake, system_clock(), 1};
    for (const char* name : {"one", "two"}) {
        shop = tenant(name);
        lose_answer(true);
        add(kAnna, "ok");
        both.run_once();
    }
    BOOST_REQUIRE(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 2);
    BOOST_TEST(looks_until(
        [&] { return db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 2; }));
    BOOST_TEST(db.count("SELECT count(DISTINCT provider_message_id) FROM messages_out") == 2);
    BOOST_TEST(taken(kAnna).size() == 2);
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(of_two_such_texts_the_one_that_was_lost_is_sent_again, Looking) {
    shop = db.query_value(
        "INSERT INTO tenants (id, name, created_at, updated_at) VALUES ('one', 'one', now(), "
        "now()) RETURNING id");
    outbox::SenderSettings shared = settings();
    shared.default_sender = test::kShopNumber;
    outbox::Sender both{db.options("sender"), shared, sender_wake, system_clock(), 1};
    lose_answer(true);
    add(kAnna, "ok");
    both.run_once();
    db.exec(
        "INSERT INTO tenants (id, name, created_at, updated_at) VALUES ('two', 'two', now(), "
        "now())");
    shop = "two";
    lose_answer(false);
    add(kAnna, "ok");
    both.run_once();
    BOOST_REQUIRE(taken(kAnna).size() == 1);
    BOOST_TEST(looks_until([&] {
        both.run_once();
        return is_idle();
    }));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 2);
    BOOST_TEST(taken(kAnna).size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_template_is_recognised_though_its_text_is_not_known, Looking) {
    add(kAnna, "before");
    sender.run_once();
    lose_answer(true);
    const std::string id = db.query_value(
        "INSERT INTO messages_out (tenant_id, \"to\", content_sid, content_variables) VALUES ('" +
        shop + "', '" + kAnna +
        "', 'HX00000000000000000000000000000001', '{\"1\":\"Anna\"}') RETURNING id");
    sender.run_once();
    BOOST_REQUIRE(status(id) == "unknown");
    BOOST_TEST(looks_until(id, "sent"));
    BOOST_TEST(twilio.ledger().accepted_to(kAnna) == 2);
}

BOOST_FIXTURE_TEST_CASE(a_body_that_twilio_has_rewritten_is_held_for_a_person, Looking) {
    const std::string id = unknown(true, "see https://shop.example/very/long");
    const std::string next = add(kAnna, "waits");
    sender.run_once();
    // As link shortening would have left it.
    db.exec("UPDATE messages_out SET body = 'see https://s.example/x' WHERE id = '" + id + "'");
    BOOST_TEST(looks_until([&] { return column(id, "held_reason IS NOT NULL") == "t"; }));
    BOOST_TEST(lists() == 2);
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(events(id, "message_held") == 1);
    BOOST_TEST(column(id, "held_reason LIKE '%' || '" + twilio.ledger().entries()[0].sid +
                              "' || '%'") == "t");
    BOOST_TEST(lease("look_at = 'infinity'") == "t");
    BOOST_TEST(reconciler->run_once() == 0);
    BOOST_TEST(sender.run_once() == 0);
    BOOST_TEST(status(next) == "pending");

    db.exec("SELECT ops.settle_unknown('" + id + "', true)");
    BOOST_TEST(column(id, "status || coalesce(held_reason, '')") == "sent");
    BOOST_TEST(sender.run_once() == 1);
    BOOST_TEST(status(next) == "sent");
    BOOST_TEST(is_idle());
}

// Its list does not have what the other account sent: nothing there proves that it was not sent.
BOOST_FIXTURE_TEST_CASE(what_was_sent_with_another_account_is_held_for_a_person, Looking) {
    twilio.script().add({.times = 1, .then = {.answer = sim::Answer::error, .status = 500}});
    const std::string id = add(kAnna, "text");
    sender.run_once();
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(lease("account_sid") == settings().provider.account_sid);
    db.exec("UPDATE outbox_leases SET account_sid = 'AC' || repeat('9', 32)");
    BOOST_TEST(looks_until([&] { return column(id, "held_reason IS NOT NULL") == "t"; }));
    BOOST_TEST(lists() == 0);
    BOOST_TEST(sender.run_once() == 0);
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(column(id, "held_reason LIKE '%another Twilio account%'") == "t");
}

BOOST_FIXTURE_TEST_CASE(under_hold_a_person_decides_and_nobody_is_asked, Looking) {
    outbox::ReconcileSettings settings = test::reconcile_settings_of(*this);
    settings.unknown = UnknownPolicy::hold;
    use(settings);
    const std::string id = unknown(false);
    const std::string next = add(kAnna, "waits");
    sender.run_once();
    BOOST_TEST(looks_until([&] { return column(id, "held_reason IS NOT NULL") == "t"; }));
    BOOST_TEST(last_event(id) == "message_held policy");
    BOOST_TEST(lists() == 0);
    BOOST_TEST(reconciler->run_once() == 0);
    BOOST_TEST(sender.run_once() == 0);

    db.exec("SELECT ops.settle_unknown('" + id + "', false)");
    BOOST_TEST(eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(taken(kAnna) == (std::vector<std::string>{"text", "waits"}),
               boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_callback_still_settles_what_is_held, Looking) {
    outbox::ReconcileSettings settings = test::reconcile_settings_of(*this);
    settings.unknown = UnknownPolicy::hold;
    use(settings);
    const std::string id = unknown(true);
    BOOST_TEST(looks_until([&] { return column(id, "held_reason IS NOT NULL") == "t"; }));
    db.exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, "
        "event_id, correlation_id, received_at) VALUES "
        "('SM0123456789abcdef0123456789abcdef', '" +
        id + "', 1, 'delivered', 1, 'c', now())");
    Wake delivery_wake;
    outbox::Delivery delivery{db.options("delivery"), delivery_wake, 1};
    BOOST_TEST(delivery.run_once() == 1);
    BOOST_TEST(column(id, "status || coalesce(held_reason, '')") == "sent");
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(resend_sends_blindly_which_is_why_its_documentation_warns, Looking) {
    outbox::ReconcileSettings settings = test::reconcile_settings_of(*this);
    settings.unknown = UnknownPolicy::resend;
    use(settings);
    const std::string id = unknown(true);
    BOOST_TEST(looks_until(id, "failed"));
    BOOST_TEST(last_event(id) == "message_failed policy");
    BOOST_TEST(lists() == 0);
    BOOST_TEST(eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(taken(kAnna).size() == 2);
}

BOOST_FIXTURE_TEST_CASE(a_look_that_twilio_does_not_answer_does_not_count, Looking) {
    outbox::ReconcileSettings settings = test::reconcile_settings_of(*this);
    settings.provider.timeout = 200ms;
    use(settings);
    const sim::Answer answers[] = {sim::Answer::hang, sim::Answer::reset, sim::Answer::truncated,
                                   sim::Answer::invalid, sim::Answer::empty};
    for (const sim::Answer answer : answers)
        twilio.script().add({.call = sim::ApiCall::list, .times = 1, .then = {.answer = answer}});
    for (const int code : {429, 500, 503, 401}) {
        twilio.script().add({.call = sim::ApiCall::list,
                             .times = 1,
                             .then = {.answer = sim::Answer::error, .status = code}});
    }
    const std::string id = unknown(false);
    BOOST_TEST(looks_until([&] { return lists() == 9; }));
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(lease("looks") == "0");
    BOOST_TEST(lease("look_failures") == "9");
    BOOST_TEST(looks_until(id, "failed"));
    BOOST_TEST(lists() == 11);
}

BOOST_FIXTURE_TEST_CASE(while_twilio_is_away_one_look_at_a_time_finds_out, Looking) {
    for (int i = 0; i < 20; ++i) {
        const std::string to = "+336000000" + std::to_string(10 + i);
        lose_answer(true, to);
        add(to, "text");
    }
    while (sender.run_once() > 0) {
    }
    BOOST_REQUIRE(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 20);
    twilio.script().add(
        {.call = sim::ApiCall::list, .then = {.answer = sim::Answer::error, .status = 401}});
    BOOST_TEST(looks_until([&] { return lists() >= 8; }));  // all that started before it was known
    const std::size_t before = lists();
    const SteadyTime start = system_clock().steady_now();
    BOOST_TEST(looks_until([&] { return lists() >= before + 4; }));
    BOOST_TEST((system_clock().steady_now() - start >= 150ms));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 20);

    twilio.script().clear();
    BOOST_TEST(looks_until([&] { return is_idle(); }));
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 20);
    BOOST_TEST(twilio.ledger().accepted() == 20);
}

BOOST_FIXTURE_TEST_CASE(a_callback_during_the_look_wins, Looking) {
    use(test::reconcile_settings_of(*this));
    const std::string id = unknown(false);
    BOOST_TEST(looks_until([&] { return lists() == 1; }));
    twilio.script().add({.call = sim::ApiCall::list, .then = {.delay = 3s}});
    std::jthread looking{[&] { looks_until([&] { return lists() == 2; }); }};
    BOOST_REQUIRE(eventually([&] { return lists() == 2; }));  // its answer is still to come
    db.exec(
        "INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, "
        "event_id, correlation_id, received_at) VALUES "
        "('SM0123456789abcdef0123456789abcdef', '" +
        id + "', 1, 'sent', 1, 'c', now())");
    Wake delivery_wake;
    outbox::Delivery delivery{db.options("delivery"), delivery_wake, 1};
    delivery.run_once();
    BOOST_TEST(status(id) == "sent");
    looking.join();
    BOOST_TEST(status(id) == "sent");
    BOOST_TEST(events(id, "message_failed") == 0);
    BOOST_TEST(events(id, "message_sent") == 1);
    BOOST_TEST(is_idle());
}

BOOST_FIXTURE_TEST_CASE(a_look_that_was_overtaken_by_another_one_writes_nothing, Looking) {
    const std::string id = unknown(true);
    auto connection = db.connect();
    const auto claim = [&] { return outbox::claim_looks(connection, 8, 0ms, 0ms); };
    const auto slow = claim();
    const auto fast = claim();
    BOOST_REQUIRE(slow.size() == 1);
    BOOST_REQUIRE(fast.size() == 1);
    const auto settle = [&](const outbox::Look& look, outbox::LookAct act) {
        const outbox::LookResult result{look, {.act = act, .reason = "test"}};
        pg::Transaction transaction{connection};
        outbox::lock_and_find_known(connection, {});
        outbox::settle_looks(transaction, {&result, 1}, "list");
    };
    settle(slow[0], outbox::LookAct::failed);
    BOOST_TEST(status(id) == "unknown");
    settle(fast[0], outbox::LookAct::held);
    BOOST_TEST(column(id, "held_reason") == "test");
    settle(fast[0], outbox::LookAct::failed);
    BOOST_TEST(status(id) == "unknown");
}

BOOST_FIXTURE_TEST_CASE(two_reconcilers_at_once_look_once_at_each_message_and_agree, Looking) {
    for (int i = 0; i < 60; ++i) {
        const std::string to = "+336000000" + std::to_string(10 + i);
        lose_answer(i % 2 == 0, to);
        add(to, "text");
    }
    while (sender.run_once() > 0) {
    }
    BOOST_REQUIRE(db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 60);
    {
        const test::RunningReconciler one{db.options("one"), test::reconcile_settings_of(*this)};
        const test::RunningReconciler two{db.options("two"), test::reconcile_settings_of(*this)};
        BOOST_TEST(eventually(
            [&] {
                return db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 0;
            },
            30s));
    }
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 30);
    BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'failed'") == 30);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") == 30);
    BOOST_TEST(lists() == 30 + 2 * 30);
    BOOST_TEST(eventually([&] {
        sender.run_once();
        return is_idle();
    }));
    BOOST_TEST(twilio.ledger().accepted() == 60);
}

BOOST_FIXTURE_TEST_CASE(a_long_history_is_read_page_by_page_until_it_is_older_than_the_attempt,
                        Looking) {
    for (int i = 0; i < 60; ++i) {
        add(kAnna, "n" + std::to_string(i));
        sender.run_once();
    }
    const std::string id = unknown(false);
    BOOST_TEST(looks_until(id, "failed"));
    BOOST_TEST(lists() == 4);  // twice two pages: all of it is young
}

BOOST_FIXTURE_TEST_CASE(a_look_finds_what_is_due_by_its_index_among_many_in_flight, Looking) {
    const std::string id = unknown(true);
    db.exec(
        "INSERT INTO outbox_leases (tenant_id, recipient, seq, message_id, token, attempt, "
        "instance_id, claimed_at, expires_at) SELECT 't', 'r' || g, -g, 'm' || g, 'x', 1, 'i', "
        "now(), now() FROM generate_series(1, 20000) AS g;"
        "DELETE FROM outbox_leases WHERE seq < 0 AND seq % 2 = 0");
    auto connection = db.connect();
    pg::Transaction transaction{connection};
    connection.exec(sql::outbox::plan_by_index);
    connection.exec_script(
        fmt::format("PREPARE plan_of AS {}", sql::outbox::look_claim.text).c_str());
    std::string plan;
    const pg::Rows rows =
        connection.exec_script("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE plan_of(8, 0, 0)");
    for (const pg::Row row : rows) plan += row.string(0) + "\n";
    BOOST_TEST(plan.find("outbox_leases_look_at_idx") != std::string::npos, plan);
    BOOST_TEST(plan.find("Seq Scan") == std::string::npos, plan);
    BOOST_TEST(status(id) == "unknown");
}

BOOST_FIXTURE_TEST_CASE(only_the_number_that_the_attempt_went_out_from_counts, Looking) {
    const std::string id = unknown(false);
    db.exec("UPDATE outbox_leases SET sender = '" + std::string{test::kShopNumber} + "'");
    db.exec("UPDATE tenants SET whatsapp_phone_number = '+33700000009'");  // since the attempt
    BOOST_TEST(looks_until(id, "failed"));
    BOOST_TEST(twilio.ledger().count([](const sim::LedgerEntry& e) {
        return e.kind == "list" && e.from == std::string{"whatsapp:"} + test::kShopNumber;
    }) == 2);
}

BOOST_FIXTURE_TEST_CASE(what_snapsell_was_sending_is_left_to_a_person, Looking) {
    const std::string id = unknown(true);
    db.exec(
        "DELETE FROM outbox_leases; UPDATE messages_out SET lease_token = NULL, held_reason = "
        "'SnapSell was sending it' WHERE id = '" +
        id + "'");
    use(test::reconcile_settings_of(*this));
    db.exec("SELECT pg_sleep(0.4)");  // past the time of the first look
    BOOST_TEST(reconciler->run_once() == 0);
    BOOST_TEST(status(id) == "unknown");
    BOOST_TEST(lists() == 0);
}
