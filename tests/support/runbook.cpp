#include "support/runbook.hpp"

#include "support/eventually.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace pgcourier::test {
namespace {

const std::regex kName{"<([a-z][a-z ]*)>"};

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

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
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

std::vector<std::string> all_pages() {
    const std::filesystem::path source{PGCOURIER_SOURCE_DIR};
    std::vector<std::string> pages{"README.md", "bench/README.md"};
    for (const auto& file : std::filesystem::recursive_directory_iterator{source / "docs"}) {
        if (file.path().extension() == ".md")
            pages.push_back(file.path().lexically_relative(source).string());
    }
    std::ranges::sort(pages);
    return pages;
}

std::string text_of_page(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{fmt::format("{}/{}", PGCOURIER_SOURCE_DIR, path)}.rdbuf();
    return text.str();
}

bool is_walked(const std::string& language) {
    static const std::set<std::string> no_commands{"yaml", "ini", "url", "mermaid"};
    return !no_commands.contains(language);
}

std::vector<std::string> commands_of(const Block& block) {
    std::vector<std::string> commands;
    std::string command;
    for (const std::string& line : lines_of(block.text)) {
        // A comment begins the line or stands behind two spaces.
        const std::string words = line.starts_with("#") ? "" : line.substr(0, line.find("  # "));
        command += trimmed(words);
        if (command.ends_with('\\')) {
            command.back() = ' ';
            continue;
        }
        if (!command.empty()) commands.push_back(command);
        command.clear();
    }
    return commands;
}

std::string skeleton(const std::string& line) {
    static const std::pair<std::regex, const char*> parts[] = {
        {std::regex{R"([0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+(Z|[+-][0-9:]+)?)"}, "TIME"},
        {std::regex{R"( UTC \((in )?[0-9][^)]*\))"}, " UTC (AGO)"},
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
    : page_{std::move(page)}, situation_{std::move(situation)} {
    static int count = 0;
    exports_path_ = fmt::format("{}/exports-{}", scratch_directory(), ++count);
    const std::filesystem::path programs{scratch_directory() + "/bin"};
    std::filesystem::create_directories(programs);
    std::error_code is_there;
    std::filesystem::create_symlink(PGCOURIER_BINARY, programs / "pgcourier", is_there);
}

Complaints Walk::section(const std::string& name) {
    complaints_.clear();
    has_output_ = false;
    walked_.insert(name);
    bool has_blocks = false;
    for (const Block& block : page_.blocks) {
        if (block.section != name || !is_walked(block.language)) continue;
        has_blocks = true;
        if (block.language == "sql") {
            run(block);
        } else if (block.language == "sh") {
            run_commands(block);
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

Complaints Walk::all_sections() {
    Complaints all;
    for (const std::string& name : page_.sections) {
        const bool has_blocks = std::ranges::any_of(page_.blocks, [&](const Block& block) {
            return block.section == name && is_walked(block.language);
        });
        if (!has_blocks) continue;
        const Complaints found = section(name);
        all.insert(all.end(), found.begin(), found.end());
    }
    return all;
}

Complaints Walk::unwalked() const {
    Complaints left;
    for (const Block& block : page_.blocks) {
        if (is_walked(block.language) && !walked_.contains(block.section))
            left.push_back(fmt::format("{}:{}: nobody runs it", page_.path, block.line));
    }
    for (const NotRun& exception : situation_.not_run) {
        if (!met_.contains(exception.command))
            left.push_back(
                fmt::format("{}: no longer has the command {}, which is not run since {}",
                            page_.path, exception.command, exception.why));
    }
    return left;
}

void Walk::run(const Block& block) {
    output_.clear();
    has_output_ = false;
    run_script(block, block.text);
}

// What is not run divides the block: what stands before it runs before what is done instead. A
// `<name>` does so too: what it stands for may come of what runs before.
void Walk::run_commands(const Block& block) {
    output_.clear();
    has_output_ = false;
    std::string script;
    for (const std::string& command : commands_of(block)) {
        const auto exception = std::ranges::find_if(
            situation_.not_run, [&](const NotRun& one) { return one.command == command; });
        if (exception == situation_.not_run.end()) {
            if (std::regex_search(command, kName) && !script.empty()) {
                run_script(block, script);
                script.clear();
            }
            // It tells with its exit code that something is not well, which is so on many a page.
            const bool is_status = command == "pgcourier status";
            script += command + (is_status ? " || [ $? -ge 3 ]\n" : "\n");
            continue;
        }
        met_.insert(command);
        if (!script.empty()) run_script(block, script);
        script.clear();
        if (exception->instead) exception->instead();
    }
    if (!script.empty()) run_script(block, script);
}

void Walk::run_script(const Block& block, const std::string& script) {
    std::string text = with_names(block, script);
    for (const auto& [words, here] : situation_.replaced) {
        for (auto at = text.find(words); at != std::string::npos;
             at = text.find(words, at + here.size()))
            text.replace(at, words.size(), here);
    }
    if (text.find("curl ") != std::string::npos && !has_curl()) {
        BOOST_TEST_MESSAGE("NOT RUN: " << page_.path << ":" << block.line
                                       << ": there is no curl here");
        return;
    }
    const std::string path = scratch_directory() + "/block." + block.language;
    std::ofstream{path} << text;
    // What the block exports is what was not exported so before it.
    const std::string command =
        block.language == "sql"
            ? fmt::format("psql -X -v ON_ERROR_STOP=1 \"$DATABASE_URL\" -f '{}'", path)
            : fmt::format(
                  "export -p >'{1}.before'\n. '{0}'\nexport -p >'{1}.after'\n"
                  "grep -vxFf '{1}.before' '{1}.after' >>'{1}' || true",
                  path, exports_path_);
    Process shell{{"-c", fmt::format("set -e\nexport PATH='{0}/bin':\"$PATH\"\n"
                                     "if [ -f '{1}' ]; then . '{1}'; fi\n{2}",
                                     scratch_directory(), exports_path_, command)},
                  situation_.variables,
                  {},
                  "/bin/sh"};
    const int exit_code = shell.wait();
    output_ += shell.output();
    has_output_ = true;
    if (exit_code != 0)
        complain(block, fmt::format("{}exit code {}: {}", text, exit_code, shell.output()));
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

std::string Walk::with_names(const Block& block, std::string text) {
    for (std::smatch match; std::regex_search(text, match, kName);) {
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
