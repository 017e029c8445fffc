// links: pg
#include "base/fault_point.hpp"
#include "pg/listener.hpp"
#include "support/database_proxy.hpp"
#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier {
namespace {

using test::DatabaseProxy;
using test::eventually;
using test::TestDatabase;

constexpr pg::Statement kEcho{"test.echo", "SELECT $1::text, $2::bigint, $3::boolean, $4::text"};
constexpr pg::Statement kMake{"test.make",
                              "CREATE TABLE t (id bigint PRIMARY KEY, name text, raw bytea)"};
constexpr pg::Statement kInsert{"test.insert",
                                "INSERT INTO t (id, name, raw) SELECT id, name, raw FROM "
                                "unnest($1::bigint[], $2::text[], $3::bytea[]) AS u (id, name, raw)"
                                " RETURNING id"};
constexpr pg::Statement kCount{"test.count", "SELECT count(*) FROM t"};
constexpr pg::Statement kSettings{
    "test.settings",
    "SELECT current_setting('synchronous_commit'), current_setting('TimeZone'), "
    "current_setting('application_name'), now()::text"};
constexpr pg::Statement kAddOne{"test.add_one", "INSERT INTO t (id, name) VALUES (1, 'x')"};

/// One message of the protocol: its letter, its length, its fields.
std::string protocol_message(char letter, const std::string& fields) {
    const std::size_t length = fields.size() + 4;
    std::string text{letter, '\0', '\0'};
    text += static_cast<char>((length >> 8) & 0xFF);
    text += static_cast<char>(length & 0xFF);
    return text + fields;
}

/// An error as a server or a pooler tells it.
/// fields  each a letter and its text
std::string error_message(std::initializer_list<std::string_view> fields) {
    std::string all;
    for (const std::string_view field : fields) all.append(field).append(1, '\0');
    return protocol_message('E', all + '\0');
}

/// A commit in one round trip, in the place of whose reply the other side says `instead`.
struct Replaced {
    TestDatabase db{TestDatabase::Content::empty};
    std::optional<DatabaseProxy> proxy;
    std::optional<pg::Connection> connection;

    explicit Replaced(const std::string& instead) {
        db.connect().exec(kMake);
        pg::ConnectOptions options = test::direct_options(db);
        // Whoever waits for more than was said waits longer than the case may.
        options.answer_timeout = std::chrono::hours{1};
        proxy.emplace(options);
        proxy->proxy().change_answers([instead](std::string& piece) {
            const std::size_t tag = piece.find("COMMIT");
            if (tag != std::string::npos) piece.replace(tag - 5, std::string::npos, instead);
        });
        connection.emplace(proxy->options());
    }
    void commit() {
        const std::array<pg::Call, 1> calls{pg::Call{kAddOne}};
        connection->transact(calls);
    }
    bool has_happened() { return db.count("SELECT count(*) FROM t") == 1; }
};

}  // namespace

BOOST_AUTO_TEST_CASE(scalars_travel_as_parameters) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect("echo");
    const pg::Rows rows = connection.exec(kEcho, pg::Params{"it's; DROP TABLE", std::int64_t{-7},
                                                            true, std::optional<std::string>{}});
    BOOST_TEST(rows.size() == 1);
    BOOST_TEST(rows[0].text(0) == "it's; DROP TABLE");
    BOOST_TEST(rows[0].int64(1) == -7);
    BOOST_TEST(rows[0].boolean(2));
    BOOST_TEST(rows[0].is_null(3));
}

BOOST_AUTO_TEST_CASE(arrays_keep_every_byte_and_null) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect();
    connection.exec(kMake);
    pg::Params params{std::vector<std::int64_t>{1, 2, 3},
                      std::vector<std::optional<std::string>>{"{a,\"b\"}\\", std::nullopt, "Ça"}};
    const std::string raw{"\0\xFF\\x", 4};
    params.add_bytes(std::vector<std::string_view>{raw, "", "x"});
    BOOST_TEST(connection.exec(kInsert, params).size() == 3);
    const pg::Rows rows =
        connection.exec_script("SELECT name, encode(raw, 'hex') FROM t ORDER BY id");
    BOOST_TEST(rows[0].text(0) == "{a,\"b\"}\\");
    BOOST_TEST(rows[0].text(1) == "00ff5c78");
    BOOST_TEST(rows[1].is_null(0));
    BOOST_TEST(rows[1].text(1) == "");
    BOOST_TEST(rows[2].text(0) == "Ça");
}

