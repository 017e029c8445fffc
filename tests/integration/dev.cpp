// `pgcourier dev` as a new user meets it: one command, and everything runs.
#include "cli/free_port.hpp"
#include "pg/connection.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/raw_http.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

struct Dev {
    // With spaces, and longer than the path of a socket may be.
    std::string directory =
        scratch_directory() + "/a folder of somebody who has much to say" + std::string(60, '!');
    std::uint16_t port = free_port();
    std::uint16_t twilio_port = free_port();
    std::uint16_t postgres_port = free_port();
    Variables variables{{"PORT", std::to_string(port)},
                        {"DEV_TWILIO_PORT", std::to_string(twilio_port)},
                        {"DEV_POSTGRES_PORT", std::to_string(postgres_port)}};
    std::string url = fmt::format("postgresql://postgres@127.0.0.1:{}/pgcourier", postgres_port);

    Dev() {
        std::filesystem::remove_all(directory);
        std::filesystem::create_directories(directory);
    }
    std::string ask(const std::string& query) const {
        pg::Connection db{{.target = *pg::parse_url(Secret{url}), .role = "test"}};
        return db.exec_script(query.c_str())[0].string(0);
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(one_command_runs_everything_and_a_second_run_finds_its_data) {
    const Dev dev;
    {
        Process process{{"dev"}, dev.variables, dev.directory};
        BOOST_REQUIRE_MESSAGE(process.wait_for_output("Three things to try"), process.output());
        const std::string output = process.output();
        for (const std::uint16_t port : {dev.port, dev.twilio_port, dev.postgres_port}) {
            BOOST_TEST(has(output, std::to_string(port)));
        }
        const Ran inbound = run_program(
            {"twilio-sim", "inbound", "--url", fmt::format("http://127.0.0.1:{}", dev.twilio_port),
             "--from", "+33698765432", "--body", "Bonjour", "--media",
             "https://example.test/robe.jpg"},
            {});
        BOOST_TEST(inbound.exit_code == 0);
        BOOST_TEST(has(inbound.output, "[200]"));
        BOOST_TEST(eventually([&] {
            return dev.ask(
                       "SELECT count(*) FROM messages_in WHERE tenant_id = 'demo-shop' AND "
                       "message_type = 'client' AND media_url = 'https://example.test/robe.jpg'") ==
                   "1";
        }));
        const Ran added = run_program(
            {"outbox", "add", "--tenant", "Demo shop", "--to", "+33698765432", "--body", "Merci"},
            {{"DATABASE_URL", dev.url}});
        BOOST_TEST(added.exit_code == 0);
        BOOST_TEST(has(output, "PGCOURIER_CONFIG_FILE=.pgcourier/dev.env"));
        const std::string file = dev.directory + "/.pgcourier/dev.env";
        BOOST_TEST((std::filesystem::status(file).permissions() == std::filesystem::perms{0600}));
        const Ran doctor = run_program({"doctor"}, {{"PGCOURIER_CONFIG_FILE", file}});
        BOOST_TEST(doctor.exit_code == 0, doctor.output);
        BOOST_TEST(has(doctor.output, "webhook at Twilio"), doctor.output);
        // Sent, and Twilio's callbacks came back, signed, and were merged.
        BOOST_TEST(eventually([&] {
            return dev.ask(
                       "SELECT count(*) FROM messages_out WHERE status = 'sent' AND "
                       "delivery_status = 'delivered'") == "1";
        }));
        process.signal(SIGINT);
        BOOST_TEST(process.wait() == 0);
    }
    Process process{{"dev"}, dev.variables, dev.directory};
    BOOST_REQUIRE_MESSAGE(process.wait_for_output("Three things to try"), process.output());
    BOOST_TEST(dev.ask("SELECT count(*) FROM messages_in") == "1");
    BOOST_TEST(dev.ask("SELECT count(*) FROM tenants") == "1");
    process.signal(SIGHUP);  // the terminal is closed
    BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(the_link_that_it_prints_signs_in_to_the_console_once) {
    const Dev dev;
    Process process{{"dev"}, dev.variables, dev.directory};
    BOOST_REQUIRE_MESSAGE(process.wait_for_output("Three things to try"), process.output());
    const std::string output = process.output();
    const std::string start = fmt::format("http://127.0.0.1:{}", dev.port);
    const std::size_t at = output.find(start + "/ops/sign-in?token=");
    BOOST_REQUIRE(at != std::string::npos);
    const std::string link =
        output.substr(at + start.size(), output.find(' ', at) - at - start.size());
    const auto get = [&](const std::string& path, const std::string& field = "") {
        return RawHttp{dev.port}.exchange(
            fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", path, field));
    };
    BOOST_TEST(get("/ops/api/session").status == 401);
    BOOST_TEST(get(link + "x").status == 401);
    // Through a proxy on this machine it may be anybody.
    BOOST_TEST(get(link, "X-Forwarded-For: 192.0.2.7\r\n").status == 401);
    const RawReply in = get(link);
    BOOST_TEST(in.status == 303);
    BOOST_TEST(in.field("Location") == "/ops");
    const std::string cookie = in.field("Set-Cookie");
    const std::string field = "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
    const RawReply session = get("/ops/api/session", field);
    BOOST_TEST(session.status == 200);
    BOOST_TEST(has(session.body, R"("role":"operator")"), session.body);
    const RawReply again = get(link);
    BOOST_TEST(again.status == 401);
    BOOST_TEST(again.field("Set-Cookie").empty());
    BOOST_TEST(has(again.body, "this link was used"), again.body);
    process.signal(SIGINT);
    BOOST_TEST(process.wait() == 0);
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_named_with_the_variable_to_change) {
    const Dev dev;
    Process other{{"twilio-sim", "--port", std::to_string(dev.port)}, {}};
    BOOST_REQUIRE(other.wait_for_output("listens on"));
    const std::uint16_t taken = dev.port;
    for (const char* variable : {"PORT", "DEV_TWILIO_PORT", "DEV_POSTGRES_PORT"}) {
        Variables variables = dev.variables;
        variables["PORT"] = std::to_string(free_port());
        variables[variable] = std::to_string(taken);
        const Ran ran = run_program({"dev"}, variables);
        BOOST_TEST(ran.exit_code == 1);
        BOOST_TEST(has(ran.output, variables[variable]));
        BOOST_TEST(has(ran.output, std::string{"set "} + variable));
    }
}

BOOST_AUTO_TEST_CASE(kill_9_leaves_no_server_behind) {
    const Dev dev;
    Process process{{"dev"}, dev.variables, dev.directory};
    BOOST_REQUIRE_MESSAGE(process.wait_for_output("Three things to try"), process.output());
    process.kill();
    BOOST_TEST(eventually(
        [&] { return cli::is_free_port(dev.postgres_port) && cli::is_free_port(dev.port); }));
}

}  // namespace pgcourier
