// The program as its users run it: a real process, a real PostgreSQL, the simulated Twilio.
// runs alone: the waits between attempts are measured
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/raw_http.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <list>
#include <signal.h>
#include <sys/resource.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kSeller = "+33612345678";
constexpr const char* kClient = "+33698765432";

struct System {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);

    System() {
        BOOST_REQUIRE(twilio.start());
        db.add_seller(tenant, kSeller);
    }
    Variables variables(std::uint16_t port) {
        return service_variables(db.url(), port, twilio.base_url());
    }
};

std::string url_of(std::uint16_t port) {
    return fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
}

struct Serving {
    std::uint16_t port = free_port();
    Process process;
    std::string url = url_of(port);

    explicit Serving(System& system, Variables more = {})
        : process{{"serve"}, merged(system.variables(port), more)} {
        BOOST_REQUIRE_MESSAGE(process.wait_for_output("Worker started successfully"),
                              process.output());
    }
    static Variables merged(Variables base, const Variables& more) {
        for (const auto& [name, value] : more) base[name] = value;
        return base;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_clients_and_a_sellers_message_end_as_rows_of_their_tenant) {
    System system;
    Serving service{system};
    BOOST_TEST(post_signed(service.url, inbound_form(1, kClient, kShop, "Bonjour")).status == 200);
    BOOST_TEST(post_signed(service.url, inbound_form(2, kSeller, kShop, "Stock 12")).status == 200);
    BOOST_TEST(
        eventually([&] { return system.db.count("SELECT count(*) FROM messages_in") == 2; }));
    const std::vector<std::string> rows = system.db.query_rows(
        R"(SELECT "from", "to", body, message_type, tenant_id, profile_name FROM messages_in ORDER BY "from")");
    BOOST_TEST(rows[0] ==
               fmt::format("{}|{}|Stock 12|seller|{}|Zoé", kSeller, kShop, system.tenant));
    BOOST_TEST(rows[1] ==
               fmt::format("{}|{}|Bonjour|client|{}|Zoé", kClient, kShop, system.tenant));
    for (const std::string type : {"seller", "client"}) {  // two workers, in either order
        BOOST_TEST(service.process.wait_for_output(
            fmt::format(R"(Message type determined messageType: "{}")", type)));
    }
    BOOST_TEST(!has(service.process.output(), kClient));
    BOOST_TEST(!has(service.process.output(), "Bonjour"));
}

BOOST_AUTO_TEST_CASE(the_answer_is_an_empty_twiml_document) {
    System system;
    Serving service{system};
    const Posted answer = post_signed(service.url, inbound_form(1, kClient, kShop, "Bonjour"));
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.content_type == "text/xml");
    BOOST_TEST(has(answer.body, "<Response/>"));
}

BOOST_AUTO_TEST_CASE(the_same_message_twice_at_once_to_two_instances_is_one_row_and_one_ignored) {
    System system;
    Serving one{system};
    Serving two{system};
    for (std::uint64_t number = 1; number <= 20; ++number) {
        const twilio::Params form = inbound_form(number, kClient, kShop, "Bonjour");
        const std::vector<int> statuses = post_all({one.url, two.url}, {form, form}, 2);
        BOOST_TEST(statuses == (std::vector{200, 200}), boost::test_tools::per_element());
    }
    BOOST_TEST(
        eventually([&] { return system.db.count("SELECT count(*) FROM messages_in") == 20; }));
    BOOST_TEST(system.db.count("SELECT count(*) FROM webhook_events") == 20);
    BOOST_TEST(system.db.count(
                   "SELECT count(*) FROM event_log WHERE event_type = 'idempotent_ignored'") == 20);
    BOOST_TEST(
        system.db.count(
            "SELECT count(*) FROM event_log AS l JOIN webhook_events AS e USING (correlation_id) "
            "WHERE l.event_type = 'idempotent_ignored'") == 20);
    BOOST_TEST(has(one.process.output() + two.process.output(), "Duplicate message detected"));
}

BOOST_AUTO_TEST_CASE(a_wrong_signature_is_401_and_leaves_no_row) {
    System system;
    Serving service{system};
    const twilio::Params form = inbound_form(1, kClient, kShop, "Bonjour");
    BOOST_TEST(
        post(service.url, twilio::encode_form(form), "AAAAAAAAAAAAAAAAAAAAAAAAAAA=").status == 401);
    BOOST_TEST(post(service.url, twilio::encode_form(form), "").status == 401);
    BOOST_TEST(system.db.count("SELECT count(*) FROM webhook_events") == 0);
}

