// links: inbox
#include "sql/inbox.hpp"

#include "inbox/writer.hpp"
#include "support/database_proxy.hpp"
#include "support/eventually.hpp"
#include "support/plans.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using inbox::NewEvent;
using inbox::NotStored;
using inbox::Outcome;
using inbox::Stored;
using test::eventually;

namespace {

NewEvent an_event(const std::string& key) {
    return {.key = key,
            .kind = twilio::EventKind::inbound,
            .raw = "raw of " + key,
            .query = "",
            .payload_json = R"({"Body":"hello"})",
            .from = "+33612345678",
            .to = "+33700000001",
            .correlation_id = {new_uuid()}};
}

std::string key_of(int number) {
    return fmt::format("msg:SM{:032x}", number);
}

/// A writer, and what it answered. The thread starts when a case says so.
class Inbox {
  public:
    explicit Inbox(pg::ConnectOptions options, inbox::WriterOptions sizes = {})
        : writer_{std::in_place, std::move(options), system_clock(), sizes} {}
    ~Inbox() {
        stop();
        writer_.reset();  // answers what it still has
        BOOST_TEST(repeated_ == 0);
    }

    bool submit(NewEvent event, std::chrono::milliseconds deadline = 20s) {
        const std::string id = event.correlation_id.value;
        return writer_->submit(std::move(event), system_clock().steady_now() + deadline,
                               [this, id](const Outcome& outcome) {
                                   const std::scoped_lock lock{mutex_};
                                   if (!answers_.emplace(id, outcome).second) ++repeated_;
                               });
    }
    void start() {
        threads_.emplace_back([this](const std::stop_token& stop) { writer_->run(stop); });
    }
    void stop() { threads_.clear(); }
    std::size_t answered() const {
        const std::scoped_lock lock{mutex_};
        return answers_.size();
    }
    bool wait_for(std::size_t count) {
        return eventually([&] { return answered() >= count; }, 20s);
    }
    Outcome answer_to(const std::string& id) const {
        const std::scoped_lock lock{mutex_};
        return answers_.at(id);
    }
    /// Submits, waits, gives the answer.
    Outcome store(NewEvent event) {
        const std::string id = event.correlation_id.value;
        BOOST_REQUIRE(submit(std::move(event)));
        BOOST_REQUIRE(eventually(
            [&] {
                const std::scoped_lock lock{mutex_};
                return answers_.contains(id);
            },
            20s));
        return answer_to(id);
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::string, Outcome> answers_;  // guarded by mutex_; by the delivery's correlation id
    int repeated_ = 0;                        // answers to what had one; guarded by mutex_
    std::optional<inbox::Writer> writer_;
    std::vector<std::jthread> threads_;
};

Stored stored(const Outcome& outcome) {
    BOOST_REQUIRE(std::holds_alternative<Stored>(outcome));
    return std::get<Stored>(outcome);
}

bool is(const Outcome& outcome, NotStored::Reason reason) {
    const auto* not_stored = std::get_if<NotStored>(&outcome);
    return not_stored != nullptr && not_stored->reason == reason;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_event_is_stored_byte_for_byte_and_queued) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    inbox.start();
    NewEvent event = an_event("msg:SM1");
    event.raw = std::string{"a=\0\xFF&b", 6};
    event.query = "m=1&a=2";
    const std::string id = event.correlation_id.value;

    const Stored answer = stored(inbox.store(std::move(event)));

    BOOST_TEST(answer.is_new);
    BOOST_TEST(answer.correlation_id.value == id);
    BOOST_TEST(
        db.query_value(
            "SELECT concat_ws('|', key, kind, source, format, encode(raw, 'hex'), query,"
            " payload->>'Body', \"from\", \"to\", correlation_id) FROM webhook_events") ==
        "msg:SM1|inbound|webhook|form|613d00ff2662|m=1&a=2|hello|+33612345678|+33700000001|" + id);
    BOOST_TEST(db.query_value("SELECT id FROM webhook_queue") == std::to_string(answer.event_id));
    BOOST_TEST(db.query_value("SELECT id FROM webhook_events") == std::to_string(answer.event_id));
}

BOOST_AUTO_TEST_CASE(a_second_delivery_is_answered_with_the_first_ones_ids_and_leaves_only_a_note) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    inbox.start();
    const Stored first = stored(inbox.store(an_event("msg:SM1")));

