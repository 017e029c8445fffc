// What the README says is what the program does. The runbooks are walked in runbooks.cpp.
#include "base/config.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

std::string readme() {
    std::ostringstream text;
    text << std::ifstream{PGCOURIER_SOURCE_DIR "/README.md"}.rdbuf();
    return text.str();
}

/// Commands of the program in fenced blocks and in inline code, from the word after `pgcourier`.
std::set<std::string> commands_of(const std::string& path) {
    static const std::regex in_line{"`pgcourier ([^`]*)`"};
    std::set<std::string> commands;
    for (const Block& block : read_page(path).blocks) {
        std::istringstream lines{block.text};
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("pgcourier ")) commands.insert(line.substr(line.find(' ') + 1));
        }
    }
    std::ostringstream text;
    text << std::ifstream{fmt::format("{}/{}", PGCOURIER_SOURCE_DIR, path)}.rdbuf();
    const std::string page = text.str();
    for (std::sregex_iterator match{page.begin(), page.end(), in_line}, end; match != end; ++match)
        commands.insert((*match)[1]);
    return commands;
}

/// What of a command the program does not know; empty when it knows all of it.
std::string unknown_part(const std::string& command) {
    static const std::regex name{"[a-z][a-z-]*"};
    static const std::regex option{"--[a-z][a-z-]*"};
    std::vector<std::string> names;
    std::vector<std::string> options;
    bool is_name = true;
    std::istringstream words{command.substr(0, command.find(" #"))};
    for (std::string word; words >> word;) {
        is_name = is_name && std::regex_match(word, name);
        if (is_name) names.push_back(word);
        if (std::regex_match(word, option)) options.push_back(word);
    }
    const std::string usage = fmt::format("Usage: pgcourier {} ", fmt::join(names, " "));
    names.emplace_back("--help");
    const std::string help = run_program(names, {}).output;
    if (help.find(usage) == std::string::npos) return usage;
    for (const std::string& one : options) {
        if (!std::regex_search(help, std::regex{"[ ,]" + one + "[ ,\n]"})) return one;
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_program_has_every_command_and_option_that_the_pages_name) {
    for (const char* path :
         {"README.md", "docs/moving-from-snapsell.md", "docs/runbooks/twilio-down.md",
          "docs/runbooks/bad-credentials.md", "docs/runbooks/dead-letters-growing.md",
          "docs/runbooks/unknown-outcomes.md"}) {
        const std::set<std::string> commands = commands_of(path);
        BOOST_TEST(!commands.empty(), path);
        for (const std::string& command : commands)
            BOOST_TEST(unknown_part(command) == "", path << ": pgcourier " << command);
    }
    BOOST_TEST(unknown_part("outbox lst --status dead") == "Usage: pgcourier outbox lst ");
    BOOST_TEST(unknown_part("outbox list --state dead") == "--state");
    BOOST_TEST(unknown_part("outbox list --status dead # --no such") == "");
}

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
