#include "cli/reload.hpp"

#include "base/config_file.hpp"
#include "base/config_settings.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/service.hpp"

#include <algorithm>

namespace pgcourier::cli {
namespace {

void add_name(std::string& names, std::string_view name) {
    names.append(names.empty() ? "" : ", ").append(name);
}

}  // namespace

Config Reloader::first() {
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
    file_ = *file;
    environment_ = started_ = file->over(process_environment);
    auto config = read_config(environment_, Needs::service);
    if (!config) throw Failure{kUsage, config.error().what};
    return std::move(*config);
}

void Reloader::reload(Service& service) {
    const bool has_certificate = service.reload_certificate();
    const auto failed = [this](const std::string& why) {
        log_.error("Configuration not reloaded: it stays as it was", {{"error", why}});
    };
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) return failed(file.error().what);
    if (file->path().empty()) {
        // Also what a terminal says that goes away.
        if (has_certificate) return;
        log_.warn("SIGHUP changes nothing: PGCOURIER_CONFIG_FILE is not set");
        return;
    }
    const Environment wanted = file->over(process_environment);
    // What waits for a restart is not in force: it is judged as it was at the start, and named
    // again at the next reload.
    Environment environment = [started = started_, wanted](const char* name) {
        return is_reloaded(name) ? wanted(name) : started(name);
    };
    const auto config = read_config(environment, Needs::service);
    if (!config) return failed(config.error().what);

    std::string used;
    std::string waiting;
    for (const std::string_view name : changed_variables(environment_, wanted))
        add_name(is_reloaded(name) ? used : waiting, name);
    service.reload(*config);
    environment_ = std::move(environment);
    log_.info("Configuration reloaded", {{"changed", used.empty() ? "nothing" : used}});
    if (!waiting.empty())
        log_.warn("These have changed too and need a restart", {{"variables", waiting}});
    if (const auto next = read_config(wanted, Needs::service); !next)
        log_.warn("With this file the service would not start again",
                  {{"error", next.error().what}});
    warn_of_lines_that_are_gone(*file);
    file_ = *file;
    warn_of_lines_without_effect();
}

// What libpq, OpenSSL and the C library read themselves they read in the environment.
void Reloader::warn_of_lines_without_effect() const {
    std::string names;
    for (const std::string_view name : file_.names()) {
        if (std::ranges::find(variables(), name, &Variable::name) == variables().end())
            add_name(names, name);
    }
    if (!names.empty())
        log_.warn(
            "These lines of the file have no effect: pgcourier does not know them, and what other "
            "libraries read belongs into the environment of the process",
            {{"variables", names}});
}

// A key that somebody took out of the file to revoke it is still in force then.
void Reloader::warn_of_lines_that_are_gone(const ConfigFile& file) const {
    const Environment process = process_environment;
    const EnvironmentReader reader{process};
    std::string names;
    for (const Variable& variable : variables()) {
        const bool is_gone = file_.line_of(variable.name) && !file.line_of(variable.name);
        if (is_gone && is_reloaded(variable.name) &&
            reader.is_set(std::string{variable.name}.c_str()))
            add_name(names, variable.name);
    }
    if (!names.empty())
        log_.warn("These are no longer in the file: what the environment has is used",
                  {{"variables", names}});
}

}  // namespace pgcourier::cli