    const LogCapture log;
    const Stored second = stored(inbox.store(an_event("msg:SM1")));

    BOOST_TEST(!second.is_new);
    BOOST_TEST(second.event_id == first.event_id);
    BOOST_TEST(second.correlation_id.value == first.correlation_id.value);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1);
    BOOST_TEST(db.query_value("SELECT concat_ws('|', event_type, entity_type, entity_id, "
                              "correlation_id) FROM event_log") ==
               fmt::format("idempotent_ignored|webhook_event|{}|{}", first.event_id,
                           first.correlation_id.value));
    BOOST_TEST(log.text().find("Duplicate message detected") != std::string::npos);
    BOOST_TEST(log.text().find(first.correlation_id.value) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(twins_in_one_batch_are_one_row_and_each_is_answered) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    for (int i = 0; i < 30; ++i) BOOST_REQUIRE(inbox.submit(an_event(key_of(i % 10))));
    inbox.start();

    BOOST_REQUIRE(inbox.wait_for(30));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 10);
    BOOST_TEST(db.count("SELECT count(DISTINCT xmin::text) FROM webhook_events") == 1);
    BOOST_TEST(
        db.count(
            "SELECT count(*) FROM event_log AS l JOIN webhook_events AS e ON l.entity_id = "
            "e.id::text"
            " AND l.correlation_id = e.correlation_id WHERE event_type = 'idempotent_ignored'") ==
        20);
}

// Whoever has recorded a signed request can send it as often as he likes.
BOOST_AUTO_TEST_CASE(of_one_event_a_hundred_repetitions_are_noted_and_all_are_answered) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    const auto notes_of = [&db](const std::string& key) {
        return db.count(
            fmt::format("SELECT count(*) FROM event_log AS l JOIN webhook_events AS e ON "
                        "l.entity_id = e.id::text AND l.correlation_id = e.correlation_id "
                        "WHERE l.event_type = 'idempotent_ignored' AND e.key = '{}'",
                        key));
    };
    const LogCapture log;
    // All in one transaction, one behind the other of both.
    for (int i = 0; i < 80; ++i) {
        for (const char* key : {"msg:often", "msg:often", "msg:seldom"})
            BOOST_REQUIRE(inbox.submit(an_event(key)));
    }
    inbox.start();
    BOOST_REQUIRE(inbox.wait_for(240));
    BOOST_TEST(notes_of("msg:often") == 100);
    BOOST_TEST(notes_of("msg:seldom") == 79);  // the other one's do not count

    // And one at a time.
    for (int i = 0; i < 25; ++i) {
        BOOST_TEST(!stored(inbox.store(an_event("msg:seldom"))).is_new);
        BOOST_TEST(!stored(inbox.store(an_event("msg:often"))).is_new);
    }
    BOOST_TEST(notes_of("msg:often") == 100);
    BOOST_TEST(notes_of("msg:seldom") == 100);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 2);

    const std::string text = log.text();
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = text.find("Duplicate message detected", at)) < text.size(); ++at)
        ++lines;
    BOOST_TEST(lines == 200u);  // one for each note
}

BOOST_AUTO_TEST_CASE(
    what_is_waiting_goes_in_batches_with_one_notification_each_and_none_for_repeats) {
    test::TestDatabase db;
    pg::Connection listener = connect_directly(db, "listener");
    listener.exec_script("LISTEN pgcourier_events");
    const auto notifications = [&] {
        listener.exec_script("SELECT");
        int count = 0;
        while (PGnotify* notify = PQnotifies(listener.raw())) {
            ++count;
            PQfreemem(notify);
        }
        return count;
    };
    Inbox inbox{db.options()};
    for (int i = 0; i < 1200; ++i) BOOST_REQUIRE(inbox.submit(an_event(key_of(i))));
    inbox.start();

    BOOST_REQUIRE(inbox.wait_for(1200));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 1200);
    BOOST_TEST(db.count("SELECT count(DISTINCT xmin::text) FROM webhook_events") == 3);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1200);
    BOOST_TEST(notifications() == 3);

    stored(inbox.store(an_event(key_of(7))));
    BOOST_TEST(notifications() == 0);
}

