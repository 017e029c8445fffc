#include "cli/manual.hpp"

#include "base/config.hpp"
#include "cli/cli.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace pgcourier::cli {
namespace {

/// Code points above ASCII by their names, as every groff reads them: groff_char(7).
void append_code(std::string& out, std::string_view& rest) {
    const auto lead = static_cast<unsigned char>(rest[0]);
    const std::size_t bytes = std::min<std::size_t>(lead < 0xE0   ? 2
                                                    : lead < 0xF0 ? 3
                                                                  : 4,
                                                    rest.size());
    std::uint32_t code = lead & (0x7FU >> bytes);
    for (std::size_t i = 1; i < bytes; ++i)
        code = (code << 6U) | (static_cast<unsigned char>(rest[i]) & 0x3FU);
    out += fmt::format("\\[u{:04X}]", code);
    rest.remove_prefix(bytes);
}

/// Words that are printed as they are, whatever they are: what groff would take for a request or
/// set as typographic quotes and hyphens is escaped, so that it can be copied into a shell.
std::string roff(std::string_view rest) {
    std::string out;
    while (!rest.empty()) {
        const char c = rest[0];
        if (static_cast<unsigned char>(c) >= 0x80) {
            append_code(out, rest);
            continue;
        }
        switch (c) {
            case '\\':
                out += "\\e";
                break;
            case '-':
                out += "\\-";
                break;
            case '\'':
                out += "\\(aq";
                break;
            case '`':
                out += "\\(ga";
                break;
            case '^':
                out += "\\(ha";
                break;
            case '~':
                out += "\\(ti";
                break;
            case '"':
                out += "\\(dq";
                break;
            case '\n':
                out += ' ';
                break;
            default:
                out += c;
        }
        rest.remove_prefix(1);
    }
    if (out.starts_with('.')) out.insert(0, "\\&");
    return out;
}

/// Markdown's marks mean nothing here.
std::string unmarked(std::string text) {
    std::erase(text, '`');
    for (std::size_t at = text.find("**"); at != std::string::npos; at = text.find("**"))
        text.erase(at, 2);
    return text;
}

std::string sentence(std::string text) {
    return text.empty() || text.ends_with('.') ? text : text + ".";
}

void add_option(std::string& page, const OptionHelp& option) {
    page += ".TP\n";
    std::string head;
    for (const std::string& name : option.names) {
        if (!head.empty()) head += ", ";
        head += fmt::format("\\fB{}\\fR", roff(name));
    }
    if (!option.value.empty() && option.names[0].starts_with('-'))
        head +=
            fmt::format(fmt::runtime(option.is_value_optional ? " [\\fI{}\\fR]" : " \\fI{}\\fR"),
                        roff(option.value));
    page += head + "\n" + roff(sentence(option.text)) + "\n";
    const std::string limits = option.limits();
    if (!limits.empty()) page += roff("(" + limits + ")") + "\n";
}

void add_options(std::string& page, const CommandHelp& command, const char* heading) {
    if (command.positionals.empty() && command.options.empty()) return;
    page += heading;
    for (const OptionHelp& option : command.positionals) add_option(page, option);
    for (const OptionHelp& option : command.options) add_option(page, option);
}

/// A command below another, with all below it.
void add_command(std::string& page, const CommandHelp& command) {
    page += fmt::format(".SS {}\n{}\n.PP\n{}\n", roff("pgcourier " + command.name()),
                        roff(sentence(command.text)), roff(command.usage()));
    if (!command.footer.empty()) page += ".PP\n" + roff(command.footer) + "\n";
    add_options(page, command, "");
    for (const CommandHelp& below : command.commands) add_command(page, below);
}

std::string page_name(const CommandHelp& command) {
    std::string name = "pgcourier";
    for (const std::string& word : command.words) name += "-" + word;
    return name;
}

std::string upper(std::string text) {
    for (char& letter : text) letter = static_cast<char>(std::toupper(letter));
    return text;
}

// What is in the program's own page only.
void add_overview(std::string& page, const CommandHelp& root) {
    page += ".SH COMMANDS\n";
    for (const CommandHelp* command : flattened(root)) {
        if (command == &root) continue;
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(command->name()),
                            roff(sentence(command->text)));
    }
    page += ".SH ENVIRONMENT\n";
    page += roff(
                "Or lines of the file that PGCOURIER_CONFIG_FILE names. `pgcourier config` shows "
                "what is in force.") +
            "\n";
    for (const Variable& variable : variables()) {
        page += fmt::format(".TP\n\\fB{}\\fR\n{}\n{}\n", roff(std::string{variable.name}),
                            roff(sentence(unmarked(std::string{variable.meaning}))),
                            roff(unmarked(fmt::format("({})", variable.fallback))));
    }
    page +=
        ".TP\n\\fBNO_COLOR\\fR\nWhen set, no colours on a terminal; elsewhere there are none.\n";
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n0: done. 1: it failed. 2: usage or configuration.\n";

}  // namespace

