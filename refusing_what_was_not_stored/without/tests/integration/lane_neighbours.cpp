// links: outbox
// What a claim is dealt out of: whose messages are due, what limits them, and what is locked for
// it.
#include "outbox/store.hpp"
#include "sql/outbox.hpp"
#include "support/crowd.hpp"

#include <boost/test/unit_test.hpp>
#include <libpq-fe.h>

using namespace pgcourier;
using test::Crowd;

namespace {

using Texts = std::vector<std::string>;

struct Lanes : Crowd {
    Lanes() { connection.exec_script("SET lock_timeout = '2s'"); }

    /// returns  tenant, sender, due messages, whether it is paused, where the next walk begins
    Texts lanes(int few = 100, int visits = 100, const std::string& after = "",
                const outbox::Marks& marks = {}, int enough = 1000, int of_each = 16) {
        Texts found;
        for (const pg::Row row : connection.exec(
                 sql::outbox::lanes, pg::Params{std::nullopt, after, few, visits, marks.lowest(),
                                                marks.others(), marks.json(), enough, of_each})) {
            found.push_back(fmt::format("{}|{}|{}|{}|{}", row.is_null(0) ? "" : row.string(0),
                                        row.is_null(1) ? "" : row.string(1),
                                        row.is_null(2) ? 0 : row.int64(2),
                                        row.boolean(4) ? "paused" : "", row.string(5)));
        }
        return found;
    }
    /// In seconds, to ten of them; -1: nothing waits.
    std::int64_t next_due(const Texts& tenants,
                          std::optional<outbox::DueTime> mark = std::nullopt) {
        const pg::Rows rows = connection.exec(
            sql::outbox::next_due,
            pg::Params{tenants, std::vector<std::optional<outbox::DueTime>>(tenants.size(), mark)});
        return rows.empty() ? -1 : (rows[0].int64(0) + 5000) / 10000 * 10;
    }
    /// In µs since 1970, by the database's clock.
    outbox::DueTime time(const std::string& when) const {
        return db.count("SELECT (extract(epoch FROM " + when + ") * 1000000)::bigint");
    }
    void due(const std::string& message, const std::string& when) const {
        exec("UPDATE outbox_queue SET due_at = " + when +
             ", is_behind = false WHERE message_id = '" + message + "'");
    }
    void scope(const std::string& name, const std::string& columns) const {
        exec("INSERT INTO outbox_scopes (scope, calls, last_success_at) VALUES ('" + name +
             "', 1024, now()); UPDATE outbox_scopes SET " + columns + " WHERE scope = '" + name +
             "'");
    }
    Texts free_scopes() const {
        return db.query_rows("SELECT scope FROM outbox_scopes ORDER BY 1 FOR UPDATE SKIP LOCKED");
    }
};

}  // namespace

