#include "base/config_settings.hpp"

#include "base/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace pgcourier {
namespace {

// Such words in a name mean a secret, so that a new variable is hidden before anybody thinks of it.
constexpr std::array<std::string_view, 6> kSecretWords{"TOKEN", "SECRET", "PASSWORD",
                                                       "KEY",   "DSN",    "_URL"};
constexpr std::array<std::string_view, 4> kPlain{"WEBHOOK_PUBLIC_URL", "TWILIO_API_BASE_URL",
                                                 "TWILIO_API_KEY_SID", "TLS_KEY_FILE"};

constexpr std::array<std::string_view, 7> kReloaded{"TWILIO_ACCOUNT_SID",
                                                    "TWILIO_AUTH_TOKEN",
                                                    "TWILIO_AUTH_TOKEN_SECONDARY",
                                                    "TWILIO_WEBHOOK_SECRET",
                                                    "TWILIO_API_KEY_SID",
                                                    "TWILIO_API_KEY_SECRET",
                                                    "LOG_LEVEL"};

/// Under which heading a variable stands: the last of these that does not come after it in the
/// table.
struct Heading {
    std::string_view first;
    std::string_view title;
};
constexpr std::array<Heading, 9> kHeadings{{
    {"DATABASE_URL", "Database"},
    {"HOST", "Webhooks"},
    {"TWILIO_ACCOUNT_SID", "Twilio"},
    {"OUTBOX_MAX_RETRIES", "Sending"},
    {"ROUTER_THREADS", "Routing"},
    {"PGCOURIER_ROLES", "The process"},
    {"RETENTION_DAYS", "How long rows are kept"},
    {"OPS_TOKEN", "Operations"},
    {"REDIS_URL", "Of the predecessor"},
}};

template <class Names>
bool contains(const Names& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

std::string_view on_or_off(bool is_on) {
    return is_on ? "on" : "off";
}

/// Values that follow from others when they are not set.
std::optional<std::string> derived(std::string_view name, const Config& config) {
    if (name == "HOST") return config.host;
    if (name == "TWILIO_STATUS_CALLBACK")
        return std::string{on_or_off(config.twilio_status_callback)};
    if (name == "PGCOURIER_ROLES") return config.roles.text();
    if (name == "PGCOURIER_ENV") return config.is_production ? "production" : "development";
    if (name == "DEAD_LETTER_RETENTION_DAYS")
        return std::to_string(config.dead_letter_retention_days);
    if (name == "EVENT_LOG_RETENTION_DAYS") return std::to_string(config.event_log_retention_days);
    if (name == "LOG_FORMAT") return config.log_format == LogFormat::json ? "json" : "text";
    return std::nullopt;
}

std::string value_of(const Variable& variable, const std::optional<std::string>& found,
                     const Config& config) {
    if (is_secret(variable.name)) return found ? "(set, not shown)" : "(not set)";
    if (auto value = derived(variable.name, config)) return *value;
    const bool has_default =
        variable.fallback != "none" && !variable.fallback.starts_with("required");
    if (!found) return has_default ? std::string{variable.fallback} : "(not set)";
    if (variable.name == "TWILIO_WHATSAPP_NUMBER") return masked(*found);
    return *found;
}

}  // namespace

bool is_secret(std::string_view variable) {
    if (contains(kPlain, variable)) return false;
    return std::ranges::any_of(kSecretWords, [&](std::string_view word) {
        return variable.find(word) != std::string_view::npos;
    });
}

bool is_reloaded(std::string_view variable) {
    return contains(kReloaded, variable);
}

std::vector<Setting> settings(const Config& config, const ConfigFile& file,
                              const Environment& environment) {
    const Environment both = file.over(environment);
    const EnvironmentReader reader{both};
    std::vector<Setting> all;
    for (const Variable& variable : variables()) {
        const std::string name{variable.name};
        const auto found = reader.text(name.c_str());
        Setting& setting = all.emplace_back();
        setting.name = variable.name;
        setting.value = value_of(variable, found, config);
        setting.is_secret = is_secret(variable.name);
        if (!found) {
            setting.source = "default";
        } else if (const auto line = file.line_of(name)) {
            setting.source = fmt::format("{} line {}", file.path(), *line);
        } else {
            setting.source = "environment";
        }
    }
    return all;
}

std::vector<std::string_view> changed_variables(const Environment& before,
                                                const Environment& after) {
    const EnvironmentReader was{before};
    const EnvironmentReader is{after};
    std::vector<std::string_view> changed;
    for (const Variable& variable : variables()) {
        const std::string name{variable.name};
        if (was.text(name.c_str()) != is.text(name.c_str())) changed.push_back(variable.name);
    }
    return changed;
}

std::string configuration_reference() {
    std::string page =
        "# Configuration\n"
        "\n"
        "<!-- Written by `make configuration` from the program itself; a test compares them. -->\n"
        "\n"
        "pgcourier is configured by environment variables. A bad or missing value stops it at once "
        "with exit code 2 and one\n"
        "line that names the variable, what was found and what is expected; a secret is never "
        "shown. Spaces and one pair of\n"
        "quotes around a value mean nothing, and an empty value is one that is not set.\n"
        "\n"
        "`pgcourier config` shows what is in force and where each value came from.\n"
        "\n"
        "`PGCOURIER_CONFIG_FILE` names a file with a line `NAME=value` for each variable, as "
        "systemd's `EnvironmentFile` and\n"
        "docker's `--env-file` read it. A line of the file wins over the environment. On SIGHUP a "
        "running service reads it\n"
        "again and uses the variables marked *reloaded* from then on; the others need a restart "
        "([operations.md](operations.md#reloading)).\n"
        "A variable whose line is gone is as the environment has it, so do not give the same file "
        "to both: a key that is\n"
        "taken out of it would stay in force.\n";
    const Heading* next = kHeadings.begin();
    for (const Variable& variable : variables()) {
        if (next != kHeadings.end() && next->first == variable.name) {
            page += fmt::format(
                "\n## {}\n\n| variable | default | meaning |\n| --- | --- | --- |\n", next->title);
            ++next;
        }
        std::string marks;
        if (is_secret(variable.name)) marks += " *Secret.*";
        if (is_reloaded(variable.name)) marks += " *Reloaded.*";
        page += fmt::format("| `{}` | {} | {}{}{} |\n", variable.name, variable.fallback,
                            variable.meaning, marks.empty() ? "" : ".", marks);
    }
    return page;
}

}  // namespace pgcourier
