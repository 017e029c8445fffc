// `pgcourier completion SHELL`, `pgcourier man [COMMAND]`, `pgcourier commands`: hidden, for those
// who install the program and for its own documentation.
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/command_tree.hpp"
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/manual.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace pgcourier::cli {
namespace {

void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
}

const CommandHelp& page_of(const CommandHelp& root, const std::string& name) {
    if (name.empty()) return root;
    for (const CommandHelp& command : root.commands)
        if (command.words[0] == name) return command;
    throw Failure{kUsage,
                  fmt::format("man: found {}, which is no command: see pgcourier --help", name)};
}

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file{path};
    file << text;
    file.close();
    if (!file) throw Failure{kFailed, fmt::format("{} cannot be written", path.string())};
}

void write_pages(const CommandHelp& root, const std::string& directory) {
    std::filesystem::create_directories(directory);
    const std::filesystem::path folder{directory};
    write(folder / manual_file(root), manual_page(root));
    for (const CommandHelp& command : root.commands)
        write(folder / manual_file(command), manual_page(command));
}

void print_names(const CommandHelp& root) {
    for (const CommandHelp* command : flattened(root))
        if (!command->words.empty()) std::printf("%s\n", command->name().c_str());
}

}  // namespace

void add_reference(CLI::App& app, Chosen& chosen) {
    struct Options {
        std::string shell;
        std::string command;
        std::string directory;
        bool as_markdown = false;
    };
    const auto options = std::make_shared<Options>();
    const auto hidden = [&app](const char* name, const char* about) {
        return app.add_subcommand(name, about)->group("");
    };

    CLI::App* completion = hidden("completion", "Print the script that makes a shell complete");
    completion->add_option("shell", options->shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&app, &chosen, options] {
        chosen = [&app, options] {
            const CommandHelp root = describe(app);
            print(options->shell == "bash"  ? bash_completion(root)
                  : options->shell == "zsh" ? zsh_completion(root)
                                            : fish_completion(root));
            return int{kOk};
        };
    });

    CLI::App* man = hidden("man", "Print the manual page of the program or of a command");
    CLI::Option* command = man->add_option("command", options->command, "Of which command");
    man->add_option("--all", options->directory, "Write all of them into this directory")
        ->excludes(command);
    man->callback([&app, &chosen, options] {
        chosen = [&app, options] {
            const CommandHelp root = describe(app);
            if (options->directory.empty()) {
                print(manual_page(page_of(root, options->command)));
            } else {
                write_pages(root, options->directory);
            }
            return int{kOk};
        };
    });

    CLI::App* commands = hidden("commands", "Print the names of all commands");
    commands->add_flag("--markdown", options->as_markdown,
                       "Print the reference of all commands instead, as docs/commands.md");
    commands->callback([&app, &chosen, options] {
        chosen = [&app, options] {
            const CommandHelp root = describe(app);
            if (options->as_markdown) {
                print(commands_page(root));
            } else {
                print_names(root);
            }
            return int{kOk};
        };
    });
}

}  // namespace pgcourier::cli
