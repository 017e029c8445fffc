#include "base/config.hpp"

#include "base/address.hpp"
#include "base/sentry_dsn.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <ranges>

namespace pgcourier {
namespace {

constexpr int kLongestRetention = 3650;
// Twilio's have 32 hex characters. Shorter than half of that is another thing that was pasted, and
// as a signing key it could be guessed.
constexpr std::size_t kShortestToken = 16;
constexpr std::string_view kDatabaseForm = "postgresql://user:password@host:5432/database";

bool is_hex(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool is_alnum(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0; });
}

bool is_auth_token(std::string_view text) {
    return text.size() == 32 && is_hex(text);
}

/// A Twilio id: two letters that say what it is, then 32 letters or digits.
bool is_sid(std::string_view text, std::string_view kind) {
    return text.size() == 34 && text.starts_with(kind) && is_alnum(text);
}

bool is_address(const std::string& text, int family) {
    unsigned char parsed[sizeof(in6_addr)];
    return inet_pton(family, text.c_str(), parsed) == 1;
}

struct HttpUrl {
    std::string scheme;
    std::string host;  // without the brackets of an IPv6 address
    std::string path;  // with its slash in front; no slash at the end
    std::string text;  // the whole, no slash at the end
};

/// `http(s)://host[:port][/path]` and no more: no user, query or fragment.
std::optional<HttpUrl> http_url(std::string_view text) {
    while (text.ends_with('/')) text.remove_suffix(1);
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos) return std::nullopt;
    HttpUrl url{.scheme = lower(text.substr(0, colon)), .host = {}, .path = {}, .text = {}};
    if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
    std::string_view rest = text.substr(colon + 3);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    url.path = std::string{rest.substr(slash)};
    rest = rest.substr(0, slash);
    url.text = fmt::format("{}://{}{}", url.scheme, rest, url.path);
    for (const unsigned char c : url.path) {
        if (c <= 0x20 || c >= 0x7F ||
            std::string_view{"?#@\\\"<>"}.find(static_cast<char>(c)) != std::string_view::npos) {
            return std::nullopt;
        }
    }
    const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
    const std::size_t port_colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (port_colon != std::string_view::npos) {
        const auto port = whole_number<std::uint16_t>(rest.substr(port_colon + 1));
        if (!port || *port == 0) return std::nullopt;
        rest = rest.substr(0, port_colon);
    }
    if (bracket != std::string_view::npos) {
        if (!rest.ends_with(']')) return std::nullopt;
        url.host = std::string{rest.substr(1, rest.size() - 2)};
        return is_address(url.host, AF_INET6) ? std::optional{url} : std::nullopt;
    }
    url.host = lower(rest);
    const bool is_name = !url.host.empty() && std::ranges::all_of(url.host, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
    });
    return is_name ? std::optional{url} : std::nullopt;
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" ||
           (is_address(host, AF_INET) && host.starts_with("127."));
}

/// `https://host…`, http on loopback only, with a path and a query of any form: who it belongs to
/// chose them.
bool is_hook_url(std::string_view text) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos) return false;
    const std::string scheme = lower(text.substr(0, colon));
    if (scheme != "http" && scheme != "https") return false;
    const std::string_view rest = text.substr(colon + 3);
    const auto url =
        http_url(fmt::format("{}://{}", scheme, rest.substr(0, rest.find_first_of("/?#"))));
    return url.has_value() && (scheme == "https" || is_loopback(url->host));
}

/// An address, or a range of them that is smaller than the whole internet.
bool is_proxy(const std::string& text) {
    const std::size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    const bool is_v4 = is_address(address, AF_INET);
    if (!is_v4 && !is_address(address, AF_INET6)) return false;
    if (slash == std::string::npos) return true;
    const auto bits = whole_number<unsigned>(std::string_view{text}.substr(slash + 1));
    return bits && *bits >= 1 && *bits <= (is_v4 ? 32U : 128U);
}