BOOST_AUTO_TEST_CASE(an_empty_array_is_no_row) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect();
    connection.exec(kMake);
    pg::Params params{std::vector<std::int64_t>{}, std::vector<std::string>{}};
    params.add_bytes(std::vector<std::string_view>{});
    BOOST_TEST(connection.exec(kInsert, params).empty());
}

BOOST_AUTO_TEST_CASE(a_transaction_in_one_round_trip_commits_all_or_nothing) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect();
    connection.exec(kMake);
    const auto insert = [](std::int64_t id) {
        pg::Params params{std::vector<std::int64_t>{id}, std::vector<std::string>{"x"}};
        params.add_bytes(std::vector<std::string_view>{""});
        return pg::Call{kInsert, std::move(params)};
    };
    const std::array<pg::Call, 3> good{insert(1), insert(2), pg::Call{kCount}};
    const std::vector<pg::Rows> rows = connection.transact(good);
    BOOST_TEST(rows.size() == 3);
    BOOST_TEST(rows[2][0].int64(0) == 2);

    const std::array<pg::Call, 3> bad{insert(3), insert(1), insert(4)};
    BOOST_CHECK_EXCEPTION(connection.transact(bad), pg::Error, [](const pg::Error& e) {
        return e.is_unique_violation() && !e.is_lost();
    });
    BOOST_TEST(connection.exec(kCount)[0].int64(0) == 2);
}

BOOST_AUTO_TEST_CASE(a_transaction_rolls_back_unless_committed) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect();
    connection.exec(kMake);
    {
        const pg::Transaction transaction{connection};
        connection.exec_script("INSERT INTO t (id) VALUES (1)");
    }
    BOOST_TEST(connection.exec(kCount)[0].int64(0) == 0);
    pg::Transaction transaction{connection};
    connection.exec_script("INSERT INTO t (id) VALUES (1)");
    const std::array<pg::Call, 1> last{pg::Call{kCount}};
    BOOST_TEST(transaction.commit(last).front()[0].int64(0) == 1);
    BOOST_TEST(db.query_value("SELECT count(*) FROM t") == "1");
}

BOOST_AUTO_TEST_CASE(every_transaction_is_synchronous_whatever_the_role_says) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec("ALTER DATABASE " + db.name() + " SET synchronous_commit = off");
    db.exec("ALTER DATABASE " + db.name() + " SET TimeZone = 'Asia/Tokyo'");
    db.exec("ALTER DATABASE " + db.name() + " SET DateStyle = 'German'");
    pg::Connection connection = db.connect("sync");
    const std::array<pg::Call, 1> calls{pg::Call{kSettings}};
    const std::vector<pg::Rows> rows = connection.transact(calls);
    BOOST_TEST(rows[0][0].text(0) == "on");
    BOOST_TEST(rows[0][0].text(1) == "UTC");
    BOOST_TEST(rows[0][0].text(2) == "pgcourier/sync");
    BOOST_TEST(rows[0][0].text(3).substr(4, 1) == "-", rows[0][0].text(3));
}

BOOST_AUTO_TEST_CASE(a_statement_sees_what_was_committed_before_it_whatever_the_role_says) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec("CREATE TABLE t (id int)");
    db.exec("ALTER DATABASE " + db.name() + " SET default_transaction_isolation = 'serializable'");
    pg::Connection connection = db.connect();
    pg::Transaction transaction{connection};
    BOOST_TEST(connection.exec(kCount)[0].int64(0) == 0);
    db.exec("INSERT INTO t VALUES (1)");
    BOOST_TEST(connection.exec(kCount)[0].int64(0) == 1);
}

BOOST_AUTO_TEST_CASE(a_batch_larger_than_any_socket_buffer_does_not_lock_up) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect();
    const std::string megabyte(1 << 20, 'x');
    std::vector<pg::Call> calls;
    for (int i = 0; i < 32; ++i) calls.push_back({kEcho, pg::Params{megabyte, 1, true, megabyte}});
    const std::vector<pg::Rows> rows = connection.transact(calls);
    BOOST_TEST(rows.size() == 32);
    BOOST_TEST(rows[31][0].text(3).size() == megabyte.size());
}

