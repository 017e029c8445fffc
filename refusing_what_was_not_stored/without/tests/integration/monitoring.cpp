// What stands in docs/monitoring is what a scrape has, and Prometheus's own tool finds nothing
// wrong with any of it.
#include "base/environment.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/scraped.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <rapidjson/document.h>

#include <cstdio>
#include <fstream>
#include <regex>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

const std::string kMonitoring = PGCOURIER_SOURCE_DIR "/docs/monitoring/";

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    BOOST_REQUIRE_MESSAGE(!text.str().empty(), path);
    return text.str();
}

Ran promtool(const std::string& arguments) {
    std::FILE* pipe = popen(("promtool " + arguments + " 2>&1").c_str(), "r");
    BOOST_REQUIRE(pipe != nullptr);
    Ran ran;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
        ran.output += static_cast<char>(c);
    ran.exit_code = WEXITSTATUS(pclose(pipe));
    return ran;
}

/// A service with everything on, scraped once the database was read.
std::string scraped_text() {
    const TestDatabase db;
    sim::Simulator twilio;
    BOOST_REQUIRE(twilio.start());
    const std::uint16_t port = free_port();
    Variables variables = service_variables(db.url(), port, twilio.base_url());
    variables["SENTRY_DSN"] = "http://key@127.0.0.1:1/42";
    variables["ALERT_WEBHOOK_URL"] = "http://127.0.0.1:1/hook";
    Process service{{"serve"}, variables};
    BOOST_REQUIRE_MESSAGE(service.wait_for_output("Worker started successfully"), service.output());
    const auto text = [&] { return get(fmt::format("http://127.0.0.1:{}/metrics", port)).body; };
    BOOST_REQUIRE(
        eventually([&] { return text().find("pgcourier_queue_depth{") != std::string::npos; }));
    return text();
}

std::set<std::string> metrics_in(const std::string& text) {
    static const std::regex name{"pgcourier_[a-z0-9_]+"};
    std::set<std::string> found;
    for (std::sregex_iterator i{text.begin(), text.end(), name}; i != std::sregex_iterator{}; ++i)
        found.insert(i->str());
    return found;
}

/// All strings under a key, at any depth.
void collect(const rapidjson::Value& json, const char* key, std::string& out) {
    if (json.IsArray()) {
        for (const auto& item : json.GetArray()) collect(item, key, out);
    } else if (json.IsObject()) {
        for (const auto& member : json.GetObject()) {
            if (member.name == key && member.value.IsString())
                out.append(member.value.GetString()).append(1, '\n');
            collect(member.value, key, out);
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(promtool_is_there) {
    BOOST_TEST(promtool("--version").exit_code == 0,
               "promtool is missing: make deps-test installs it (Debian's package prometheus)");
}

BOOST_AUTO_TEST_CASE(a_scrape_is_as_prometheus_wants_it_and_has_all_that_the_docs_name) {
    const std::string text = scraped_text();
    const std::string path = scratch_directory() + "/metrics.txt";
    std::ofstream{path} << text;
    const Ran checked = promtool("check metrics < " + path);
    BOOST_TEST(checked.exit_code == 0, checked.output);
    BOOST_TEST(checked.output == "");

    const Scraped scraped{text};
    for (const std::string& name : metrics_in(text_of(kMonitoring + "alerts.yml"))) {
        // What to do names whole histograms.
        BOOST_TEST((scraped.names().contains(name) || scraped.families().contains(name)),
                   "alerts.yml names " << name);
    }
    rapidjson::Document dashboard;
    dashboard.Parse(text_of(kMonitoring + "dashboard.json"));
    BOOST_REQUIRE(!dashboard.HasParseError());
    std::string expressions;
    collect(dashboard, "expr", expressions);
    BOOST_TEST(metrics_in(expressions).size() > 30);
    for (const std::string& name : metrics_in(expressions)) {
        BOOST_TEST(scraped.names().contains(name), "dashboard.json names " << name);
    }

    // The table of README.md: | `name` | …
    std::set<std::string> described;
    std::istringstream lines{text_of(kMonitoring + "README.md")};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("| `pgcourier_"))
            described.insert(line.substr(3, line.find('`', 3) - 3));
    }
    BOOST_TEST(described == scraped.families(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_alert_rules_are_right_and_fire_when_they_should) {
    const Ran rules = promtool("check rules " + kMonitoring + "alerts.yml");
    BOOST_TEST(rules.exit_code == 0, rules.output);
    const Ran tested =
        promtool("test rules " PGCOURIER_SOURCE_DIR "/tests/support/alerts_test.yml");
    BOOST_TEST(tested.exit_code == 0, tested.output);
}

}  // namespace pgcourier
