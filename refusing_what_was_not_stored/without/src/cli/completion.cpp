#include "cli/completion.hpp"

#include <fmt/format.h>

namespace pgcourier::cli {
namespace {

std::string path_of(const CommandHelp& command) {
    return fmt::format("{}", fmt::join(command.words, "/"));
}

// In single quotes, as all three shells read them.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

// fish reads a backslash in single quotes.
std::string quoted_for_fish(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

bool is_file(const OptionHelp& option) {
    return option.value == "FILE" || option.value == "DIRECTORY";
}

constexpr const char* kHelp = "--help";

std::vector<std::string> option_names(const CommandHelp& command) {
    std::vector<std::string> names;
    for (const OptionHelp& option : command.options)
        names.insert(names.end(), option.names.begin(), option.names.end());
    names.emplace_back(kHelp);
    return names;
}

std::vector<std::string> command_names(const CommandHelp& command) {
    std::vector<std::string> names;
    for (const CommandHelp& below : command.commands) names.push_back(below.words.back());
    return names;
}

/// `"outbox/list --status"`: a command and one of its options that take a value.
std::vector<std::string> valued(const CommandHelp& command) {
    std::vector<std::string> all;
    for (const OptionHelp& option : command.options) {
        if (option.value.empty() || option.is_value_optional) continue;
        for (const std::string& name : option.names)
            all.push_back(fmt::format("'{} {}'", path_of(command), name));
    }
    return all;
}

/// The loop that both bash and zsh find the command with: a word is one when it may stand where it
/// stands and is no option's value.
std::string find_command(const std::vector<const CommandHelp*>& all) {
    std::vector<std::string> paths;
    std::vector<std::string> values;
    for (const CommandHelp* command : all) {
        for (const CommandHelp& below : command->commands)
            paths.push_back(fmt::format("'{}/{}'", path_of(*command), below.words.back()));
        for (std::string& one : valued(*command)) values.push_back(std::move(one));
    }
    return fmt::format(
        R"(        case "$command $before" in
            {}) before=; continue ;;
        esac
        case "$command/$word" in
            {}) command=${{command:+$command/}}$word ;;
        esac
        before=$word
)",
        fmt::join(values, "|"), fmt::join(paths, "|"));
}

}  // namespace

std::string bash_completion(const CommandHelp& root) {
    const std::vector<const CommandHelp*> all = flattened(root);
    std::string values;
    std::string words;
    for (const CommandHelp* command : all) {
        for (const OptionHelp& option : command->options) {
            if (option.value.empty() || (option.is_value_optional && option.choices.empty()))
                continue;
            for (const std::string& name : option.names) {
                const std::string what =
                    is_file(option) ? "COMPREPLY=($(compgen -f -- \"$current\")); "
                    : option.choices.empty()
                        ? ""
                        : fmt::format("COMPREPLY=($(compgen -W {} -- \"$current\")); ",
                                      quoted(fmt::format("{}", fmt::join(option.choices, " "))));
                values +=
                    fmt::format("        '{} {}') {}return ;;\n", path_of(*command), name, what);
            }
        }
        words += fmt::format("        '{}') commands={} options={} ;;\n", path_of(*command),
                             quoted(fmt::format("{}", fmt::join(command_names(*command), " "))),
                             quoted(fmt::format("{}", fmt::join(option_names(*command), " "))));
    }
    return fmt::format(
        R"(# bash completion for pgcourier, written by `pgcourier completion bash`
_pgcourier() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} command= before= word commands options i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        [[ $word == "=" ]] && continue # bash takes --status=dead for three words
{}    done
    [[ $current == "=" ]] && current=
    COMPREPLY=()
    case "$command $before" in
{}    esac
    case "$command" in
{}    esac
    if [[ -n $commands && $current != -* ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    fi
}}
complete -F _pgcourier pgcourier
)",
        find_command(all), values, words);
}