BOOST_AUTO_TEST_CASE(the_same_works_without_prepared_statements) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::ConnectOptions options = db.options();
    options.is_direct = false;
    options.target.search_path = "\"Shop Schema\"";
    db.exec("CREATE SCHEMA \"Shop Schema\"");
    pg::Connection connection{options};
    connection.exec(kMake);
    BOOST_TEST(connection.exec(kCount)[0].int64(0) == 0);
    BOOST_TEST(db.query_value("SELECT count(*) FROM \"Shop Schema\".t") == "0");
    BOOST_TEST(db.query_value("SELECT count(*) FROM pg_prepared_statements") == "0");
}

BOOST_AUTO_TEST_CASE(a_pooler_that_nobody_declared_is_met_once_and_then_allowed_for) {
    TestDatabase db{TestDatabase::Content::empty};
    const pg::ConnectOptions options = direct_options(db);
    pg::Connection first{options};
    first.exec(kEcho, pg::Params{"", 1, true, ""});
    // What the next statement meets when a pooler that hides itself hands it to another server.
    first.exec_script("DEALLOCATE ALL");
    BOOST_CHECK_EXCEPTION(first.exec(kEcho, pg::Params{"", 1, true, ""}), pg::Error,
                          [](const pg::Error& e) { return e.sqlstate() == "26000"; });
    pg::Connection second{options};
    second.exec(kEcho, pg::Params{"", 1, true, ""});
    BOOST_TEST(second.exec_script("SELECT count(*) FROM pg_prepared_statements")[0].int64(0) == 0);
}

BOOST_AUTO_TEST_CASE(an_exchange_of_many_statements_has_one_time_limit) {
    static constexpr pg::Statement kSleep{"test.sleep", "SELECT pg_sleep(0.4)"};
    TestDatabase db{TestDatabase::Content::empty};
    pg::ConnectOptions options = db.options();
    options.answer_timeout = std::chrono::milliseconds{1000};
    pg::Connection connection{options};
    const std::vector<pg::Call> calls(5, pg::Call{kSleep});
    BOOST_CHECK_EXCEPTION(connection.transact(calls), pg::CommitUnknown,
                          [](const pg::Error& e) { return e.is_lost(); });
}

BOOST_AUTO_TEST_CASE(a_connection_killed_in_the_middle_is_lost_and_says_so) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = connect_directly(db, "victim");
    db.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'pgcourier/victim'");
    BOOST_CHECK_EXCEPTION(connection.exec(kEcho, pg::Params{"", 1, true, ""}), pg::Error,
                          [](const pg::Error& e) { return e.is_lost(); });
}

// What PgBouncer says when its server went away between COMMIT and the reply, with whatever
// SQLSTATE, and does not hang up at once.
BOOST_AUTO_TEST_CASE(a_fatal_after_commit_leaves_it_unknown_whatever_its_sqlstate) {
    for (const std::string& said :
         {error_message({"SFATAL", "VFATAL", "CXX000", "Mserver crashed"}),
          error_message({"SPANIC", "VPANIC", "C53300", "Mno more of them"}),
          error_message({"SFATAL", "C08P01", "Mserver conn crashed?"}),
          error_message({"SFATAL", "CXX000", "Man old pooler"}),
          error_message({"SFATAL", "VFATAL", "Mwithout a SQLSTATE"})}) {
        Replaced replaced{said};
        BOOST_CHECK_EXCEPTION(replaced.commit(), pg::CommitUnknown,
                              [](const pg::Error& e) { return e.is_lost() && !e.is_about_rows(); });
        BOOST_TEST(replaced.has_happened());
    }
}

BOOST_AUTO_TEST_CASE(an_error_that_ends_no_session_says_that_nothing_was_committed) {
    Replaced replaced{error_message({"SERROR", "VERROR", "CXX000", "Mbroken"}) +
                      protocol_message('Z', "I")};
    BOOST_CHECK_EXCEPTION(replaced.commit(), pg::Error, [](const pg::Error& e) {
        return e.sqlstate() == "XX000" && !e.is_lost() && e.is_about_rows() &&
               dynamic_cast<const pg::CommitUnknown*>(&e) == nullptr;
    });
}