#define TEST_TEXTS(found, ...) \
    BOOST_TEST((found) == (Texts{__VA_ARGS__}), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_CASE(a_lane_is_a_shop_with_messages_due_whether_looked_up_or_walked_to, Lanes) {
    conversations("pending");
    exec(
        "INSERT INTO tenants (id, name) VALUES ('three', 'three'); DELETE FROM outbox_queue WHERE "
        "message_id = 'two.bert.1'");
    for (const int few : {100, 1})
        TEST_TEXTS(lanes(few), "one|+33700000001|2||", "two|+33700000002|1||");
    due("two.anna.1", "now() + interval '1 h'");
    for (const int few : {100, 1}) TEST_TEXTS(lanes(few), "one|+33700000001|2||");
    exec("UPDATE outbox_queue SET tenant_id = 'three' WHERE message_id = 'one.bert.1'");
    for (const int few : {100, 1}) TEST_TEXTS(lanes(few), "one|+33700000001|1||", "three||1||");
}

BOOST_FIXTURE_TEST_CASE(a_walk_visits_so_many_shops_and_goes_on_behind_the_last, Lanes) {
    conversations("pending");
    TEST_TEXTS(lanes(1, 1), "one|+33700000001|2||one");
    TEST_TEXTS(lanes(1, 1, "one"), "two|+33700000002|2||");  // nobody is behind it
    TEST_TEXTS(lanes(1, 1, "two"), "||0||");
}

BOOST_FIXTURE_TEST_CASE(the_scopes_of_lanes_are_those_of_their_numbers, Lanes) {
    conversations("pending");
    exec("UPDATE tenants SET whatsapp_phone_number = NULL WHERE id = 'two'");
    pg::Transaction transaction{connection};
    lanes();
    BOOST_TEST(connection.exec_script("SELECT current_setting('pgcourier.scopes')")[0].string(0) ==
               "{sender:+33700000001}");
}

BOOST_FIXTURE_TEST_CASE(a_pause_holds_up_whom_it_names, Lanes) {
    conversations("pending");
    const auto paused = [&](const std::string& pause) {
        exec("DELETE FROM outbox_pauses; DELETE FROM backfills; " + pause);
        Texts shops;
        for (const std::string& lane : lanes()) {
            if (lane.find("paused") != std::string::npos) shops.push_back(lane.substr(0, 3));
        }
        return shops;
    };
    const std::string pause = "INSERT INTO outbox_pauses (kind, id) VALUES ";
    TEST_TEXTS(paused(pause + "('all', '')"), "one", "two");
    TEST_TEXTS(paused(pause + "('tenant', 'two')"), "two");
    TEST_TEXTS(paused(pause + "('sender', '+33700000001')"), "one");
    TEST_TEXTS(
        paused(pause + "('tenant', 'three'), ('sender', 'one'), ('tenant', '+33700000002')"), );
    const std::string gap =
        "INSERT INTO backfills (asked_by, is_automatic, since, until, sending_waits_until) VALUES "
        "('i', true, now(), now(), now() ";
    TEST_TEXTS(paused(gap + "+ interval '30 s')"), "one", "two");
    TEST_TEXTS(paused(gap + "- interval '1 s')"), );
    TEST_TEXTS(paused(gap + "+ interval '1 h')"), );  // the clock went back
}

BOOST_FIXTURE_TEST_CASE(the_next_due_time_is_zero_only_for_the_shops_that_are_asked_for, Lanes) {
    conversations("pending");
    exec("DELETE FROM outbox_queue WHERE message_id NOT IN ('one.anna.1', 'two.anna.2')");
    due("two.anna.2", "now() + interval '1 h'");
    BOOST_TEST(next_due({}) == 3600);
    BOOST_TEST(next_due({"two"}) == 3600);
    BOOST_TEST(next_due({"two", "one"}) == 0);
    exec("DELETE FROM outbox_queue WHERE message_id = 'two.anna.2'");
    BOOST_TEST(next_due({}) == -1);
    BOOST_TEST(next_due({"two"}) == -1);
    BOOST_TEST(next_due({"one"}) == 0);
}

BOOST_FIXTURE_TEST_CASE(in_flight_is_what_has_a_lease_that_lasts_and_an_outcome_to_come, Lanes) {
    conversations("sending");
    exec(
        "UPDATE outbox_leases SET unknown_since = now() WHERE message_id = 'one.anna.1';"
        "UPDATE outbox_leases SET expires_at = now() WHERE message_id = 'two.bert.1'");
    const outbox::InFlight found = outbox::read_in_flight(connection.exec(sql::outbox::in_flight));
    BOOST_TEST(found.total == 2);
    BOOST_TEST(found.by_sender.at("+33700000001") == 1);
    BOOST_TEST(found.by_sender.at("+33700000002") == 1);
}

// ---- scopes.sql, lock_scopes.sql, write_scopes.sql

BOOST_FIXTURE_TEST_CASE(a_scope_is_locked_for_each_reason_that_limits_it_and_for_no_other, Lanes) {
    scope("credentials:1", "calls = 1024");
    scope("credentials:2", "opened_at = now()");
    scope("credentials:3", "calls = 1023");
    scope("credentials:4", "last_success_at = NULL");
    scope("credentials:5", "last_success_at = now() - interval '6 min'");
    scope("credentials:6", "opened_at = now()");
    scope("credentials:7", "opened_at = now()");  // not asked for
    scope("sender:1", "calls = 1024");
    auto other = db.connect();
    pg::Transaction locking{other};
    other.exec_script("SELECT FROM outbox_scopes WHERE scope = 'credentials:6' FOR UPDATE");
    const auto scopes = [&](bool has_rate) {
        Texts found;
        for (const pg::Row row :
             connection.exec(sql::outbox::scopes,
                             pg::Params{Texts{"credentials:1", "credentials:2", "credentials:3",
                                              "credentials:4", "credentials:5", "credentials:6",
                                              "credentials:8", "sender:1"},
                                        has_rate}))
            found.push_back(row.string(0) + (row.boolean(1) ? "" : " unknown") +
                            (row.boolean(2) ? " ours" : "") + (row.boolean(4) ? " open" : ""));
        return found;
    };
    pg::Transaction transaction{connection};
    TEST_TEXTS(scopes(false), "credentials:1", "credentials:2 ours open", "credentials:3 ours",
               "credentials:4 ours", "credentials:5 ours", "credentials:6 open",
               "credentials:8 unknown", "sender:1");
    TEST_TEXTS(free_scopes(), "credentials:1", "credentials:7", "sender:1");
    TEST_TEXTS(scopes(true), "credentials:1", "credentials:2 ours open", "credentials:3 ours",
               "credentials:4 ours", "credentials:5 ours", "credentials:6 open",
               "credentials:8 unknown", "sender:1 ours");
}

BOOST_FIXTURE_TEST_CASE(a_scope_tells_whether_anything_failed_since_its_last_success, Lanes) {
    scope("sender:1", "failures = 0, failed_message = ''");
    scope("sender:2", "failures = 1");
    scope("sender:3", "failed_message = 'm'");
    scope("sender:4", "failed_message = 'm', opened_at = now()");
    std::string failed;
    for (const pg::Row row : connection.exec(
             sql::outbox::scopes,
             pg::Params{Texts{"sender:1", "sender:2", "sender:3", "sender:4", "sender:5"}, false}))
        failed += row.boolean(8) ? "t" : "f";
    BOOST_TEST(failed == "ftttf");
}

BOOST_FIXTURE_TEST_CASE(the_scopes_that_outcomes_speak_of_are_locked_until_they_are_written,
                        Lanes) {
    for (const char* name : {"provider", "sender:1", "sender:2"}) scope(name, "calls = 1024");
    pg::Transaction transaction{connection};
    BOOST_TEST(connection.exec(sql::outbox::lock_scopes, pg::Params{Texts{"provider", "sender:1"}})
                   .size() == 2);
    TEST_TEXTS(free_scopes(), "sender:2");
}

namespace {

struct Written : Lanes {
    /// One scope is written back.
    Texts write(const std::string& name, bool is_open, bool has_success) {
        return changed([&] {
            connection.exec(
                sql::outbox::write_scopes,
                pg::Params{Texts{name}, std::vector<std::int32_t>{4}, std::vector<std::int32_t>{0},
                           Texts{""}, std::vector<bool>{is_open}, std::vector<std::int32_t>{0},
                           std::vector<std::optional<std::int64_t>>{std::nullopt},
                           std::vector<bool>{has_success}, std::vector<bool>{false}});
        });
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_scope_is_written_alone_and_told_of_once_when_it_closes, Written) {
    for (const char* name : {"provider", "sender:1", "sender:2"}) scope(name, "opened_at = now()");
    pg::Connection listener = test::connect_directly(db);
    listener.exec_script("LISTEN messages_out; LISTEN ops_alert");
    const auto is_told = [&] {
        bool told = false;
        listener.exec_script("SELECT");
        while (PGnotify* notify = PQnotifies(listener.raw())) {
            told = true;
            PQfreemem(notify);
        }
        return told;
    };
    TEST_CHANGED(write("sender:1", true, false), "scope sender:1");
    BOOST_TEST(!is_told());
    TEST_CHANGED(write("sender:1", false, true), "event sending_resumed sender:1",
                 "scope sender:1");
    BOOST_TEST(is_told());
    TEST_CHANGED(write("sender:1", false, true), "scope sender:1");
    BOOST_TEST(!is_told());
}

// Only those that nobody has probed for ten minutes, and only when others work.
BOOST_FIXTURE_TEST_CASE(credentials_that_work_replace_those_that_are_given_up, Written) {
    scope("credentials:new", "calls = 1");
    scope("credentials:old", "opened_at = now(), probe_at = now() - interval '11 min'");
    scope("credentials:tried", "opened_at = now(), probe_at = now() - interval '9 min'");
    scope("credentials:well", "probe_at = now() - interval '11 min'");
    scope("sender:1", "opened_at = now(), probe_at = now() - interval '11 min'");
    scope("provider", "calls = 1");
    TEST_CHANGED(write("credentials:new", false, false), "scope credentials:new");
    TEST_CHANGED(write("provider", false, true), "scope provider");
    // Whoever works with them just now keeps them.
    TEST_CHANGED(write("credentials:old", true, true), "scope credentials:old");
    auto other = db.connect();
    {
        pg::Transaction transaction{other};
        other.exec_script("SELECT FROM outbox_scopes WHERE scope = 'credentials:old' FOR UPDATE");
        TEST_CHANGED(write("credentials:new", false, true), "scope credentials:new");
    }
    TEST_CHANGED(write("credentials:new", false, true), "event sending_resumed credentials:old",
                 "scope credentials:new", "scope credentials:old");
}

// ---- marks

BOOST_FIXTURE_TEST_CASE(what_fell_due_before_a_shops_mark_is_left_alone, Lanes) {
    conversations("pending");
    due("one.anna.1", "now() - interval '1 h'");
    exec("UPDATE outbox_queue SET due_at = now() - interval '1 h' WHERE tenant_id = 'two'");
    const auto minute = time("now() - interval '1 min'");
    const auto day = time("now() - interval '1 day'");
    for (const int few : {100, 1})
        TEST_TEXTS(lanes(few), "one|+33700000001|2||", "two|+33700000002|6||");
    TEST_TEXTS(lanes(1, 100, "", {minute, {}}), "one|+33700000001|1||");
    TEST_TEXTS(lanes(1, 100, "", {minute, {{"two", day}}}), "one|+33700000001|1||",
               "two|+33700000002|6||");
    TEST_TEXTS(lanes(1, 100, "", {day, {{"two", minute}}}), "one|+33700000001|2||");
    // While few are due, they are looked at together, from the lowest mark of all.
    TEST_TEXTS(lanes(100, 100, "", {minute, {}}), "one|+33700000001|1||");
    TEST_TEXTS(lanes(100, 100, "", {minute, {{"two", day}}}), "one|+33700000001|2||",
               "two|+33700000002|6||");
    BOOST_TEST(next_due({"two"}) == 0);
    BOOST_TEST(next_due({"two"}, minute) == 3600);
    BOOST_TEST(next_due({"one"}, minute) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_walk_from_marks_visits_each_shop, Lanes) {
    conversations("pending");
    exec("INSERT INTO tenants (id, name) VALUES ('ten', 'ten')");
    const outbox::Marks marks{time("now() - interval '1 min'"), {}};
    TEST_TEXTS(lanes(1, 1, "", marks), "one|+33700000001|2||one");
    TEST_TEXTS(lanes(1, 1, "one", marks), "||0||ten");
    TEST_TEXTS(lanes(1, 1, "ten", marks), "two|+33700000002|2||");
    TEST_TEXTS(lanes(1, 1, "two", marks), "||0||");
}

BOOST_FIXTURE_TEST_CASE(a_walk_ends_where_enough_is_due_and_counts_a_few_of_each, Lanes) {
    conversations("pending");
    // From the start, and from marks, where tenants without messages are visited too.
    for (const outbox::Marks& marks :
         {outbox::Marks{}, outbox::Marks{time("now() - interval '1 min'"), {}}}) {
        TEST_TEXTS(lanes(1, 100, "", marks, 2), "one|+33700000001|2||one");
        TEST_TEXTS(lanes(1, 100, "", marks, 3), "one|+33700000001|2||", "two|+33700000002|2||");
        TEST_TEXTS(lanes(1, 100, "", marks, 2, 1), "one|+33700000001|1||", "two|+33700000002|1||");
        TEST_TEXTS(lanes(1, 100, "two", marks, 2), "||0||");
    }
}

BOOST_FIXTURE_TEST_CASE(lanes_tell_since_when_something_is_due, Lanes) {
    conversations("pending");
    due("one.anna.1", "now() - interval '1 h'");
    due("two.bert.1", "now() - interval '2 h'");
    const auto before = time("clock_timestamp()");
    for (const int few : {100, 1}) {
        const pg::Rows rows =
            connection.exec(sql::outbox::lanes,
                            pg::Params{std::nullopt, "", few, 100, std::optional<outbox::DueTime>{},
                                       std::optional<outbox::DueTime>{}, "{}", 1000, 16});
        const outbox::Lanes found = outbox::read_lanes(rows, {.enough = 1000, .of_each = 16});
        BOOST_REQUIRE(found.lanes.size() == 2);
        const auto of = [&](const std::string& message) {
            return time("(SELECT due_at FROM outbox_queue WHERE message_id = '" + message + "')");
        };
        BOOST_TEST(found.lanes[0].first_due == of("one.anna.1"));
        BOOST_TEST(found.lanes[1].first_due == of("two.bert.1"));
        BOOST_TEST(found.now_due >= before);
    }
}

// ---- first_due.sql

BOOST_FIXTURE_TEST_CASE(what_is_first_due_is_told_of_each_shop_and_of_all_others, Lanes) {
    /// Of shops one and two and of others: 2 what fell due 2 hours ago, 0 now.
    const auto first = [&](int most) {
        const pg::Rows rows = connection.exec(sql::outbox::first_due, pg::Params{most});
        const outbox::FirstDue found = outbox::read_first_due(rows);
        const auto hours = [&](outbox::DueTime at) {
            return std::to_string((time("now()") - at + 1'800'000'000) / 3'600'000'000);
        };
        std::string told;
        for (const char* shop : {"one", "two"})
            told += found.tenants.contains(shop) ? hours(found.tenants.at(shop)) + " " : "- ";
        return fmt::format("{}{} of {}", told, hours(found.others), found.messages);
    };
    BOOST_TEST(first(10) == "- - 0 of 0");
    conversations("pending");
    due("one.anna.1", "now() - interval '1 h'");
    due("one.bert.1", "now() - interval '3 h'");
    due("two.anna.1", "now() + interval '1 h'");
    due("two.bert.1", "now() - interval '2 h'");
    BOOST_TEST(first(10) == "3 2 0 of 3");
    BOOST_TEST(first(3) == "3 2 1 of 3");
    BOOST_TEST(first(2) == "3 2 2 of 2");
    BOOST_TEST(first(1) == "3 - 3 of 1");
    exec("UPDATE outbox_queue SET due_at = '-infinity' WHERE message_id = 'two.bert.1'");
    BOOST_TEST(first(10).substr(0, 2) == "3 ");
}