std::string zsh_completion(const CommandHelp& root) {
    // `name:what it is`, in which a colon would end the name.
    const auto entry = [](const std::string& name, const std::string& text) {
        std::string escaped;
        for (const char c : name) escaped += c == ':' ? std::string{"\\:"} : std::string{c};
        return quoted(escaped + ":" + text);
    };
    const std::vector<const CommandHelp*> all = flattened(root);
    std::string values;
    std::string words;
    for (const CommandHelp* command : all) {
        for (const OptionHelp& option : command->options) {
            if (option.value.empty() || (option.is_value_optional && option.choices.empty()))
                continue;
            for (const std::string& name : option.names) {
                const std::string what =
                    is_file(option) ? "_files; "
                    : option.choices.empty()
                        ? fmt::format("_message {}; ", quoted(option.text))
                        : fmt::format("compadd -- {}; ", fmt::join(option.choices, " "));
                values +=
                    fmt::format("        '{} {}') {}return ;;\n", path_of(*command), name, what);
            }
        }
        std::vector<std::string> commands;
        for (const CommandHelp& below : command->commands)
            commands.push_back(entry(below.words.back(), below.text));
        std::vector<std::string> options;
        for (const OptionHelp& option : command->options) {
            for (const std::string& name : option.names)
                options.push_back(entry(name, option.text));
        }
        options.push_back(entry(kHelp, "Print the help of this command"));
        words += fmt::format("        '{}') commands=({}) options=({}) ;;\n", path_of(*command),
                             fmt::join(commands, " "), fmt::join(options, " "));
    }
    return fmt::format(
        R"(#compdef pgcourier
# zsh completion for pgcourier, written by `pgcourier completion zsh`
_pgcourier() {{
    local command= before= word i
    local -a commands options
    for ((i = 2; i < CURRENT; i++)); do
        word=${{words[i]}}
{}    done
    case "$command $before" in
{}    esac
    case "$command" in
{}    esac
    if (( $#commands )) && [[ $PREFIX != -* ]]; then
        _describe -t commands command commands
    else
        _describe -o option options
    fi
}}
if [[ $funcstack[1] == _pgcourier ]]; then _pgcourier "$@"; else compdef _pgcourier pgcourier; fi
)",
        find_command(all), values, words);
}

std::string fish_completion(const CommandHelp& root) {
    const std::vector<const CommandHelp*> all = flattened(root);
    std::string lines;
    std::vector<std::string> paths;
    for (const CommandHelp* command : all) {
        const std::string at =
            fmt::format("complete -c pgcourier -n {} ",
                        quoted_for_fish("__pgcourier_is_at '" + path_of(*command) + "'"));
        for (const CommandHelp& below : command->commands) {
            paths.push_back(quoted_for_fish(path_of(below)));
            lines += fmt::format("{}-f -a {} -d {}\n", at, quoted_for_fish(below.words.back()),
                                 quoted_for_fish(below.text));
        }
        for (const OptionHelp& option : command->options) {
            lines += at;
            for (const std::string& name : option.names)
                lines += fmt::format("{} {} ", name.starts_with("--") ? "-l" : "-s",
                                     name.substr(name.find_first_not_of('-')));
            if (!option.value.empty() && !option.is_value_optional)
                lines += is_file(option) ? "-r -F " : "-x ";
            if (!option.choices.empty())
                lines += fmt::format(
                    "-a {} ", quoted_for_fish(fmt::format("{}", fmt::join(option.choices, " "))));
            lines += fmt::format("-d {}\n", quoted_for_fish(option.text));
        }
    }
    return fmt::format(
        R"(# fish completion for pgcourier, written by `pgcourier completion fish`
function __pgcourier_is_at
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l longer (string join -- / $path $word)
        contains -- $longer {} && set path $longer
    end
    test "$path" = "$argv[1]"
end
complete -c pgcourier -f
complete -c pgcourier -l help -d 'Print the help of this command'
{})",
        fmt::join(paths, " "), lines);
}

}  // namespace pgcourier::cli