BOOST_AUTO_TEST_CASE(the_commit_is_on_disk_whatever_the_role_or_pooler_has_set) {
    test::TestDatabase db;
    db.exec(
        "ALTER DATABASE " + db.name() +
        " SET synchronous_commit = off;"
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  ASSERT current_setting('synchronous_commit') = 'on'; RETURN NEW; END $$;"
        "CREATE TRIGGER look BEFORE INSERT ON webhook_events FOR EACH ROW EXECUTE FUNCTION look()");
    BOOST_REQUIRE(db.query_value("SHOW synchronous_commit") == "off");
    Inbox inbox{db.options()};
    inbox.start();

    BOOST_TEST(stored(inbox.store(an_event("msg:SM1"))).is_new);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_late_event_and_it_is_not_written) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    NewEvent late = an_event("msg:late");
    const std::string id = late.correlation_id.value;
    BOOST_REQUIRE(inbox.submit(std::move(late), 0ms));
    BOOST_REQUIRE(inbox.submit(an_event("msg:in-time")));
    inbox.start();

    BOOST_REQUIRE(inbox.wait_for(2));
    BOOST_TEST(is(inbox.answer_to(id), NotStored::Reason::too_late));
    BOOST_TEST(db.query_value("SELECT string_agg(key, ',') FROM webhook_events") == "msg:in-time");
}

BOOST_AUTO_TEST_CASE(a_row_that_the_database_refuses_does_not_sink_its_batch) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    NewEvent no_json = an_event("msg:b");
    no_json.payload_json = "{";
    NewEvent with_nul = an_event("msg:c");
    with_nul.from = std::string{"a\0b", 3};
    NewEvent long_key = an_event("msg:d");
    for (int i = 0; i < 300; ++i) long_key.key += new_uuid();  // more than an index takes
    std::vector<std::string> refused;
    for (NewEvent* event : {&no_json, &with_nul, &long_key})
        refused.push_back(event->correlation_id.value);
    for (NewEvent& event : std::vector{an_event("msg:a"), no_json, with_nul, long_key,
                                       an_event("msg:a"), an_event("msg:z")}) {
        BOOST_REQUIRE(inbox.submit(std::move(event)));
    }
    const LogCapture log;
    inbox.start();

    BOOST_REQUIRE(inbox.wait_for(6));
    for (const std::string& id : refused) {
        BOOST_TEST(is(inbox.answer_to(id), NotStored::Reason::refused));
        BOOST_TEST(log.text().find(id) != std::string::npos);
    }
    BOOST_TEST(db.query_value("SELECT string_agg(key, ',' ORDER BY key) FROM webhook_events") ==
               "msg:a,msg:z");
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 1);
    BOOST_TEST(log.text().find("hello") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_full_inbox_refuses) {
    test::TestDatabase db;
    Inbox by_count{db.options(), {.queue_events = 2}};
    BOOST_TEST(by_count.submit(an_event("a")));
    BOOST_TEST(by_count.submit(an_event("b")));
    BOOST_TEST(!by_count.submit(an_event("c")));

    Inbox by_bytes{db.options(), {.queue_bytes = 1000}};
    NewEvent large = an_event("a");
    large.raw.resize(900);
    BOOST_TEST(by_bytes.submit(large));
    BOOST_TEST(!by_bytes.submit(large));
    by_bytes.start();
    BOOST_REQUIRE(by_bytes.wait_for(1));
    large.correlation_id.value = new_uuid();
    BOOST_TEST(by_bytes.submit(large));
}

