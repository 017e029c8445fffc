// Configuration: a file of variables is read or refused in one line that shows no secret; what is
// read is within the documented bounds; the settings that are shown hold no secret; reading twice
// says the same.
#include "base/config.hpp"

#include "base/config_file.hpp"
#include "base/config_settings.hpp"
#include "fuzz/support.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <string>

using namespace pgcourier;
using fuzz::require;

namespace {

/// Values that must not be shown, where they are long enough not to stand there by chance.
std::vector<std::string> secrets_of(const Environment& environment, std::string_view text) {
    std::vector<std::string> secrets;
    for (const char* name : {"TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY",
                             "TWILIO_WEBHOOK_SECRET", "TWILIO_API_KEY_SECRET", "OPS_TOKEN",
                             "OPS_TOKEN_READONLY", "SENTRY_DSN", "ALERT_WEBHOOK_URL"}) {
        const auto value = EnvironmentReader{environment}.text(name);
        // The same words in a variable that is no secret are shown.
        const bool is_once = value && text.find(*value) == text.rfind(*value);
        if (is_once && value->starts_with("s3cret") && value->size() >= 12)
            secrets.push_back(*value);
    }
    return secrets;
}

void check_hidden(std::string_view text, const std::vector<std::string>& secrets) {
    for (const std::string& secret : secrets)
        require(text.find(secret) == std::string_view::npos, "what is shown holds no secret");
}

void check_shown(std::string_view text, const std::vector<std::string>& secrets) {
    require(!fuzz::has_control(text), "a message stands on one line");
    check_hidden(text, secrets);
}

bool is_ip(const std::string& text) {
    unsigned char address[16];
    return text.find('\0') == std::string::npos &&
           (inet_pton(AF_INET, text.c_str(), address) == 1 ||
            inet_pton(AF_INET6, text.c_str(), address) == 1);
}

void check_bounds(const Config& config) {
    require(!config.database_url.empty(), "there is a database");
    require(config.port != 0 && is_ip(config.host), "there is an address to listen on");
    require(config.webhook_rate_limit_max >= 1 && config.outbox_max_retries >= 1 &&
                config.outbox_max_retries <= 20 && config.outbox_batch_size >= 1 &&
                config.outbox_batch_size <= 1000 && config.outbox_concurrency >= 1 &&
                config.router_threads >= 1 && config.router_batch_size >= 1 &&
                config.retention_days >= 1,
            "numbers are within their bounds");
    require(config.dead_letter_retention_days >= config.retention_days &&
                config.event_log_retention_days >= config.retention_days,
            "what refers to rows is kept at least as long");
    require(config.outbox_lease >= std::chrono::seconds{15}, "a call fits into a lease");
    require(config.roles.webhook || config.roles.router || config.roles.sender,
            "there is something to do");
    require(config.tls_cert_file.empty() == config.tls_key_file.empty(), "TLS has both or neither");
    require(config.twilio_api_base_url.starts_with("https://") ||
                config.twilio_api_base_url.starts_with("http://"),
            "Twilio is called over HTTP");
    require(!config.twilio_api_base_url.ends_with('/') && !config.webhook_public_url.ends_with('/'),
            "no slash at the end of a base URL");
    require(config.twilio_whatsapp_number.empty() || config.twilio_whatsapp_number[0] == '+',
            "a number is E.164");
    require(!config.twilio_status_callback || !config.webhook_public_url.empty(),
            "callbacks have an address");
    for (const Secret& key : config.signing_keys()) require(!key.empty(), "no empty key signs");
    for (const std::string& proxy : config.trusted_proxies)
        require(is_ip(proxy.substr(0, proxy.find('/'))), "a trusted proxy is an address");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::Input{data, size}.rest();

    const auto file = ConfigFile::parse(text, "service.env");
    if (!file) {
        check_shown(file.error().what, {});
        return 0;
    }
    const Environment environment =
        file->over([](const char*) -> std::optional<std::string> { return std::nullopt; });
    const std::vector<std::string> secrets = secrets_of(environment, text);
    for (const Needs needs : {Needs::database, Needs::service}) {
        const auto config = read_config(environment, needs);
        if (!config) {
            check_shown(config.error().what, secrets);
            require(config.error().what.find(": found ") != std::string::npos &&
                        config.error().what.find(", expected ") != std::string::npos,
                    "a problem says what was found and what is expected");
            continue;
        }
        check_bounds(*config);
        for (const Setting& setting : settings(*config, *file, environment))
            check_hidden(setting.value, secrets);
        for (const std::string& notice : config->notices) check_shown(notice, secrets);
        require(changed_variables(environment, environment).empty(), "reading twice says the same");
    }
    for (const Variable& variable : variables()) {
        const auto line = file->line_of(variable.name);
        require(!line || *line >= 1, "a variable stands in a line");
    }
    list_of(text);
    require(!fuzz::has_control(shown(text)), "a value is shown on one line");
    return 0;
}
