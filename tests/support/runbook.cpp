#include "support/runbook.hpp"

#include "support/eventually.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace pgcourier::test {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::set<std::string> skeletons_of(const std::string& text) {
    std::set<std::string> found;
    for (const std::string& line : lines_of(text)) found.insert(skeleton(line));
    return found;
}

// psql's rules and counts of rows say nothing that the rows do not say.
bool is_ornament(const std::string& skeleton) {
    return skeleton.find_first_not_of("-+ ") == std::string::npos || skeleton == "(N row)" ||
           skeleton == "(N rows)";
}

bool has_curl() {
    return Process{{"-c", "command -v curl"}, {}, {}, "/bin/sh"}.wait() == 0;
}

}  // namespace

Page read_page(const std::string& path) {
    static const std::regex fence{"( *)```([a-z]*)"};
    std::ifstream file{fmt::format("{}/{}", PGCOURIER_SOURCE_DIR, path)};
    if (!file) throw std::runtime_error{"there is no " + path};
    Page page{.path = path, .sections = {}, .blocks = {}};
    Block block;
    std::size_t indent = 0;
    bool is_open = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        std::smatch match;
        if (std::regex_match(line, match, fence)) {
            if (is_open) {
                page.blocks.push_back(block);
            } else {
                block = {.section = page.sections.empty() ? "" : page.sections.back(),
                         .language = match[2],
                         .text = {},
                         .line = number};
                indent = static_cast<std::size_t>(match[1].length());
            }
            is_open = !is_open;
        } else if (is_open) {
            block.text.append(line, std::min(indent, line.size())).append(1, '\n');
        } else if (line.starts_with("## ")) {
            page.sections.push_back(line.substr(3));
        }
    }
    return page;
}

std::string skeleton(const std::string& line) {
    static const std::pair<std::regex, const char*> parts[] = {
        {std::regex{R"([0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+(Z|[+-][0-9:]+)?)"}, "TIME"},
        {std::regex{R"([A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]+ \+0000)"}, "TIME"},
        {std::regex{R"([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"}, "ID"},
        {std::regex{R"((SM|MM)[0-9a-f]{32})"}, "SID"},
        {std::regex{R"(credentials:[0-9a-f]{8})"}, "credentials:HASH"},
        {std::regex{R"([0-9]+(\.[0-9]+)?)"}, "N"},
        {std::regex{R"(\s+)"}, " "},
        {std::regex{"^ | $"}, ""},
    };
    std::string text = line;
    for (const auto& [pattern, word] : parts) text = std::regex_replace(text, pattern, word);
    return text;
}

Walk::Walk(Page page, Situation situation)
    : page_{std::move(page)}, situation_{std::move(situation)} {}

Complaints Walk::section(const std::string& name) {
    complaints_.clear();
    has_output_ = false;
    walked_.insert(name);
    bool has_blocks = false;
    for (const Block& block : page_.blocks) {
        if (block.section != name) continue;
        has_blocks = true;
        if (block.language == "sql" || block.language == "sh") {
            run(block);
        } else if (block.language == "text") {
            compare_output(block);
        } else if (block.language == "log") {
            find_in_log(block);
        } else {
            complain(block,
                     "found a fence of \"" + block.language + "\", expected sql, sh, text or log");
        }
    }
    if (!has_blocks) complaints_.push_back(page_.path + ": no block in the section " + name);
    return complaints_;
}

Complaints Walk::unwalked() const {
    Complaints left;
    for (const Block& block : page_.blocks) {
        if (!walked_.contains(block.section))
            left.push_back(fmt::format("{}:{}: nobody runs it", page_.path, block.line));
    }
    return left;
}

void Walk::run(const Block& block) {
    const std::string text = with_names(block);
    has_output_ = false;
    if (text.find("curl ") != std::string::npos && !has_curl()) {
        BOOST_TEST_MESSAGE(page_.path << ":" << block.line << ": not run, there is no curl here");
        return;
    }
    const std::string path = scratch_directory() + "/block." + block.language;
    std::ofstream{path} << text;
    const std::string script =
        block.language == "sql"
            ? fmt::format("psql -X -v ON_ERROR_STOP=1 \"$DATABASE_URL\" -f '{}'", path)
            : fmt::format("set -e\npgcourier() {{ '{}' \"$@\"; }}\n. '{}'", PGCOURIER_BINARY, path);
    Process shell{{"-c", script}, situation_.variables, {}, "/bin/sh"};
    const int exit_code = shell.wait();
    output_ = shell.output();
    has_output_ = true;
    if (exit_code != 0) complain(block, fmt::format("exit code {}: {}", exit_code, output_));
}

void Walk::compare_output(const Block& block) {
    if (!has_output_) return;
    const std::set<std::string> printed = skeletons_of(output_);
    for (const std::string& line : lines_of(block.text)) {
        const std::string wanted = skeleton(line);
        if (!is_ornament(wanted) && !printed.contains(wanted))
            complain(block, fmt::format("the line\n  {}\nis not printed, but\n{}", line, output_));
    }
}

void Walk::find_in_log(const Block& block) {
    for (const std::string& line : lines_of(block.text)) {
        const std::string wanted = skeleton(line);
        const auto is_logged = [&] { return skeletons_of(situation_.log()).contains(wanted); };
        if (!eventually(is_logged, situation_.patience))
            complain(block,
                     fmt::format("the line\n  {}\nis not logged, but\n{}", line, situation_.log()));
    }
}

void Walk::complain(const Block& block, const std::string& what) {
    complaints_.push_back(fmt::format("{}:{}: {}", page_.path, block.line, what));
}

std::string Walk::with_names(const Block& block) {
    static const std::regex name{"<([a-z][a-z ]*)>"};
    std::string text = block.text;
    for (std::smatch match; std::regex_search(text, match, name);) {
        const auto found = situation_.names.find(match[1]);
        const bool is_known = found != situation_.names.end();
        if (!is_known) complain(block, "nobody knows what " + match[0].str() + " stands for");
        text.replace(static_cast<std::size_t>(match.position(0)),
                     static_cast<std::size_t>(match.length(0)),
                     is_known ? found->second() : "nothing");
    }
    return text;
}

}  // namespace pgcourier::test
