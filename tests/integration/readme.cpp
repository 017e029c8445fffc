// links: base
// What the README says is what the program does.
#include "base/config.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <sstream>

namespace pgcourier {
namespace {

std::string readme() {
    std::ostringstream text;
    text << std::ifstream{PGCOURIER_SOURCE_DIR "/README.md"}.rdbuf();
    return text.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_variable_stands_in_the_readme_as_the_program_describes_it) {
    const std::string text = readme();
    for (const Variable& variable : variables()) {
        const std::string row =
            fmt::format("| `{}` | {} | {} |\n", variable.name, variable.fallback, variable.meaning);
        BOOST_TEST(text.find(row) != std::string::npos, "README.md lacks the row\n" << row);
    }
}

BOOST_AUTO_TEST_CASE(the_readme_names_no_variable_that_the_program_does_not_know) {
    std::istringstream lines{readme()};
    std::string line;
    while (std::getline(lines, line)) {
        if (!line.starts_with("| `")) continue;
        const std::string name = line.substr(3, line.find('`', 3) - 3);
        const bool is_known = std::any_of(variables().begin(), variables().end(),
                                          [&](const Variable& v) { return v.name == name; });
        BOOST_TEST(is_known, name);
    }
}

}  // namespace pgcourier