std::string manual_file(const CommandHelp& command) {
    return page_name(command) + ".1";
}

std::string manual_page(const CommandHelp& command) {
    const bool is_root = command.words.empty();
    std::string page = fmt::format(
        ".\\\" Written by `pgcourier man`.\n.TH {} 1 \"\" \"pgcourier {}\" \"pgcourier\"\n"
        ".nh\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n.SH DESCRIPTION\n{}\n",
        upper(roff(page_name(command))), kVersion, roff(page_name(command)), roff(command.text),
        roff(command.usage()), roff(sentence(command.text)));
    if (!command.footer.empty()) page += ".PP\n" + roff(command.footer) + "\n";
    add_options(page, command, ".SH OPTIONS\n");
    if (is_root) {
        add_overview(page, command);
    } else if (!command.commands.empty()) {
        page += ".SH COMMANDS\n";
        for (const CommandHelp& below : command.commands) add_command(page, below);
    }
    page += kExitStatus;
    page += ".SH SEE ALSO\n";
    if (is_root) {
        std::string all;
        for (const CommandHelp& below : command.commands)
            all += fmt::format("{}\\fB{}\\fR(1)", all.empty() ? "" : ",\n", roff(page_name(below)));
        page += all + "\n";
    } else {
        page += "\\fBpgcourier\\fR(1)\n";
    }
    return page;
}

namespace {

/// In a table's cell.
std::string cell(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

void add_row(std::string& page, const OptionHelp& option) {
    std::string name = fmt::format("{}", fmt::join(option.names, ", "));
    if (!option.value.empty() && option.names[0].starts_with('-'))
        name += option.is_value_optional ? " [" + option.value + "]" : " " + option.value;
    page += fmt::format("| `{}` | {} | {} |\n", name, cell(option.text), cell(option.limits()));
}

}  // namespace

std::string commands_page(const CommandHelp& root) {
    std::string page =
        "# Commands\n\n"
        "Written by the program itself (`make commands`); `--help` of each command "
        "and `man pgcourier` say the same.\n\n"
        "| command | what it does |\n| --- | --- |\n";
    const std::vector<const CommandHelp*> all = flattened(root);
    for (const CommandHelp* command : all) {
        if (command->words.empty() || command->wants_command) continue;
        page += fmt::format("| `{}` | {} |\n", command->name(), cell(command->text));
    }
    page +=
        "\nWhat prints data prints JSON with `--json`, times in UTC as ISO 8601 has them. On a "
        "terminal tables are cut to its width, "
        "or printed a field a line where an id would be cut, and `NO_COLOR` turns colours off; "
        "elsewhere nothing is cut, nothing is coloured and "
        "nothing is asked. Exit codes: 0 done, 1 failed, 2 usage or configuration; further ones "
        "stand below.\n";
    for (const CommandHelp* command : all) {
        if (command->words.empty() || command->wants_command) continue;
        page += fmt::format("\n## {}\n{}.\n```text\n{}\n```\n", command->name(), command->text,
                            command->usage());
        if (!command->footer.empty()) page += command->footer + "\n";
        if (command->positionals.empty() && command->options.empty()) continue;
        page += "\n| option | what it means | limits |\n| --- | --- | --- |\n";
        for (const OptionHelp& option : command->positionals) add_row(page, option);
        for (const OptionHelp& option : command->options) add_row(page, option);
    }
    return page;
}

}  // namespace pgcourier::cli
