#include "base/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace pgcourier {
namespace {

constexpr const char* kVariable = "PGCOURIER_CONFIG_FILE";
constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_name(std::string_view text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
           std::ranges::all_of(text,
                               [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

}  // namespace

Result<ConfigFile> ConfigFile::named_in(const Environment& environment) {
    const std::string path = EnvironmentReader{environment}.text(kVariable).value_or("");
    if (path.empty()) return ConfigFile{};
    const auto unreadable = [&path](int error) {
        return Problem{fmt::format("{}: found {}, which cannot be read ({}), expected a file",
                                   kVariable, path, std::generic_category().message(error))};
    };
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) return unreadable(EISDIR);
    errno = 0;
    std::ifstream file{path};
    if (!file) return unreadable(errno);
    std::string text;
    std::array<char, 4096> piece{};
    while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
        text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    // Cut off in the middle, a file would leave out keys and settings without a word.
    if (file.bad()) return unreadable(errno == 0 ? EIO : errno);
    return parse(text, path);
}

Result<ConfigFile> ConfigFile::parse(std::string_view text, const std::string& path) {
    ConfigFile file;
    file.path_ = path;
    int number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.front() == '#') continue;
        // No value has one; a zero byte would end it unseen in whatever reads it as a C string.
        if (std::ranges::any_of(
                line, [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; })) {
            return Problem{fmt::format("{}: line {} of {} has a control character in it", kVariable,
                                       number, path)};
        }
        if (line.starts_with("export ")) line = trimmed(line.substr(7));
        const std::size_t equals = line.find('=');
        const std::string_view name = trimmed(line.substr(0, equals));
        if (equals == std::string_view::npos || !is_name(name)) {
            return Problem{fmt::format("{}: line {} of {} is not of the form NAME=value", kVariable,
                                       number, path)};
        }
        file.lines_.insert_or_assign(std::string{name},
                                     Line{std::string{line.substr(equals + 1)}, number});
    }
    return file;
}

std::optional<int> ConfigFile::line_of(std::string_view name) const {
    const auto found = lines_.find(name);
    return found == lines_.end() ? std::nullopt : std::optional{found->second.number};
}

std::vector<std::string_view> ConfigFile::names() const {
    std::vector<std::string_view> names;
    for (const auto& [name, line] : lines_) names.push_back(name);
    return names;
}

Environment ConfigFile::over(Environment environment) const {
    return [lines = lines_,
            environment = std::move(environment)](const char* name) -> std::optional<std::string> {
        const auto found = lines.find(std::string_view{name});
        if (found != lines.end()) return found->second.value;
        return environment(name);
    };
}

}  // namespace pgcourier
