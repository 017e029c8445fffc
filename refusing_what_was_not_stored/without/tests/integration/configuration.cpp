// docs/configuration.md is what the program says of itself.
#include "base/config_settings.hpp"
#include "support/process.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace pgcourier {
namespace {

const std::string kPath = std::string{PGCOURIER_SOURCE_DIR} + "/docs/configuration.md";

std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_page_is_the_one_that_the_program_writes) {
    const test::Ran written = test::run_program({"config", "--markdown"}, {});
    BOOST_TEST(written.exit_code == 0);
    BOOST_TEST(written.output == configuration_reference());
    BOOST_TEST(read(kPath) == written.output,
               "docs/configuration.md differs from the program: run make configuration");
}

BOOST_AUTO_TEST_CASE(every_variable_stands_under_a_heading) {
    const std::string page = configuration_reference();
    for (const Variable& variable : variables()) {
        const std::string row = "| `" + std::string{variable.name} + "` | ";
        const std::size_t at = page.find(row);
        BOOST_REQUIRE_MESSAGE(at != std::string::npos, variable.name);
        BOOST_TEST(page.find(row, at + 1) == std::string::npos, variable.name);
        BOOST_TEST(page.rfind("\n## ", at) != std::string::npos, variable.name);
    }
}

}  // namespace pgcourier