BOOST_AUTO_TEST_CASE(hand_typed_inserts_work_in_any_time_zone_and_go_out_at_once) {
    System system;
    Serving service{system};
    for (const char* zone : {"America/New_York", "Asia/Tokyo"}) {
        system.db.exec(fmt::format(
            R"(SET TimeZone = '{0}';
               INSERT INTO seller_phones (id, tenant_id, phone_number, created_at)
               VALUES (gen_random_uuid()::text, '{1}', '+3361234567{2}', NOW());
               INSERT INTO messages_out (id, tenant_id, "to", body, status, attempts, correlation_id, created_at, updated_at)
               VALUES (gen_random_uuid()::text, '{1}', '+3361234567{2}', 'Test message', 'pending', 0,
                       gen_random_uuid()::text, NOW(), NOW());)",
            zone, system.tenant, zone[0] == 'A' && zone[1] == 'm' ? 1 : 2));
    }
    BOOST_TEST(eventually(
        [&] {
            return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 2;
        },
        std::chrono::seconds{3}));
    BOOST_TEST(system.db.count(
                   "SELECT count(*) FROM messages_out WHERE abs(extract(epoch FROM created_at - "
                   "(now() AT TIME ZONE 'UTC'))) < 60 AND provider_message_id IS NOT NULL") == 2);
    BOOST_TEST(
        system.db.count("SELECT count(*) FROM event_log WHERE event_type = 'message_sent'") == 2);
    BOOST_TEST(system.twilio.ledger().accepted_to("+33612345671") == 1);
    BOOST_TEST(
        eventually([&] { return has(service.process.output(), "Message sent successfully"); }));
}

BOOST_AUTO_TEST_CASE(without_listen_a_message_goes_out_with_the_poll) {
    System system;
    // As behind a transaction pooler that swallows LISTEN: the listener's connection cannot be
    // made.
    Serving service{system,
                    {{"DATABASE_DIRECT_URL", "postgresql://nobody@127.0.0.1:1/none"},
                     {"OUTBOX_POLL_INTERVAL_MS", "1000"}}};
    system.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'x')",
                    system.tenant, kClient));
    BOOST_TEST(eventually(
        [&] {
            return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1;
        },
        std::chrono::seconds{5}));
}

BOOST_AUTO_TEST_CASE(
    a_refusal_that_surely_was_no_sending_makes_five_attempts_with_growing_waits_and_one_dead_letter) {
    System system;
    system.twilio.script().add(
        {.to = kClient, .then = {.answer = sim::Answer::error, .status = 503, .code = 20503}});
    Serving service{system};
    system.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{0}', '{1}', "
                    "'x'), ('{0}', '{2}', 'y')",
                    system.tenant, kClient, kSeller));
    BOOST_TEST(eventually(
        [&] {
            return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'dead'") == 1;
        },
        std::chrono::seconds{25}));
    std::vector<WallTime> calls;
    for (const sim::LedgerEntry& entry : system.twilio.ledger().entries()) {
        if (entry.to.ends_with(kClient)) calls.push_back(entry.time);
    }
    BOOST_REQUIRE(calls.size() == 5);
    const std::array<double, 5> expected{0, 1, 3, 7, 15};
    for (std::size_t i = 0; i < 5; ++i) {
        const double seconds = std::chrono::duration<double>(calls[i] - calls[0]).count();
        BOOST_TEST(std::abs(seconds - expected[i]) < 0.7,
                   "attempt " << i + 1 << " after " << seconds << " s");
    }
    BOOST_TEST(system.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1);
    BOOST_TEST(system.db.count("SELECT count(*) FROM dead_letter_jobs WHERE job_type = "
                               "'message_out' AND attempts = 5") == 1);
    BOOST_TEST(system.db.count(
                   "SELECT count(*) FROM event_log WHERE event_type = 'message_dead_lettered'") ==
               1);
    BOOST_TEST(system.db.count("SELECT count(*) FROM outbox_queue") == 0);
    BOOST_TEST(system.db.count("SELECT count(*) FROM outbox_leases") == 0);
}

BOOST_AUTO_TEST_CASE(
    an_answer_that_may_hide_a_sending_makes_the_message_unknown_and_is_never_repeated) {
    System system;
    system.twilio.script().add(
        {.to = kClient, .then = {.answer = sim::Answer::error, .status = 500, .code = 20500}});
    Serving service{system};
    system.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'x')",
                    system.tenant, kClient));
    BOOST_TEST(eventually([&] {
        return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") == 1;
    }));
    // A further message to another person shows that the sender went on; the unknown one stays
    // where it is.
    system.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'y')",
                    system.tenant, kSeller));
    BOOST_TEST(eventually([&] {
        return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1;
    }));
    BOOST_TEST(system.twilio.ledger().attempts_to(kClient) == 1);
}

BOOST_AUTO_TEST_CASE(a_hundred_jobs_are_reported_in_the_log) {
    System system;
    Serving service{system};
    std::vector<twilio::Params> forms;
    for (std::uint64_t i = 0; i < 100; ++i) {
        forms.push_back(inbound_form(i, kClient, kShop, "Bonjour"));
    }
    post_all({service.url}, forms, 10);
    BOOST_TEST(service.process.wait_for_output("Worker metrics"));
}