/// libpq's own form, `host=… dbname=…`, known by its first word.
bool is_keyword_form(std::string_view text) {
    constexpr std::array<std::string_view, 8> kFirst{"host", "hostaddr", "port",    "dbname",
                                                     "user", "password", "service", "sslmode"};
    return std::ranges::find(kFirst, text.substr(0, text.find_first_of("= "))) != kFirst.end() &&
           text.find('=') != std::string_view::npos;
}

/// `kind` is the two letters in front: AC, SK.
std::string read_sid(EnvironmentReader& env, const char* name, std::string_view kind) {
    std::string value = env.text(name).value_or("");
    if (value.empty() || is_sid(value, kind)) return value;
    // Never the value: the commonest mistake is the token in the SID's place.
    env.fail(name,
             fmt::format("{} characters that {} with {}", value.size(),
                         value.starts_with(kind) ? "begin" : "do not begin", kind),
             fmt::format("{} and 32 letters or digits", kind));
    return {};
}

Secret read_database_url(EnvironmentReader& env, const char* name) {
    const auto value = env.text(name);
    if (!value) return {};
    const std::size_t colon = value->find("://");
    const std::string scheme = colon == std::string::npos ? "" : lower(value->substr(0, colon));
    if (scheme == "postgresql" || scheme == "postgres") return Secret{*value};
    if (is_keyword_form(*value)) return Secret{*value};
    const bool is_scheme =
        !scheme.empty() && scheme.size() <= 20 && std::ranges::all_of(scheme, [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
        });
    env.fail(name,
             is_scheme ? fmt::format("a {}:// address", scheme)
                       : "something that is not the address of a database",
             kDatabaseForm);
    return {};
}

void read_database(EnvironmentReader& env, Config& config) {
    config.database_url = read_database_url(env, "DATABASE_URL");
    config.database_direct_url = read_database_url(env, "DATABASE_DIRECT_URL");
    if (config.database_url.empty()) env.fail("DATABASE_URL", "nothing", kDatabaseForm);
}

void read_process(EnvironmentReader& env, Config& config) {
    config.config_file = env.text("PGCOURIER_CONFIG_FILE").value_or("");
    const auto value = env.text("PGCOURIER_ROLES");
    if (!value) return;
    config.roles = Roles{.webhook = false, .router = false, .sender = false};
    constexpr std::string_view kExpected =
        "one or more of webhook, router, sender, with commas between";
    const std::vector<std::string> names = list_of(*value);
    if (names.empty()) env.fail("PGCOURIER_ROLES", shown(*value), kExpected);
    for (const std::string& name : names) {
        if (name == "webhook") {
            config.roles.webhook = true;
        } else if (name == "router") {
            config.roles.router = true;
        } else if (name == "sender") {
            config.roles.sender = true;
        } else {
            env.fail("PGCOURIER_ROLES", shown(name), kExpected);
        }
    }
}

void read_public_url(EnvironmentReader& env, Config& config) {
    const auto value = env.text("WEBHOOK_PUBLIC_URL");
    if (!value) return;
    const auto url = http_url(*value);
    constexpr std::string_view kExpected =
        "scheme and host as Twilio calls them, without the path of the webhook: "
        "https://shop.example.com";
    // With the webhook's own path in it the signed URL would have that path twice, and every
    // signature would be wrong.
    if (!url || url->path.find("/webhooks/twilio") != std::string::npos) {
        env.fail("WEBHOOK_PUBLIC_URL", shown(*value), kExpected);
        return;
    }
    config.webhook_public_url = url->text;
}