BOOST_AUTO_TEST_CASE(stopping_writes_what_was_accepted_and_takes_no_more) {
    test::TestDatabase db;
    Inbox inbox{db.options(), {.batch_events = 100}};
    for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(inbox.submit(an_event(key_of(i))));
    inbox.start();
    inbox.stop();

    BOOST_TEST(inbox.answered() == 1000u);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == 1000);
    BOOST_TEST(!inbox.submit(an_event("msg:after")));
}

BOOST_AUTO_TEST_CASE(what_no_thread_took_is_answered_too) {
    test::TestDatabase db;
    std::optional<Outcome> answer;
    {
        inbox::Writer writer{db.options(), system_clock()};
        writer.submit(an_event("a"), SteadyTime::max(),
                      [&](Outcome outcome) { answer = std::move(outcome); });
    }
    BOOST_REQUIRE(answer);
    BOOST_TEST(is(*answer, NotStored::Reason::stopping));
}

BOOST_AUTO_TEST_CASE(
    an_event_whose_commit_lost_its_reply_is_stored_once_and_is_no_duplicate_of_itself) {
    test::TestDatabase db;
    test::DatabaseProxy between{db.options()};
    test::TcpProxy& proxy = between.proxy();
    Inbox inbox{between.options()};
    inbox.start();
    stored(inbox.store(an_event("msg:warm-up")));

    proxy.lose_answer("COMMIT");
    NewEvent event = an_event("msg:SM1");
    const std::string id = event.correlation_id.value;
    const Stored answer = stored(inbox.store(std::move(event)));

    BOOST_REQUIRE(proxy.has_lost_answer());
    BOOST_TEST(answer.is_new);
    BOOST_TEST(answer.correlation_id.value == id);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE key = 'msg:SM1'") == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 0);
}

BOOST_AUTO_TEST_CASE(a_note_whose_commit_lost_its_reply_is_made_once) {
    test::TestDatabase db;
    test::DatabaseProxy between{db.options()};
    test::TcpProxy& proxy = between.proxy();
    Inbox inbox{between.options()};
    inbox.start();
    const Stored first = stored(inbox.store(an_event("msg:SM1")));

    proxy.lose_answer(first.correlation_id.value);  // only the second transaction's answer holds it
    const Stored second = stored(inbox.store(an_event("msg:SM1")));

    BOOST_REQUIRE(proxy.has_lost_answer());
    BOOST_TEST(!second.is_new);
    BOOST_TEST(second.correlation_id.value == first.correlation_id.value);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log WHERE event_type = 'idempotent_ignored'") ==
               1);
}

BOOST_AUTO_TEST_CASE(a_connection_that_was_closed_while_idle_costs_nobody_an_answer) {
    test::TestDatabase db;
    Inbox inbox{direct_options(db)};
    inbox.start();
    stored(inbox.store(an_event("msg:a")));

    BOOST_REQUIRE(
        db.count("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                 " WHERE application_name = 'pgcourier/inbox' AND datname = current_database()") ==
        1);
    const auto began = system_clock().steady_now();
    BOOST_TEST(stored(inbox.store(an_event("msg:b"))).is_new);
    BOOST_TEST((system_clock().steady_now() - began < 900ms));
}

BOOST_AUTO_TEST_CASE(an_event_waits_for_a_database_that_comes_back_in_time) {
    test::TestDatabase db;
    Inbox inbox{db.options()};
    inbox.start();
    stored(inbox.store(an_event("msg:a")));
    db.server().stop(pg::PrivatePostgres::StopMode::immediate);
    NewEvent short_of_time = an_event("msg:b");
    NewEvent patient = an_event("msg:c");
    const std::string lost = short_of_time.correlation_id.value;
    const std::string kept = patient.correlation_id.value;
    BOOST_REQUIRE(inbox.submit(std::move(short_of_time), 300ms));
    BOOST_REQUIRE(inbox.submit(std::move(patient), 30s));
    BOOST_REQUIRE(eventually([&] { return inbox.answered() == 2; }, 5s));
    BOOST_TEST(is(inbox.answer_to(lost), NotStored::Reason::too_late));

    BOOST_REQUIRE(db.server().restart());
    BOOST_REQUIRE(eventually([&] { return inbox.answered() == 3; }, 5s));
    BOOST_TEST(stored(inbox.answer_to(kept)).is_new);
    BOOST_TEST(db.query_value("SELECT string_agg(key, ',' ORDER BY key) FROM webhook_events") ==
               "msg:a,msg:c");
}

BOOST_AUTO_TEST_CASE(two_instances_with_the_same_events_in_opposite_order_do_not_deadlock) {
    test::TestDatabase db;
    constexpr int kEvents = 3000;
    Inbox one{db.options()};
    Inbox other{db.options()};
    for (int i = 0; i < kEvents; ++i) {
        BOOST_REQUIRE(one.submit(an_event(key_of(i))));
        BOOST_REQUIRE(other.submit(an_event(key_of(kEvents - 1 - i))));
    }
    one.start();
    one.start();
    other.start();

    BOOST_REQUIRE(one.wait_for(kEvents));
    BOOST_REQUIRE(other.wait_for(kEvents));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events") == kEvents);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log AS l JOIN webhook_events AS e ON "
                        "l.entity_id = e.id::text"
                        " AND l.correlation_id = e.correlation_id") == kEvents);
    BOOST_TEST(
        db.count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0);
}

