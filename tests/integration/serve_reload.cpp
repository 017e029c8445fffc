// SIGHUP where the file says something about what only a restart changes, or no longer says what
// the environment says too.
#include "sim/simulator.hpp"
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
constexpr const char* kOfTheEnvironment = "00000000000000000000000000000000";

std::string token_line() {
    return "TWILIO_AUTH_TOKEN=" + test_auth_token().reveal() + "\n";
}

/// A service that has its token from a file; `in_environment` stands behind it.
struct Served {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kShop);
    std::uint16_t port = free_port();
    std::string url = fmt::format("http://127.0.0.1:{}/webhooks/twilio", port);
    std::string file = scratch_directory() + "/served.env";
    std::unique_ptr<Process> process;

    explicit Served(const std::string& in_environment) {
        BOOST_REQUIRE(twilio.start());
        std::ofstream{file} << token_line();
        Variables variables = service_variables(db.url(), port, twilio.base_url());
        variables["TWILIO_AUTH_TOKEN"] = in_environment;
        variables["PGCOURIER_CONFIG_FILE"] = file;
        variables["WEBHOOK_DEADLINE_MS"] = "10000";  // this is not about speed
        process = std::make_unique<Process>(std::vector<std::string>{"serve"}, variables);
        BOOST_REQUIRE_MESSAGE(process->wait_for_output("Worker started successfully"),
                              process->output());
    }
    void reload(const std::string& lines, const std::string& answer) const {
        std::ofstream{file} << lines;
        process->signal(SIGHUP);
        BOOST_REQUIRE_MESSAGE(process->wait_for_output(answer), process->output());
    }
    int post_signed_with(const Secret& token, std::uint64_t number) const {
        const twilio::Params form = inbound_form(number, kClient, kShop, "Bonjour");
        return post(url, twilio::encode_form(form), twilio::sign(token, url, form)).status;
    }
};

}  // namespace

// As a router alone it would need no token; the process that runs receives webhooks.
BOOST_AUTO_TEST_CASE(new_values_must_go_together_with_the_roles_that_run) {
    const Served service{""};
    service.reload("PGCOURIER_ROLES=router\n",
                   "Configuration not reloaded: it stays as it was {\"error\":\"TWILIO_AUTH_TOKEN: "
                   "found nothing");
    BOOST_TEST(service.post_signed_with(test_auth_token(), 1) == 200);
}

BOOST_AUTO_TEST_CASE(what_a_restart_would_not_take_stops_no_new_key_and_is_told) {
    const Served service{kOfTheEnvironment};
    service.reload(token_line() + "TWILIO_AUTH_TOKEN_SECONDARY=" + kOfTheEnvironment +
                       "\nROUTER_THREADS=many\n",
                   "the service would not start again {\"error\":\"ROUTER_THREADS: found");
    BOOST_TEST(service.post_signed_with(Secret{kOfTheEnvironment}, 1) == 200);
}

BOOST_AUTO_TEST_CASE(a_line_that_is_gone_is_named_where_the_environment_has_it_too) {
    const Served service{kOfTheEnvironment};
    const std::string told = "These are no longer in the file";
    service.reload(token_line() + "LOG_LEVEL=debug\n", "{\"changed\":\"LOG_LEVEL\"}");
    // The environment has no LOG_LEVEL: that is not told.
    service.reload("", told +
                           ": what the environment has is used "
                           "{\"variables\":\"TWILIO_AUTH_TOKEN\"}");
    BOOST_TEST(service.post_signed_with(Secret{kOfTheEnvironment}, 1) == 200);
    BOOST_TEST(service.process->output().find(kOfTheEnvironment) == std::string::npos);
}

}  // namespace pgcourier
