#pragma once
// A file of variables, a line each as `NAME=value`, as systemd's EnvironmentFile and docker's
// --env-file read it. Its lines stand over the environment, which a running process cannot change:
// so a value that is changed in the file can be read again (SIGHUP).

#include "base/environment.hpp"
#include "base/result.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier {

class ConfigFile {
  public:
    /// No file: every variable comes from the environment.
    ConfigFile() = default;

    /// The file that PGCOURIER_CONFIG_FILE names in `environment`; none when it names none.
    /// returns  what is wrong with it in one line, never a value
    static Result<ConfigFile> named_in(const Environment& environment);

    /// Empty lines and those that begin with # mean nothing; `export ` may stand before a name; the
    /// last of several lines counts.
    ///
    /// path  for messages
    static Result<ConfigFile> parse(std::string_view text, const std::string& path);

    const std::string& path() const { return path_; }
    /// The line that sets it; nullopt: none does.
    std::optional<int> line_of(std::string_view name) const;
    /// The names that have a line, in the order of the alphabet.
    std::vector<std::string_view> names() const;
    /// What the file says, else what `environment` says. The file is copied.
    Environment over(Environment environment) const;

  private:
    struct Line {
        std::string value;
        int number = 0;
    };
    std::string path_;
    std::map<std::string, Line, std::less<>> lines_;
};

}  // namespace pgcourier
