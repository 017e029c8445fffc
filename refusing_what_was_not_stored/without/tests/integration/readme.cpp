// What the README says is what the program does. The runbooks are walked in runbooks.cpp.
#include "base/config.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <regex>
#include <set>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

std::string readme() {
    return text_of_page("README.md");
}

/// Commands of the program in fenced blocks and in inline code, from the word after `pgcourier`.
std::set<std::string> program_commands_of(const std::string& path) {
    static const std::regex in_line{"`pgcourier ([^`]*)`"};
    static const std::regex in_shell{"(^|[ |;=])pgcourier ([a-z].*)"};
    std::set<std::string> commands;
    for (const Block& block : read_page(path).blocks) {
        if (block.language != "sh") continue;
        for (const std::string& command : commands_of(block)) {
            std::smatch match;
            if (std::regex_search(command, match, in_shell)) commands.insert(match[2]);
        }
    }
    const std::string page = text_of_page(path);
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
    std::set<std::string> commands;
    for (const std::string& path : all_pages()) {
        for (const std::string& command : program_commands_of(path)) {
            if (commands.insert(command).second)
                BOOST_TEST(unknown_part(command) == "", path << ": pgcourier " << command);
        }
    }
    BOOST_TEST(commands.size() > 50);
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