BOOST_AUTO_TEST_CASE(sigterm_ends_it_cleanly_and_leaves_no_instance_behind) {
    System system;
    Serving service{system};
    BOOST_TEST(get(fmt::format("http://127.0.0.1:{}/readyz", service.port)).status == 200);
    BOOST_TEST(system.db.count("SELECT count(*) FROM instances") == 1);
    service.process.signal(SIGTERM);
    BOOST_TEST(service.process.wait() == 0);
    BOOST_TEST(system.db.count("SELECT count(*) FROM instances") == 0);
}

BOOST_AUTO_TEST_CASE(a_health_check_finds_the_service_of_this_machine_or_says_that_there_is_none) {
    System system;
    const Variables port{{"PORT", std::to_string(free_port())}, {"HOST", "0.0.0.0"}};
    const Ran none = run_program({"healthcheck"}, port);
    BOOST_TEST(none.exit_code == 1);
    BOOST_TEST(none.output.find("/healthz") != std::string::npos);
    const Serving service{system, port};
    const Ran found = run_program({"healthcheck"}, port);
    BOOST_TEST(found.exit_code == 0, found.output);
    BOOST_TEST(found.output == "ok\n");
    BOOST_TEST(run_program({"healthcheck", "--json"}, port).output == "{\"result\":\"ok\"}\n");
    BOOST_TEST(run_program({"healthcheck"}, {{"PORT", "none"}}).exit_code == 2);
}

BOOST_AUTO_TEST_CASE(sigterm_ends_it_while_it_waits_for_its_database) {
    System system;
    Variables variables = system.variables(free_port());
    variables["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none";
    Process process{{"serve"}, variables};
    BOOST_REQUIRE(process.wait_for_output("Waiting for the database"));
    process.signal(SIGTERM);
    BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(silent_connections_cost_neither_a_webhook_nor_a_message) {
    System system;
    rlimit files{};
    BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = 256;  // what the service starts with
    setrlimit(RLIMIT_NOFILE, &files);
    Serving service{system};
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    std::list<RawHttp> silent;
    for (int i = 0; i < 600; ++i) silent.emplace_back(service.port);
    BOOST_TEST(post_signed(service.url, inbound_form(1, kClient, kShop, "Bonjour")).status == 200);
    system.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) VALUES ('{}', '{}', 'x')",
                    system.tenant, kClient));
    BOOST_TEST(eventually([&] {
        return system.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 1;
    }));
}

BOOST_AUTO_TEST_CASE(a_bad_configuration_is_one_line_and_exit_2) {
    System system;
    Variables variables = system.variables(free_port());
    variables["ROUTER_THREADS"] = "many";
    const Ran ran = run_program({"serve"}, variables);
    BOOST_TEST(ran.exit_code == 2);
    BOOST_TEST(has(ran.output, "ROUTER_THREADS"));
    BOOST_TEST(has(ran.output, "many"));
    BOOST_TEST(std::count(ran.output.begin(), ran.output.end(), '\n') == 1);
}

BOOST_AUTO_TEST_CASE(a_file_of_variables_that_cannot_be_read_to_its_end_is_refused) {
    // The first byte of a process's memory: reading there fails, opening the file does not.
    const Ran ran = run_program({"config"}, {{"PGCOURIER_CONFIG_FILE", "/proc/self/mem"},
                                             {"DATABASE_URL", "postgresql://db/shop"}});
    BOOST_TEST(ran.exit_code == 2);
    BOOST_TEST(has(ran.output, "PGCOURIER_CONFIG_FILE: found /proc/self/mem, which cannot be read"),
               ran.output);
}

BOOST_AUTO_TEST_CASE(who_sends_to_another_host_than_twilios_is_told_so_in_production) {
    System system;
    const std::string told = "TWILIO_API_BASE_URL is not Twilio's";
    BOOST_TEST(has(Serving{system}.process.output(), told));
    BOOST_TEST(!has(Serving{system, {{"PGCOURIER_ENV", "development"}}}.process.output(), told));
}

BOOST_AUTO_TEST_CASE(an_unmigrated_database_is_refused_with_the_command_to_run) {
    System system;
    const TestDatabase empty{TestDatabase::Content::empty};
    const Ran ran = run_program(
        {"serve"}, service_variables(empty.url(), free_port(), system.twilio.base_url()));
    BOOST_TEST(ran.exit_code == 1);
    BOOST_TEST(has(ran.output, "does not exist"));
    BOOST_TEST(has(ran.output, "pgcourier migrate up"));
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_named_with_the_variable_to_change) {
    System system;
    Serving service{system};
    const Ran ran = run_program({"serve"}, system.variables(service.port));
    BOOST_TEST(ran.exit_code == 1);
    BOOST_TEST(has(ran.output, std::to_string(service.port)));
    BOOST_TEST(has(ran.output, "PORT"));
    BOOST_TEST(system.db.count("SELECT count(*) FROM instances") == 1);
}

}  // namespace pgcourier
