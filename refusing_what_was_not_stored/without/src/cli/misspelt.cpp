#include "cli/misspelt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace pgcourier::cli {
namespace {

constexpr std::size_t kNear = 2;  // two letters swapped, or as many wrong

/// Letters to put in, take out or change (Levenshtein).
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::size_t> above(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = above[0];
        above[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = above[j];
            above[j] = std::min({changed, above[j] + 1, above[j - 1] + 1});
        }
    }
    return above[b.size()];
}

std::vector<std::string> options_of(const CommandHelp& command) {
    std::vector<std::string> names{"--help"};
    for (const OptionHelp& one : command.options)
        names.insert(names.end(), one.names.begin(), one.names.end());
    return names;
}

std::string advice(const std::string& program, const std::string& near, const std::string& before) {
    if (!near.empty()) return fmt::format("did you mean `{}{}`?", before, near);
    return fmt::format("`{} --help` lists those that it has", program);
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& names) {
    std::string found;
    std::size_t least = kNear + 1;
    for (const std::string& name : names) {
        const std::size_t far = distance(word, name);
        // Of a short word two letters are most of it.
        if (far < least && 2 * far <= word.size()) {
            least = far;
            found = name;
        }
    }
    return found;
}

std::optional<std::string> unknown_word(const CommandHelp& root,
                                        const std::vector<std::string>& arguments) {
    const CommandHelp* at = &root;
    for (const std::string& word : arguments) {
        const std::string program =
            fmt::format("pgcourier{}{}", at->words.empty() ? "" : " ", at->name());
        if (word == "--") return std::nullopt;
        if (word.starts_with('-')) {
            const std::string option = word.substr(0, word.find('='));
            const std::vector<std::string> names = options_of(*at);
            if (!option.starts_with("--") || std::ranges::count(names, option) > 0) continue;
            return fmt::format("{} has no option {}: {}", program, option,
                               advice(program, nearest(option, names), ""));
        }
        const auto found =
            std::find_if(at->commands.begin(), at->commands.end(),
                         [&word](const CommandHelp& one) { return one.words.back() == word; });
        if (found != at->commands.end()) {
            at = &*found;
            continue;
        }
        if (!at->wants_command) continue;
        std::vector<std::string> names;
        for (const CommandHelp& one : at->commands) names.push_back(one.words.back());
        return fmt::format("{} has no command {}: {}", program, word,
                           advice(program, nearest(word, names), program + " "));
    }
    return std::nullopt;
}

}  // namespace pgcourier::cli
