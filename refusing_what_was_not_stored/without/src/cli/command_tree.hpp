#pragma once
// What the program knows of its own commands, as values: help for shells, manuals and pages is made
// of these. Hidden commands are not among them.

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pgcourier::cli {

struct OptionHelp {
    std::vector<std::string> names;    // --json; of a positional its one name
    std::string value;                 // SECONDS; empty: it takes none
    bool is_value_optional = false;    // --watch or --watch SECONDS
    std::vector<std::string> choices;  // all that the value may be; empty: anything
    std::string range;                 // `1 to 1000`; empty: any
    std::string fallback;              // the value without the option
    std::string variable;              // the environment variable that it is taken from
    std::string text;
    bool is_required = false;
    bool is_repeatable = false;

    /// In words, what `text` does not say: required, choices, range, fallback, variable.
    std::string limits() const;
};

struct CommandHelp {
    std::vector<std::string> words;  // {"outbox", "list"}; of the program itself none
    std::string text;
    std::string footer;
    std::vector<OptionHelp> positionals;
    std::vector<OptionHelp> options;  // without --help
    std::vector<CommandHelp> commands;
    bool wants_command = false;  // it does nothing by itself

    /// `outbox list`
    std::string name() const;
    /// `pgcourier outbox list [--status TEXT] [--json]`
    std::string usage() const;
};

/// The whole tree.
CommandHelp describe(CLI::App& app);

/// A command and all below it, in the order in which they are listed.
std::vector<const CommandHelp*> flattened(const CommandHelp& root);

}  // namespace pgcourier::cli
