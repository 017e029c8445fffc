#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pgcourier::cli {
namespace {

std::string between(const std::string& text, const std::string& open, const std::string& close) {
    const std::size_t begin = text.find(open);
    if (begin == std::string::npos) return {};
    const std::size_t from = begin + open.size();
    const std::size_t end = text.find(close, from);
    return end == std::string::npos ? std::string{} : text.substr(from, end - from);
}

/// CLI11 keeps validators as words behind the type's name: `TEXT:{a,b}`, `INT:INT in [1 - 10]`.
void read_type(const std::string& type, OptionHelp& option) {
    option.value = type.substr(0, type.find(':'));
    const std::string choices = between(type, "{", "}");
    for (std::size_t from = 0; !choices.empty() && from != std::string::npos;) {
        const std::size_t comma = choices.find(',', from);
        option.choices.push_back(choices.substr(from, comma - from));
        from = comma == std::string::npos ? comma : comma + 1;
    }
    option.range = between(type, " in [", "]");
    if (const std::size_t dash = option.range.find(" - "); dash != std::string::npos)
        option.range.replace(dash, 3, " to ");
}

OptionHelp describe(const CLI::Option& option) {
    OptionHelp help;
    help.text = option.get_description();
    help.is_required = option.get_required();
    help.variable = option.get_envname();
    help.fallback = option.get_default_str();
    help.is_repeatable = option.get_items_expected_max() > 1;
    help.is_value_optional = option.get_expected_min() == 0;
    if (option.get_positional()) {
        help.names.push_back(option.get_name(true));
    } else {
        for (const std::string& name : option.get_snames()) help.names.push_back("-" + name);
        for (const std::string& name : option.get_lnames()) help.names.push_back("--" + name);
    }
    if (option.get_items_expected_max() > 0) read_type(option.get_type_name(), help);
    return help;
}

CommandHelp describe(CLI::App& app, std::vector<std::string> words) {
    CommandHelp help;
    help.words = std::move(words);
    help.text = app.get_description();
    // CLI11 hands the footer down to those that have none of their own.
    const CLI::App* parent = app.get_parent();
    if (parent == nullptr || parent->get_footer() != app.get_footer())
        help.footer = app.get_footer();
    help.wants_command = app.get_require_subcommand_min() > 0;
    for (const CLI::Option* option : app.get_options()) {
        if (option == app.get_help_ptr() || option->get_group().empty()) continue;
        (option->get_positional() ? help.positionals : help.options).push_back(describe(*option));
    }
    for (CLI::App* below : app.get_subcommands([](CLI::App*) { return true; })) {
        if (below->get_group().empty()) continue;
        std::vector<std::string> longer = help.words;
        longer.push_back(below->get_name());
        help.commands.push_back(describe(*below, std::move(longer)));
    }
    return help;
}

void flatten(const CommandHelp& command, std::vector<const CommandHelp*>& all) {
    all.push_back(&command);
    for (const CommandHelp& below : command.commands) flatten(below, all);
}

}  // namespace

std::string OptionHelp::limits() const {
    std::vector<std::string> parts;
    if (is_required) parts.emplace_back("required");
    if (!choices.empty()) parts.push_back(fmt::format("{}", fmt::join(choices, ", ")));
    if (!range.empty()) parts.push_back(range);
    if (!fallback.empty()) parts.push_back(fmt::format("default {}", fallback));
    if (!variable.empty()) parts.push_back(fmt::format("else from {}", variable));
    return fmt::format("{}", fmt::join(parts, "; "));
}

std::string CommandHelp::name() const {
    return fmt::format("{}", fmt::join(words, " "));
}

std::string CommandHelp::usage() const {
    std::string line = "pgcourier";
    for (const std::string& word : words) line += " " + word;
    for (const OptionHelp& option : options) {
        std::string one = option.names.back();
        if (!option.value.empty())
            one += option.is_value_optional ? " [" + option.value + "]" : " " + option.value;
        line += option.is_required ? " " + one : " [" + one + "]";
    }
    if (!commands.empty()) line += wants_command ? " COMMAND" : " [COMMAND]";
    for (const OptionHelp& positional : positionals) {
        std::string one = positional.names[0];
        for (char& letter : one) letter = static_cast<char>(std::toupper(letter));
        if (positional.is_repeatable) one += "...";
        line += positional.is_required ? " " + one : " [" + one + "]";
    }
    return line;
}

CommandHelp describe(CLI::App& app) {
    return describe(app, {});
}

std::vector<const CommandHelp*> flattened(const CommandHelp& root) {
    std::vector<const CommandHelp*> all;
    flatten(root, all);
    return all;
}

}  // namespace pgcourier::cli