void read_webhook(EnvironmentReader& env, Config& config) {
    if (const auto host = env.text("HOST")) {
        config.host = *host == "localhost" ? "127.0.0.1" : *host;
        if (!is_address(config.host, AF_INET) && !is_address(config.host, AF_INET6)) {
            env.fail("HOST", shown(*host), "an IP address to listen on, as 0.0.0.0 or 127.0.0.1");
        }
    }
    env.number("PORT", config.port, 1, 65535);
    config.tls_cert_file = env.text("TLS_CERT_FILE").value_or("");
    config.tls_key_file = env.text("TLS_KEY_FILE").value_or("");
    if (config.tls_cert_file.empty() != config.tls_key_file.empty()) {
        const bool key_is_missing = config.tls_key_file.empty();
        env.fail(key_is_missing ? "TLS_KEY_FILE" : "TLS_CERT_FILE", "nothing",
                 fmt::format("the path of a file, since {} is set",
                             key_is_missing ? "TLS_CERT_FILE" : "TLS_KEY_FILE"));
    }
    read_public_url(env, config);
    config.trusted_proxies = list_of(env.text("TRUSTED_PROXIES").value_or(""));
    for (const std::string& proxy : config.trusted_proxies) {
        if (!is_proxy(proxy)) {
            env.fail(
                "TRUSTED_PROXIES", shown(proxy),
                "addresses or ranges, with commas between: 10.0.0.0/8, ::1 (never a range of /0)");
        }
    }
    env.number("WEBHOOK_RATE_LIMIT_MAX", config.webhook_rate_limit_max, 1, 1'000'000);
    env.duration("WEBHOOK_RATE_LIMIT_WINDOW_MS", config.webhook_rate_limit_window, 100, 3'600'000);
    env.flag("WEBHOOK_RATE_LIMIT_DROP_SIGNED", config.webhook_rate_limit_drop_signed,
             "true or false");
    env.duration("WEBHOOK_DEADLINE_MS", config.webhook_deadline, 50, 10'000);
}

// With a placeholder as the key anybody could sign webhooks.
Secret read_auth_token(EnvironmentReader& env, const char* name) {
    Secret token = env.secret(name);
    const std::size_t chars = token.reveal().size();
    if (chars == 0 || chars >= kShortestToken) return token;
    env.fail(name, fmt::format("{} characters", chars),
             "an auth token as Twilio's console shows it: 32 hex characters");
    return {};
}

void read_twilio(EnvironmentReader& env, Config& config) {
    config.twilio_account_sid = read_sid(env, "TWILIO_ACCOUNT_SID", "AC");
    config.twilio_auth_token = read_auth_token(env, "TWILIO_AUTH_TOKEN");
    config.twilio_auth_token_secondary = read_auth_token(env, "TWILIO_AUTH_TOKEN_SECONDARY");
    config.twilio_api_key_sid = read_sid(env, "TWILIO_API_KEY_SID", "SK");
    config.twilio_api_key_secret = env.secret("TWILIO_API_KEY_SECRET");
    if (config.twilio_api_key_sid.empty() != config.twilio_api_key_secret.empty()) {
        const bool sid_is_missing = config.twilio_api_key_sid.empty();
        env.fail(sid_is_missing ? "TWILIO_API_KEY_SID" : "TWILIO_API_KEY_SECRET", "nothing",
                 fmt::format("a value, since {} is set",
                             sid_is_missing ? "TWILIO_API_KEY_SECRET" : "TWILIO_API_KEY_SID"));
    }
    if (const auto key = env.text("TWILIO_WEBHOOK_SECRET")) {
        if (is_auth_token(*key)) {
            config.twilio_webhook_secret = Secret{*key};
        } else {
            config.notices.emplace_back(
                "TWILIO_WEBHOOK_SECRET is ignored: it does not look like an auth token (32 hex "
                "characters)");
        }
    }
    if (const auto number = env.text("TWILIO_WHATSAPP_NUMBER")) {
        config.twilio_whatsapp_number = std::string{bare_address(*number)};
        if (!is_e164(config.twilio_whatsapp_number)) {
            env.fail("TWILIO_WHATSAPP_NUMBER",
                     fmt::format("{} characters in another form", number->size()),
                     "+ and 8 to 15 digits with the country's code first, as +33612345678");
        }
    }
    if (const auto base = env.text("TWILIO_API_BASE_URL")) {
        const auto url = http_url(*base);
        // Credentials and messages go there.
        if (!url || (url->scheme == "http" && !is_loopback(url->host))) {
            env.fail("TWILIO_API_BASE_URL", shown(*base),
                     "https://… (plain http only for localhost, 127.… or [::1])");
        } else {
            config.twilio_api_base_url = url->text;
        }
    }
    config.twilio_status_callback = !config.webhook_public_url.empty();
    env.flag("TWILIO_STATUS_CALLBACK", config.twilio_status_callback, "on or off");
    if (config.twilio_status_callback && !env.is_set("WEBHOOK_PUBLIC_URL")) {
        env.fail("TWILIO_STATUS_CALLBACK", "on without WEBHOOK_PUBLIC_URL", "both, or off");
    }
}

void read_outbox(EnvironmentReader& env, Config& config) {
    env.number("OUTBOX_MAX_RETRIES", config.outbox_max_retries, 1, 20);
    env.duration("OUTBOX_BACKOFF_MAX_MS", config.outbox_backoff_max, 100, 86'400'000);
    env.duration("OUTBOX_POLL_INTERVAL_MS", config.outbox_poll_interval, 100, 60'000);
    // It is the heartbeat too, and who is silent for half a minute counts as gone.
    config.outbox_poll_interval =
        std::min(config.outbox_poll_interval, Config{}.outbox_poll_interval);
    env.number("OUTBOX_BATCH_SIZE", config.outbox_batch_size, 1, 1000);
    env.number("OUTBOX_CONCURRENCY", config.outbox_concurrency, 1, 1000);
    env.number("OUTBOX_THREADS", config.outbox_threads, 1, 16);
    env.number("OUTBOX_RATE_PER_SENDER", config.outbox_rate_per_sender, 0, 10'000);
    // A call may take 10 s and starts only while that much of the lease is left.
    env.duration("OUTBOX_LEASE_MS", config.outbox_lease, 15'000, 600'000);
    env.choice("OUTBOX_UNKNOWN_POLICY", config.outbox_unknown_policy, "reconcile, hold or resend",
               {{"reconcile", UnknownPolicy::reconcile},
                {"hold", UnknownPolicy::hold},
                {"resend", UnknownPolicy::resend}});
}

void read_log(EnvironmentReader& env, Config& config) {
    if (!env.is_set("PGCOURIER_ENV"))
        env.choice("NODE_ENV", config.is_production, "production or development",
                   {{"production", true}, {"development", false}, {"test", false}});
    env.choice("PGCOURIER_ENV", config.is_production, "production or development",
               {{"production", true}, {"development", false}});
    env.choice("LOG_LEVEL", config.log_level, "debug, info, warn or error",
               {{"debug", LogLevel::debug},
                {"info", LogLevel::info},
                {"warn", LogLevel::warn},
                {"error", LogLevel::error}});
    config.log_format = config.is_production ? LogFormat::json : LogFormat::text;
    env.choice("LOG_FORMAT", config.log_format, "text or json",
               {{"text", LogFormat::text}, {"json", LogFormat::json}});
}

void read_router(EnvironmentReader& env, Config& config) {
    env.number("ROUTER_THREADS", config.router_threads, 1, 16);
    env.number("ROUTER_BATCH_SIZE", config.router_batch_size, 1, 5000);
}

void read_operations(EnvironmentReader& env, Config& config) {
    env.number("RETENTION_DAYS", config.retention_days, 1, kLongestRetention);
    for (const auto& [name, days] :
         {std::pair{"DEAD_LETTER_RETENTION_DAYS", &config.dead_letter_retention_days},
          {"EVENT_LOG_RETENTION_DAYS", &config.event_log_retention_days}}) {
        *days = std::max(*days, config.retention_days);
        env.number(name, *days, config.retention_days, kLongestRetention);
    }
    config.ops_token = env.secret("OPS_TOKEN");
    config.ops_token_readonly = env.secret("OPS_TOKEN_READONLY");
    if (!config.ops_token_readonly.empty()) {
        if (config.ops_token.empty()) {
            env.fail("OPS_TOKEN_READONLY", "no OPS_TOKEN beside it",
                     "both, or OPS_TOKEN alone: without that there is no console");
        } else if (config.ops_token_readonly.reveal() == config.ops_token.reveal()) {
            env.fail("OPS_TOKEN_READONLY", "the value of OPS_TOKEN",
                     "another one: who has it may look and not act");
        }
    }
    config.sentry_dsn = env.secret("SENTRY_DSN");
    if (!config.sentry_dsn.empty() && !parse_dsn(config.sentry_dsn)) {
        env.fail("SENTRY_DSN", "another form", "https://key@host/project");
    }
    config.alert_webhook_url = env.secret("ALERT_WEBHOOK_URL");
    if (!config.alert_webhook_url.empty() && !is_hook_url(config.alert_webhook_url.reveal())) {
        env.fail("ALERT_WEBHOOK_URL", "another form",
                 "https://…, an incoming webhook as Slack has them");
    }
    std::string ignored;
    for (const char* name : {"REDIS_URL", "REDIS_TOKEN"}) {
        if (env.is_set(name)) ignored += (ignored.empty() ? "" : ", ") + std::string{name};
    }
    if (!ignored.empty()) {
        config.notices.push_back("Ignored: " + ignored +
                                 " (the queues are in PostgreSQL, there is no Redis)");
    }
}

void require_for_roles(EnvironmentReader& env, const Config& config) {
    const auto require = [&env](bool is_there, std::string_view name, std::string_view expected) {
        if (!is_there) env.fail(name, "nothing", expected);
    };
    if (config.roles.webhook) {
        require(!config.twilio_auth_token.empty(), "TWILIO_AUTH_TOKEN",
                "the account's auth token: the role webhook checks signatures with it");
    }
    if (config.roles.sender) {
        require(!config.twilio_account_sid.empty(), "TWILIO_ACCOUNT_SID",
                "AC and 32 letters or digits: the role sender needs it");
        require(!config.twilio_auth_token.empty() || !config.twilio_api_key_sid.empty(),
                "TWILIO_AUTH_TOKEN",
                "the account's auth token, or TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET: the "
                "role sender needs one");
    }
}

}  // namespace

std::string Roles::text() const {
    std::string text;
    for (const auto& [is_on, name] :
         {std::pair{webhook, "webhook"}, {router, "router"}, {sender, "sender"}}) {
        if (is_on) text += (text.empty() ? "" : ",") + std::string{name};
    }
    return text;
}

std::vector<Secret> Config::signing_keys() const {
    std::vector<Secret> keys;
    for (const Secret& key :
         {twilio_auth_token, twilio_auth_token_secondary, twilio_webhook_secret}) {
        if (!key.empty()) keys.push_back(key);
    }
    return keys;
}

bool Config::calls_twilio() const {
    const auto url = http_url(twilio_api_base_url);
    return url && url->scheme == "https" && url->host.starts_with("api.") &&
           url->host.ends_with(".twilio.com");
}

ReadConfig read_whole_config(const Environment& environment, Needs needs) {
    EnvironmentReader env{environment};
    Config config;
    read_database(env, config);
    read_process(env, config);
    read_webhook(env, config);
    read_twilio(env, config);
    read_outbox(env, config);
    read_router(env, config);
    read_operations(env, config);
    read_log(env, config);
    if (needs == Needs::service) require_for_roles(env, config);
    return {std::move(config), env.wrong()};
}

Result<Config> read_config(const Environment& environment, Needs needs) {
    ReadConfig read = read_whole_config(environment, needs);
    if (!read.wrong.empty()) return Problem{read.wrong.front().text()};
    return std::move(read.config);
}

}  // namespace pgcourier
