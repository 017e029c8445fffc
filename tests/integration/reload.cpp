// SIGHUP: a running service reads its file of variables again.
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";
constexpr const char* kWrongToken = "00000000000000000000000000000000";

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A service that has its credentials and its log level from a file.
struct Service {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();
    std::string url = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
    std::string file = scratch_directory() + "/variables.env";
    std::unique_ptr<Process> process;

    /// in_environment  the token behind the file's; empty: none
    explicit Service(const std::string& lines, const std::string& in_environment = {}) {
        BOOST_REQUIRE(twilio.start());
        write(lines);
        Variables variables = service_variables(db.url(), port, twilio.base_url());
        variables["TWILIO_AUTH_TOKEN"] = in_environment;
        variables["PGCOURIER_CONFIG_FILE"] = file;
        variables["WEBHOOK_DEADLINE_MS"] = "10000";  // this is not about speed
        process = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
        BOOST_REQUIRE_MESSAGE(process->wait_for_output("Worker started successfully"),
                              process->output());
    }
    void write(const std::string& lines) const { std::ofstream{file} << lines; }
    void reload(const std::string& lines, const std::string& answer) const {
        write(lines);
        process->signal(SIGHUP);
        BOOST_REQUIRE_MESSAGE(process->wait_for_output(answer), process->output());
    }
    int post_signed_with(const std::string& token, std::uint64_t number) const {
        const twilio::Params form = inbound_form(number, kClient, kShop, "Bonjour");
        return post(url, twilio::encode_form(form), twilio::sign(Secret{token}, url, form)).status;
    }
};

std::string token_line(const std::string& token) {
    return "TWILIO_AUTH_TOKEN=" + token + "\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(new_keys_check_webhooks_from_then_on) {
    Service service{token_line(kWrongToken)};
    const std::string right = test_auth_token().reveal();
    BOOST_TEST(service.post_signed_with(kWrongToken, 1) == 200);
    BOOST_TEST(service.post_signed_with(right, 2) == 401);
    service.reload(token_line(right) + "TWILIO_AUTH_TOKEN_SECONDARY=\n",
                   "Configuration reloaded {\"changed\":\"TWILIO_AUTH_TOKEN\"}");
    BOOST_TEST(service.post_signed_with(right, 2) == 200);
    BOOST_TEST(service.post_signed_with(kWrongToken, 3) == 401);
    BOOST_TEST(!has(service.process->output(), right));
}

BOOST_AUTO_TEST_CASE(a_key_whose_line_is_gone_is_believed_no_more) {
    const std::string right = test_auth_token().reveal();
    Service service{token_line(right) + "TWILIO_AUTH_TOKEN_SECONDARY=" + kWrongToken + "\n"};
    BOOST_TEST(service.post_signed_with(kWrongToken, 1) == 200);
    service.reload(token_line(right),
                   "Configuration reloaded {\"changed\":\"TWILIO_AUTH_TOKEN_SECONDARY\"}");
    BOOST_TEST(service.post_signed_with(kWrongToken, 2) == 401);
    BOOST_TEST(service.post_signed_with(right, 3) == 200);
}

// In the environment of the process the file would be as it was at the start.
BOOST_AUTO_TEST_CASE(the_unit_gives_the_file_to_the_program_and_not_to_its_environment) {
    std::ifstream unit{PGCOURIER_SOURCE_DIR "/deploy/pgcourier.service"};
    bool names_the_file = false;
    for (std::string line; std::getline(unit, line);) {
        BOOST_TEST(!line.starts_with("EnvironmentFile="), line);
        names_the_file = names_the_file || line.starts_with("Environment=PGCOURIER_CONFIG_FILE=");
    }
    BOOST_TEST(names_the_file);
}

// The breaker of the old credentials would let a probe through after a minute.
BOOST_AUTO_TEST_CASE(new_credentials_are_tried_at_once) {
    Service service{token_line(kWrongToken)};
    service.db.exec(
        fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '{}', "
                    "'+3361234567' || n, 'x' FROM generate_series(1, 3) AS n",
                    service.tenant));
    BOOST_REQUIRE_MESSAGE(service.process->wait_for_output("Sending paused"),
                          service.process->output());
    service.db.exec(
        "UPDATE outbox_scopes SET probe_at = now() + interval '1 h' WHERE opened_at IS "
        "NOT NULL");
    service.reload(token_line(test_auth_token().reveal()), "Configuration reloaded");
    BOOST_TEST(eventually(
        [&] {
            return service.db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") == 3;
        },
        std::chrono::seconds{60}));
    BOOST_TEST(service.db.count("SELECT max(attempts) FROM messages_out") == 1);
}

