#include "cli/reload.hpp"

#include "base/config_file.hpp"
#include "base/config_settings.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/service.hpp"

namespace pgcourier::cli {
namespace {

void add_name(std::string& names, std::string_view name) {
    names.append(names.empty() ? "" : ", ").append(name);
}

}  // namespace

Config Reloader::first() {
    const auto file = ConfigFile::named_in(process_environment);
    if (!file) throw Failure{kUsage, file.error().what};
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
    Environment environment = file->over(process_environment);
    const auto config = read_config(environment, Needs::service);
    if (!config) return failed(config.error().what);

    std::string used;
    std::string waiting;
    for (const std::string_view name : changed_variables(environment_, environment))
        add_name(is_reloaded(name) ? used : waiting, name);
    service.reload(*config);
    // What waits for a restart is not in force: it is named again at the next reload.
    environment_ = [started = started_, now = std::move(environment)](const char* name) {
        return is_reloaded(name) ? now(name) : started(name);
    };
    log_.info("Configuration reloaded", {{"changed", used.empty() ? "nothing" : used}});
    if (!waiting.empty())
        log_.warn("These have changed too and need a restart", {{"variables", waiting}});
}

}  // namespace pgcourier::cli