// What follows the reply to COMMIT belongs to it: nobody may do again what has happened.
BOOST_AUTO_TEST_CASE(a_session_that_ends_behind_the_reply_to_commit_leaves_it_unknown) {
    Replaced replaced{protocol_message('C', std::string{"COMMIT"} + '\0') +
                      error_message({"SFATAL", "VFATAL", "C57P01", "Mgoing away"})};
    BOOST_CHECK_THROW(replaced.commit(), pg::CommitUnknown);
    BOOST_TEST(replaced.has_happened());
}

BOOST_AUTO_TEST_CASE(the_urls_encoding_and_time_to_connect_do_not_count) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::ConnectOptions options = db.options();
    options.target.keywords.emplace_back("client_encoding", "LATIN1");
    options.target.keywords.emplace_back("connect_timeout", "0");
    options.connect_timeout = std::chrono::seconds{60};
    pg::Connection connection{options};
    BOOST_TEST(connection.exec_script("SHOW client_encoding")[0].text(0) == "UTF8");
    BOOST_TEST(connection.exec(kEcho, pg::Params{"Ça", 1, true, ""})[0].text(0) == "Ça");
    const std::string timeout = [&connection] {
        std::string found;
        PQconninfoOption* const all = PQconninfo(connection.raw());
        for (const PQconninfoOption* one = all; one->keyword != nullptr; ++one) {
            if (std::string_view{one->keyword} == "connect_timeout" && one->val != nullptr)
                found = one->val;
        }
        PQconninfoFree(all);
        return found;
    }();
    BOOST_TEST(timeout == "60");
}

BOOST_AUTO_TEST_CASE(notices_arrive_also_after_a_connection_was_moved) {
    TestDatabase db{TestDatabase::Content::empty};
    pg::ConnectOptions options = db.options();
    std::string told;
    options.on_notice = [&told](std::string_view notice) { told = notice; };
    std::optional<pg::Connection> first{options};
    pg::Connection second{std::move(*first)};
    first.reset();
    second.exec_script("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
    BOOST_TEST(told == "hello");
}

BOOST_AUTO_TEST_CASE(an_error_never_quotes_a_row) {
    TestDatabase db{TestDatabase::Content::empty};
    db.exec(
        "CREATE TABLE people (number text PRIMARY KEY); INSERT INTO people VALUES "
        "('+33612345678')");
    static constexpr pg::Statement kAdd{"test.person", "INSERT INTO people VALUES ($1)"};
    pg::Connection connection = db.connect();
    BOOST_CHECK_EXCEPTION(connection.exec(kAdd, pg::Params{"+33612345678"}), pg::Error,
                          [](const pg::Error& e) {
                              return std::string{e.what()}.find("+336") == std::string::npos &&
                                     e.is_unique_violation();
                          });
}

BOOST_AUTO_TEST_CASE(a_transaction_passes_fault_points_named_by_role_statement_and_moment) {
    static std::vector<std::string> passed;
    TestDatabase db{TestDatabase::Content::empty};
    pg::Connection connection = db.connect("sender");
    connection.exec(kMake);
    const pg::Call calls[] = {{kCount}};
    fault_hook = [](const char* name) { passed.emplace_back(name); };
    connection.transact(calls);
    connection.exec(kCount);  // no COMMIT of ours
    fault_hook = nullptr;
    const std::vector<std::string> expected{
        "sender:test.count:before_commit", "sender:before_commit",
        "sender:test.count:commit_sent",   "sender:commit_sent",
        "sender:test.count:committed",     "sender:committed"};
    BOOST_TEST(passed == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_listener_wakes_reconnects_and_stops) {
    TestDatabase db{TestDatabase::Content::empty};
    std::atomic<int> wakes{0};
    pg::Listener listener{direct_options(db, "listener"),
                          {{"messages_out", [&wakes] { ++wakes; }}}};
    std::jthread thread{[&listener](std::stop_token stop) { listener.run(stop); }};
    BOOST_TEST(eventually([&] { return wakes == 1 && listener.is_working(); }));
    db.exec("NOTIFY messages_out");
    BOOST_TEST(eventually([&] { return wakes == 2; }));
    db.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'pgcourier/listener'");
    BOOST_TEST(eventually([&] { return wakes >= 3 && listener.is_working(); }));
    const int before = wakes;
    db.exec("NOTIFY messages_out");
    BOOST_TEST(eventually([&] { return wakes > before; }));
    thread.request_stop();
    thread.join();
}

}  // namespace pgcourier
