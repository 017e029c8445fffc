// links: sim
// All pages together: whatever stands on one to be run is run by a suite, or exists at least.
#include "sim/script.hpp"
#include "support/process.hpp"
#include "support/runbook.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace pgcourier {
namespace {

using namespace test;

namespace fs = std::filesystem;

// Its commands build the program and run its tests: they are looked for, not run.
constexpr const char* kForDevelopers = "docs/development.md";

/// The sources of all suites that walk pages.
std::string suites() {
    std::string all;
    for (const auto& file : fs::directory_iterator{PGCOURIER_SOURCE_DIR "/tests/integration"}) {
        std::ostringstream text;
        text << std::ifstream{file.path()}.rdbuf();
        if (text.str().find("Walk walk{") != std::string::npos) all += text.str();
    }
    return all;
}

/// The words behind .PHONY in the Makefile.
std::set<std::string> make_targets() {
    std::set<std::string> targets;
    std::ifstream file{PGCOURIER_SOURCE_DIR "/Makefile"};
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(".PHONY: ")) continue;
        std::istringstream words{line.substr(8)};
        for (std::string word; words >> word;) targets.insert(word);
    }
    return targets;
}

/// Every match of a pattern's first group.
std::vector<std::string> found_in(const std::string& text, const char* pattern) {
    const std::regex regex{pattern};
    std::vector<std::string> found;
    for (std::sregex_iterator match{text.begin(), text.end(), regex}, end; match != end; ++match)
        found.push_back((*match)[1]);
    return found;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_page_with_something_to_run_is_walked_by_a_suite) {
    const std::string sources = suites();
    int walked = 0;
    for (const std::string& path : all_pages()) {
        const Page page = read_page(path);
        for (const Block& block : page.blocks) {
            static const std::set<std::string> known{"sh",  "sql", "text",    "log", "yaml",
                                                     "ini", "url", "mermaid", ""};
            BOOST_TEST(known.contains(block.language),
                       path << ":" << block.line << ": nobody knows the fence " << block.language);
        }
        const bool has_commands = std::ranges::any_of(page.blocks, [](const Block& block) {
            return block.language == "sh" || block.language == "sql";
        });
        if (!has_commands || path == kForDevelopers) continue;
        ++walked;
        // A runbook is named there without its folder.
        const std::string name =
            path.starts_with("docs/runbooks/") ? fs::path{path}.stem().string() : path;
        BOOST_TEST(sources.find('"' + name + '"') != std::string::npos,
                   path << " has commands, and no suite walks it");
    }
    BOOST_TEST(walked > 10);
}

BOOST_AUTO_TEST_CASE(a_fence_without_a_language_has_no_command_in_it) {
    for (const std::string& path : all_pages()) {
        for (const Block& block : read_page(path).blocks) {
            if (!block.language.empty()) continue;
            const std::regex command{R"((^|\n)(\$ |sudo |pgcourier |psql |make |SELECT |INSERT ))"};
            BOOST_TEST(!std::regex_search(block.text, command),
                       path << ":" << block.line << ": is this sh or sql?");
        }
    }
}

BOOST_AUTO_TEST_CASE(every_target_of_make_that_a_page_names_exists) {
    const std::set<std::string> targets = make_targets();
    BOOST_REQUIRE(targets.contains("test"));
    for (const std::string& path : all_pages()) {
        const std::string text = text_of_page(path);
        std::vector<std::string> named = found_in(text, "`make ([a-z-]+)[ `]");
        for (const std::string& one : found_in(text, "\n *make ([a-z-]+)")) named.push_back(one);
        for (const std::string& target : named)
            BOOST_TEST(targets.contains(target), path << ": make " << target);
    }
}

BOOST_AUTO_TEST_CASE(what_developers_are_told_to_run_is_made_by_make_or_is_a_suite) {
    const fs::path suites_of_tests{PGCOURIER_SOURCE_DIR "/tests"};
    for (const Block& block : read_page(kForDevelopers).blocks) {
        if (block.language != "sh") continue;
        for (const std::string& command : commands_of(block)) {
            if (command == "make" || command.starts_with("make ")) continue;
            // build/release/tests/unit_base_config is tests/unit/base/config.cpp.
            std::smatch match;
            const bool is_suite = std::regex_search(
                command, match, std::regex{"^build/release/tests/(unit)_([a-z]+)_([a-z_]+) "});
            BOOST_TEST(is_suite, command);
            if (is_suite) {
                BOOST_TEST(fs::exists(suites_of_tests / match[1].str() / match[2].str() /
                                      (match[3].str() + ".cpp")),
                           command);
            }
        }
    }
}

// `…` stands for a value.
BOOST_AUTO_TEST_CASE(every_statement_in_the_text_of_a_page_is_one_that_the_database_takes) {
    const TestDatabase db;
    pg::Connection connection = db.connect();
    int prepared = 0;
    for (const std::string& path : all_pages()) {
        if (path == "docs/architecture.md") continue;  // it quotes parts of statements
        for (std::string statement :
             found_in(text_of_page(path),
                      "`((?:SELECT|TABLE|WITH|INSERT INTO|UPDATE|DELETE) [^`\n]+)`")) {
            for (auto at = statement.find("…"); at != std::string::npos;
                 at = statement.find("…", at))
                statement.replace(at, std::string{"…"}.size(), "NULL");
            std::string problem;
            try {
                connection.exec_script(("PREPARE page AS " + statement).c_str());
                connection.exec_script("DEALLOCATE page");
                ++prepared;
            } catch (const pg::Error& e) {
                problem = e.what();
            }
            BOOST_TEST(problem.empty(), path << ": " << statement << ": " << problem);
        }
    }
    BOOST_TEST(prepared > 20);
}

BOOST_AUTO_TEST_CASE(every_rule_on_the_simulators_page_is_one) {
    int read = 0;
    for (const std::string& rule :
         found_in(text_of_page("docs/simulator.md"), "`(\\{[^`\n]+\\})`")) {
        const auto rules = sim::read_rules(rule);
        BOOST_TEST(rules.has_value(), rule << (rules ? "" : ": " + rules.error().what));
        ++read;
    }
    BOOST_TEST(read >= 10);
}

}  // namespace pgcourier