BOOST_AUTO_TEST_CASE(the_log_level_changes_and_what_needs_a_restart_is_named) {
    const std::string token = token_line(test_auth_token().reveal());
    Service service{token};
    BOOST_TEST(service.post_signed_with(test_auth_token().reveal(), 1) == 200);
    BOOST_TEST(!has(service.process->output(), "Webhook received"));
    service.reload(token + "LOG_LEVEL=debug\nROUTER_THREADS=3\n",
                   "need a restart {\"variables\":\"ROUTER_THREADS\"}");
    BOOST_TEST(has(service.process->output(), "{\"changed\":\"LOG_LEVEL\"}"));
    BOOST_TEST(service.post_signed_with(test_auth_token().reveal(), 2) == 200);
    BOOST_TEST(service.process->wait_for_output("Webhook received"));
}

BOOST_AUTO_TEST_CASE(a_wrong_file_changes_nothing) {
    const std::string right = test_auth_token().reveal();
    Service service{token_line(right)};
    service.reload(token_line(kWrongToken) + "LOG_LEVEL=loud\n",
                   "Configuration not reloaded: it stays as it was {\"error\":\"LOG_LEVEL: found");
    service.reload(token_line(kWrongToken) + "what is this\n", "line 2 of ");
    service.reload("", "TWILIO_AUTH_TOKEN: found nothing");
    BOOST_TEST(service.post_signed_with(right, 1) == 200);
    service.process->signal(SIGTERM);
    BOOST_TEST(service.process->wait() == 0);
}

// As a router alone it would need no token; the process that runs receives webhooks.
BOOST_AUTO_TEST_CASE(new_values_must_go_together_with_the_roles_that_run) {
    const std::string right = test_auth_token().reveal();
    const Service service{token_line(right)};
    service.reload("PGCOURIER_ROLES=router\n",
                   "Configuration not reloaded: it stays as it was {\"error\":\"TWILIO_AUTH_TOKEN: "
                   "found nothing");
    BOOST_TEST(service.post_signed_with(right, 1) == 200);
}

BOOST_AUTO_TEST_CASE(what_a_restart_would_not_take_stops_no_new_key_and_is_told) {
    const std::string right = test_auth_token().reveal();
    const Service service{token_line(right)};
    service.reload(token_line(right) + "TWILIO_AUTH_TOKEN_SECONDARY=" + kWrongToken +
                       "\nROUTER_THREADS=many\n",
                   "the service would not start again {\"error\":\"ROUTER_THREADS: found");
    BOOST_TEST(service.post_signed_with(kWrongToken, 1) == 200);
}

BOOST_AUTO_TEST_CASE(a_line_that_is_gone_is_named_where_the_environment_has_it_too) {
    const std::string right = test_auth_token().reveal();
    const Service service{token_line(right), kWrongToken};
    service.reload(token_line(right) + "LOG_LEVEL=debug\n", "{\"changed\":\"LOG_LEVEL\"}");
    // The environment has no LOG_LEVEL: that is not told.
    service.reload("",
                   "These are no longer in the file: what the environment has is used "
                   "{\"variables\":\"TWILIO_AUTH_TOKEN\"}");
    BOOST_TEST(service.post_signed_with(kWrongToken, 1) == 200);
    BOOST_TEST(!has(service.process->output(), kWrongToken));
}

// libpq reads it in the environment, where it does not come from the file.
BOOST_AUTO_TEST_CASE(a_line_that_only_another_library_would_read_is_told_at_the_start_and_later) {
    const std::string token = token_line(test_auth_token().reveal());
    const Service service{token + "PGSSLROOTCERT=/somewhere\n"};
    BOOST_TEST(service.process->wait_for_output("{\"variables\":\"PGSSLROOTCERT\"}"));
    service.reload(token + "REDIS_URL=redis://nowhere\n", "{\"variables\":\"REDIS_URL\"}");
    BOOST_TEST(has(service.process->output(), "These lines of the file have no effect"));
    BOOST_TEST(!has(service.process->output(), "nowhere"));
}

BOOST_AUTO_TEST_CASE(without_a_file_sighup_changes_nothing_and_ends_nothing) {
    const TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    BOOST_REQUIRE(twilio.start());
    Process process{{"serve"}, service_variables(db.url(), free_port(), twilio.base_url())};
    BOOST_REQUIRE_MESSAGE(process.wait_for_output("Worker started successfully"), process.output());
    process.signal(SIGHUP);
    BOOST_TEST(process.wait_for_output("PGCOURIER_CONFIG_FILE is not set"));
    process.signal(SIGTERM);
    BOOST_TEST(process.wait() == 0);
}

}  // namespace pgcourier
