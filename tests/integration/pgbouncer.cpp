// The program behind PgBouncer in transaction mode, which is all that it is given of the database.
// (make test-pgbouncer runs all suites of this folder so.)
#include "support/pgbouncer.hpp"

#include "pg/listener.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"
#include "support/process.hpp"
#include "support/scraped.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kPolls = "LISTEN does not work on this connection";
constexpr const char* kPooler = "A pooler stands before the database";
constexpr pg::Statement kOne{"test.one", "SELECT 1"};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct Pooled {
    TestDatabase db;
    PgBouncer pooler{test_server()};
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();

    Pooled() {
        BOOST_REQUIRE(twilio.start());
        db.warm_up("credentials:test");
    }
    std::string at(const std::string& path) const {
        return fmt::format("http://127.0.0.1:{}{}", port, path);
    }
    Secret url(const std::string& parameters = "") const {
        return Secret{pooler.url(db.name()).reveal() + parameters};
    }
    pg::ConnectOptions options() const { return {.target = *pg::parse_url(url()), .role = "test"}; }
    Variables variables(const std::string& parameters = "", Variables more = {}) {
        more.insert({{"OUTBOX_POLL_INTERVAL_MS", "300"}, {"OUTBOX_RATE_PER_SENDER", "0"}});
        more.merge(service_variables(url(parameters), port, twilio.base_url()));
        return more;
    }
    /// 100 messages in, 20 at once, each of another person; and as many out.
    void receive_and_send() const {
        std::vector<twilio::Params> forms;
        for (std::uint64_t i = 0; i < 100; ++i)
            forms.push_back(inbound_form(i + 1, fmt::format("+336{:08}", i), kShop, "Bonjour"));
        for (const int status : post_all({at("/webhooks/twilio")}, forms, 20))
            BOOST_TEST(status == 200);
        db.exec(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', "
                        "'+336' || lpad(i::text, 8, '0'), 'x' FROM generate_series(1, 100) i",
                        tenant));
        BOOST_TEST(eventually(
            [&] {
                return db.count(
                           "SELECT (SELECT count(*) FROM messages_in WHERE message_type = "
                           "'client') + (SELECT count(*) FROM messages_out WHERE status = "
                           "'sent')") == 200;
            },
            std::chrono::seconds{60}));
    }
    /// What goes wrong when a session is not what it seems.
    static void check_log(const std::string& output) {
        BOOST_TEST(!has(output, "[ERROR]"), output);
        BOOST_TEST(!has(output, "prepared statement"), output);
        BOOST_TEST(!has(output, "Notifications lost"), output);
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(
    a_service_that_is_given_a_pooler_unawares_does_its_work_and_says_that_it_polls, Pooled) {
    Process service{{"serve"}, variables()};
    BOOST_REQUIRE(service.wait_for_output("Worker started successfully"));
    BOOST_TEST(service.wait_for_output(kPolls));
    BOOST_TEST(has(service.output(), kPooler));
    BOOST_TEST(service.output().find(kPooler) == service.output().rfind(kPooler));
    receive_and_send();
    BOOST_TEST(get(at("/readyz")).body == "ready; polls, since no notifications arrive\n");
    const Scraped scraped = scrape(port);
    BOOST_TEST(scraped.value("pgcourier_listener_working") == 0);
    BOOST_TEST(scraped.sum("pgcourier_database_errors_total") == 0);
    service.signal(SIGTERM);
    BOOST_TEST(service.wait() == 0);
    check_log(service.output());
    BOOST_TEST(db.count("SELECT count(*) FROM instances") == 0);  // it could say goodbye
}

BOOST_FIXTURE_TEST_CASE(what_a_process_that_polls_has_stored_itself_it_routes_at_once, Pooled) {
    Process service{{"serve"}, variables("", {{"OUTBOX_POLL_INTERVAL_MS", "60000"}})};
    BOOST_REQUIRE(service.wait_for_output(kPolls));
    for (std::uint64_t number = 1; number <= 3; ++number) {
        const auto form = inbound_form(number, "+33698765432", kShop, "Bonjour");
        BOOST_TEST(post_signed(at("/webhooks/twilio"), form).status == 200);
        BOOST_TEST(eventually(
            [&] {
                return db.count("SELECT count(*) FROM messages_in") == static_cast<int>(number);
            },
            std::chrono::seconds{3}));
    }
}

BOOST_FIXTURE_TEST_CASE(with_a_direct_connection_beside_the_pooler_it_hears_at_once, Pooled) {
    Process service{{"serve"},
                    variables("?pgbouncer=true&schema=public",
                              {{"DATABASE_DIRECT_URL", direct_url(db).reveal()},
                               {"OUTBOX_POLL_INTERVAL_MS", "60000"}})};
    BOOST_REQUIRE(service.wait_for_output("Worker started successfully"));
    BOOST_TEST(eventually([&] { return scrape(port).value("pgcourier_listener_working") == 1; }));
    receive_and_send();
    BOOST_TEST(get(at("/readyz")).body == "ready\n");
    BOOST_TEST(!has(service.output(), kPooler));
    check_log(service.output());
}

BOOST_AUTO_TEST_CASE(an_empty_database_is_migrated_through_a_pooler) {
    const TestDatabase db{TestDatabase::Content::empty};
    const PgBouncer pooler{test_server()};
    const Variables variables{{"DATABASE_URL", pooler.url(db.name()).reveal()}};
    const Ran first = run_program({"migrate", "up"}, variables);
    BOOST_TEST(first.exit_code == 0, first.output);
    const Ran again = run_program({"migrate", "up"}, variables);
    BOOST_TEST(has(again.output, "The database is up to date."), again.output);
    BOOST_TEST(has(run_program({"status"}, variables).output, "events waiting"));
}

BOOST_FIXTURE_TEST_CASE(a_pooler_is_found_when_the_connection_is_made, Pooled) {
    const pg::ConnectOptions direct = direct_options(db);
    pg::Connection{direct}.exec(kOne);
    BOOST_TEST(!*direct.has_met_pooler);
    const pg::ConnectOptions undeclared = options();
    pg::Connection connection{undeclared};
    BOOST_TEST(*undeclared.has_met_pooler);
    connection.exec(kOne);
    BOOST_TEST(connection.exec_script("SELECT count(*) FROM pg_prepared_statements")[0].int64(0) ==
               0);
}

// A session that listens there and notifies itself does hear it: both go to the same server.
BOOST_FIXTURE_TEST_CASE(what_somebody_listens_for_at_the_server_is_not_kept_by_others, Pooled) {
    pg::Connection listening{options()};
    listening.exec_script("LISTEN somebodys_channel");
    listening.exec_script("NOTIFY somebodys_channel");
    PGnotify* own = PQnotifies(listening.raw());
    BOOST_TEST(own != nullptr);
    PQfreemem(own);

    pg::Connection other{options()};
    other.exec_script("NOTIFY somebodys_channel");
    PGnotify* stray = PQnotifies(other.raw());
    BOOST_REQUIRE(stray != nullptr);
    PQfreemem(stray);
    static constexpr pg::Statement kNotify{"test.notify", "NOTIFY somebodys_channel"};
    other.exec(kNotify);
    BOOST_TEST(PQnotifies(other.raw()) == nullptr);
}

}  // namespace pgcourier