// ---- Plans --------------------------------------------------------------------------------------

// The tables only grow: their statistics are right from the first minute on.
BOOST_AUTO_TEST_CASE(no_statement_walks_a_table) {
    const test::TestDatabase db;
    pg::Connection session = test::connect_directly(db);
    session.exec_script("SET plan_cache_mode = force_generic_plan");
    struct Case {
        const pg::Statement& statement;
        std::string arguments;
    };
    const std::string one = "'{msg:SM1000}'";
    const Case cases[] = {
        {sql::inbox::insert_events,
         fmt::format("({}, '{{inbound}}', '{{webhook}}', '{{form}}', '{{Body=1}}', '{{x=1}}', "
                     "'{{\"{{}}\"}}', '{{f}}', '{{t}}', '{{c}}')",
                     one)},
        {sql::inbox::ignore_duplicates, fmt::format("({}, '{{d}}')", one)},
        {sql::inbox::insert_missing,
         fmt::format("({}, '{{inbound}}', '{{Body=1}}', '{{\"{{}}\"}}', '{{f}}', '{{t}}', '{{c}}', "
                     "'{{1780000000000}}')",
                     one)},
    };
    const auto name = [](const Case& c) { return fmt::format("\"{}\"", c.statement.name); };
    db.exec(
        "INSERT INTO webhook_events (key, kind, format, raw, payload, correlation_id) SELECT "
        "'msg:SM' || g, 'inbound', 'form', '', '{}', 'c' FROM generate_series(1, 50000) AS g ON "
        "CONFLICT DO NOTHING;"
        "INSERT INTO messages_in (provider_message_id, \"from\", \"to\", body, correlation_id, "
        "event_id) SELECT 'SM' || g, 'f', 't', '', 'c', g FROM generate_series(1, 50000) AS g;"
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type) SELECT "
        "'webhook_received', 'webhook_event', 'c' || g, 'system' FROM generate_series(1, 50000) AS "
        "g");
    db.exec("ANALYZE");
    for (const Case& c : cases) {
        session.exec_script(fmt::format("PREPARE {} AS {}", name(c), c.statement.text).c_str());
        const std::vector<std::string> plan = test::lines_of(
            session.exec_script(fmt::format("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE {}{}",
                                            name(c), c.arguments)
                                    .c_str()));
        BOOST_TEST_CONTEXT(fmt::format("{}\n{}", c.statement.name, fmt::join(plan, "\n"))) {
            for (const std::string& line : test::scans_without_condition(plan))
                BOOST_TEST(line.find("retention_passes") != std::string::npos, line);  // five rows
        }
    }
}
