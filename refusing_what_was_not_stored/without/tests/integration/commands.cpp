// What is made of the declarations of the commands: help, docs/commands.md, manual pages and the
// completion of shells.
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/wait.h>

namespace pgcourier {
namespace {

using namespace test;

std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

std::string write(const std::string& name, const std::string& text) {
    const std::string path = scratch_directory() + "/" + name;
    std::ofstream{path} << text;
    return path;
}

std::string printed(const std::vector<std::string>& arguments) {
    const Ran ran = run_program(arguments, {});
    BOOST_TEST(ran.exit_code == 0, ran.output);
    return ran.output;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

std::vector<std::string> command_names() {
    return lines_of(printed({"commands"}));
}

std::vector<std::string> words_of(const std::string& command) {
    std::vector<std::string> words;
    std::istringstream in{command};
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

/// Another program. returns what it printed, standard error too
Ran run_shell(const std::string& command) {
    const std::string path = scratch_directory() + "/shell.out";
    const int status = std::system(fmt::format("{{ {}; }} >{} 2>&1", command, path).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, read(path)};
}

boost::test_tools::assertion_result has_program(const std::string& name) {
    boost::test_tools::assertion_result found = run_shell("command -v " + name).exit_code == 0;
    if (!found) found.message() << name << " is not installed";
    return found;
}
auto needs(const char* program) {
    return boost::unit_test::precondition{
        [program](boost::unit_test::test_unit_id) { return has_program(program); }};
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_command_has_help_and_none_is_listed_twice) {
    const std::vector<std::string> names = command_names();
    BOOST_TEST(names.size() > 40u);
    const std::set<std::string> different{names.begin(), names.end()};
    BOOST_TEST(different.size() == names.size());
    for (const char* known : {"serve", "status", "top", "show", "outbox list", "dlq retry",
                              "twilio-sim ledger", "events", "erase"})
        BOOST_TEST(different.contains(known), known);
    for (const char* hidden : {"man", "completion", "commands"})
        BOOST_TEST(!different.contains(hidden), hidden);
    for (const std::string& name : names) {
        std::vector<std::string> words = words_of(name);
        words.emplace_back("--help");
        BOOST_TEST(has(printed(words), "Usage: pgcourier " + name), name);
    }
}

BOOST_AUTO_TEST_CASE(the_page_of_commands_is_the_one_that_the_program_writes) {
    const std::string written = printed({"commands", "--markdown"});
    BOOST_TEST(read(PGCOURIER_SOURCE_DIR "/docs/commands.md") == written,
               "docs/commands.md differs from the program: run make commands");
    for (const std::string& name : command_names()) {
        if (has(printed([&] {
                    std::vector<std::string> words = words_of(name);
                    words.emplace_back("--help");
                    return words;
                }()),
                "\nSubcommands:"))
            continue;  // of a group, each of its commands
        BOOST_TEST(has(written, fmt::format("| `{}` | ", name)), name);
        BOOST_TEST(has(written, fmt::format("\n## {}\n", name)), name);
    }
}

BOOST_AUTO_TEST_CASE(what_prints_data_prints_json_too) {
    // Those that run until they are ended.
    const std::set<std::string> others{"serve", "dev", "twilio-sim"};
    const std::string page = read(PGCOURIER_SOURCE_DIR "/docs/commands.md");
    for (const std::string& name : command_names()) {
        const std::size_t begin = page.find(fmt::format("\n## {}\n", name));
        if (begin == std::string::npos || others.contains(name)) continue;
        const std::string section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
        BOOST_TEST(has(section, "| `--json` |"), name);
    }
}

BOOST_AUTO_TEST_CASE(the_manual_has_every_command_and_option) {
    const std::string folder = scratch_directory() + "/man";
    printed({"man", "--all", folder});
    const std::string overview = read(folder + "/pgcourier.1");
    BOOST_TEST(printed({"man"}) == overview);
    const auto escaped = [](const std::string& text) {
        std::string out;
        for (const char c : text) out += c == '-' ? std::string{"\\-"} : std::string{c};
        return out;
    };
    for (const std::string& name : command_names()) {
        BOOST_TEST(has(overview, fmt::format("\\fB{}\\fR\n", escaped(name))), name);
        const std::vector<std::string> words = words_of(name);
        const std::string page = read(fmt::format("{}/pgcourier-{}.1", folder, words[0]));
        BOOST_TEST(page == printed({"man", words[0]}));
        if (words.size() > 1)
            BOOST_TEST(has(page, fmt::format(".SS pgcourier {}\n", escaped(name))), name);
    }
    const std::string erase = read(folder + "/pgcourier-erase.1");
    for (const char* option : {"--phone", "--dry-run", "--wait", "--yes", "--json"})
        BOOST_TEST(has(erase, escaped(option)), option);
    BOOST_TEST(run_program({"man", "nothing"}, {}).exit_code == 2);
}

BOOST_AUTO_TEST_CASE(groff_finds_nothing_wrong_with_the_manual, *needs("groff")) {
    const std::string folder = scratch_directory() + "/groff";
    printed({"man", "--all", folder});
    int pages = 0;
    for (const auto& file : std::filesystem::directory_iterator{folder}) {
        const Ran ran =
            run_shell(fmt::format("groff -man -Tutf8 -ww -rF0 -P-c -z {}", file.path().string()));
        BOOST_TEST(ran.exit_code == 0, file.path());
        BOOST_TEST(ran.output == "", file.path());
        ++pages;
    }
    BOOST_TEST(pages > 15);
    // What is to be typed is printed as it is to be typed.
    const Ran shown = run_shell(
        fmt::format("groff -man -Tutf8 -P-c {}/pgcourier-outbox.1 | tr -s ' \\n' ' '", folder));
    BOOST_TEST(has(shown.output, "{\"1\": \"Zoé\"}"));
    BOOST_TEST(has(shown.output, "'2026-02-08 10:00'"));
    BOOST_TEST(has(shown.output, "--dedupe-key TEXT"));
}

BOOST_AUTO_TEST_CASE(bash_completes_commands_options_and_values, *needs("bash")) {
    const std::string script = write("complete.bash", printed({"completion", "bash"}));
    // As bash calls it: the words of the line, split where it splits them, and which is the last.
    const auto completed = [&](const std::string& words) {
        const Ran ran = run_shell(fmt::format(
            "bash --norc -uc '. {}; COMP_WORDS=({}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
            "complete -p pgcourier >/dev/null && _pgcourier && echo \"${{COMPREPLY[*]:-}}\"'",
            script, words));
        BOOST_TEST(ran.exit_code == 0, ran.output);
        return lines_of(ran.output + "\n")[0];
    };
    BOOST_TEST(completed("pgcourier out") == "outbox");
    BOOST_TEST(completed("pgcourier outbox \"\"") == "add list show release settle cancel");
    BOOST_TEST(completed("pgcourier outbox list --st") == "--status");
    BOOST_TEST(completed("pgcourier outbox list --status d") == "dead");
    BOOST_TEST(completed("pgcourier outbox list --status = d") == "dead");
    BOOST_TEST(completed("pgcourier outbox list --status =") ==
               "pending sending failed unknown dead sent");
    BOOST_TEST(completed("pgcourier outbox list --limit \"\"") == "");
    BOOST_TEST(completed("pgcourier status --w") == "--watch");
    // A value that is called as a command is, is none.
    BOOST_TEST(completed("pgcourier pause --reason status --t") == "--tenant");
    BOOST_TEST(completed("pgcourier trace list --j") == "--json");
    BOOST_TEST(completed("pgcourier nothing --ver") == "--version");
    BOOST_TEST(completed(fmt::format("pgcourier twilio-sim --ledger {}/complete.b",
                                     scratch_directory())) == script);
}

BOOST_AUTO_TEST_CASE(zsh_completes_them_too, *needs("zsh")) {
    const std::string script = write("_pgcourier", printed({"completion", "zsh"}));
    BOOST_TEST(run_shell("zsh -n " + script).output == "");
    // What the functions of zsh's completion would be given.
    const auto completed = [&](const std::string& line) {
        const Ran ran = run_shell(fmt::format(
            "zsh -fc '_describe() {{ local of=\"${{@[-1]}}\"; print -l -- ${{(P)of}} | cut -d: "
            "-f1; }}; "
            "compadd() {{ shift; print -l -- \"$@\"; }}; _message() {{ print message; }}; "
            "compdef() {{ }}; . {}; words=({}); CURRENT=${{#words}}; PREFIX=${{words[-1]}}; "
            "_pgcourier' | tr '\\n' ' '",
            script, line));
        return ran.output;
    };
    BOOST_TEST(has(completed("pgcourier \"\""), "serve dev migrate"));
    BOOST_TEST(completed("pgcourier dlq \"\"") == "list show retry discard ");
    BOOST_TEST(has(completed("pgcourier dlq retry -"), "--per-second"));
    BOOST_TEST(has(completed("pgcourier outbox list --status \"\""), "pending sending"));
    BOOST_TEST(completed("pgcourier outbox list --limit \"\"") == "message ");
}

BOOST_AUTO_TEST_CASE(fish_completes_them_too, *needs("fish")) {
    const std::string script = write("complete.fish", printed({"completion", "fish"}));
    const auto completed = [&](const std::string& line) {
        return run_shell(
                   fmt::format("HOME={} fish --no-config -c 'source {}; complete -C \"{}\"' | "
                               "cut -f1 | tr '\\n' ' '",
                               scratch_directory(), script, line))
            .output;
    };
    BOOST_TEST(completed("pgcourier out") == "outbox ");
    BOOST_TEST(has(completed("pgcourier dlq "), "retry"));
    BOOST_TEST(completed("pgcourier outbox list --status de") == "dead ");
    BOOST_TEST(has(completed("pgcourier erase --"), "--dry-run"));
}

}  // namespace pgcourier
