#pragma once
// The program's configuration: environment variables, or the lines of a file that stand over them.
// What each means stands in docs/configuration.md, which is written from `variables()`. A bad value
// stops the program; no variable weakens a check.

#include "base/environment.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier {

struct Roles {
    bool webhook = true;
    bool router = true;
    bool sender = true;
    /// `webhook,router,sender`, those that are on
    std::string text() const;
};

enum class UnknownPolicy { reconcile, hold, resend };

struct Config {
    Secret database_url;         // as given; pg::parse_url understands it
    Secret database_direct_url;  // for LISTEN and migrations; empty: the same as database_url

    std::string host = "0.0.0.0";
    std::uint16_t port = 8080;
    std::string tls_cert_file;  // both or neither; empty: plain HTTP
    std::string tls_key_file;
    std::string
        webhook_public_url;  // scheme and host, no trailing slash; empty: rebuilt from the request
    std::vector<std::string> trusted_proxies;  // addresses or CIDR
    int webhook_rate_limit_max = 120;
    std::chrono::milliseconds webhook_rate_limit_window{60000};
    bool webhook_rate_limit_drop_signed = false;
    std::chrono::milliseconds webhook_deadline{900};

    std::string twilio_account_sid;
    Secret twilio_auth_token;
    Secret twilio_auth_token_secondary;
    Secret twilio_webhook_secret;  // set only when it looks like an auth token
    std::string twilio_api_key_sid;
    Secret twilio_api_key_secret;
    std::string twilio_whatsapp_number;                          // bare E.164, may be empty
    std::string twilio_api_base_url = "https://api.twilio.com";  // no trailing slash
    bool twilio_status_callback = false;

    int outbox_max_retries = 5;  // attempts in all
    std::chrono::milliseconds outbox_backoff_max{30000};
    std::chrono::milliseconds outbox_poll_interval{5000};
    int outbox_batch_size = 100;
    int outbox_concurrency = 64;
    int outbox_threads = 2;
    int outbox_rate_per_sender = 80;  // starts a second, 0 = off
    std::chrono::milliseconds outbox_lease{30000};
    UnknownPolicy outbox_unknown_policy = UnknownPolicy::reconcile;

    int router_threads = 2;
    int router_batch_size = 500;

    std::string config_file;  // PGCOURIER_CONFIG_FILE; empty: none
    Roles roles;
    bool is_production = true;
    int retention_days = 30;
    int dead_letter_retention_days = 365;  // at least retention_days; so is the next
    int event_log_retention_days = 365;
    Secret ops_token;           // empty: no console
    Secret ops_token_readonly;  // of those who may only look; only beside ops_token
    Secret sentry_dsn;          // of the right form, or empty
    Secret alert_webhook_url;   // who knows it may post there
    LogLevel log_level = LogLevel::info;
    LogFormat log_format = LogFormat::json;

    /// What to tell once the log is open: ignored variables and the like. One line each.
    std::vector<std::string> notices;

    /// Every key that a webhook's signature is tried with, in order: primary, secondary, webhook
    /// secret.
    std::vector<Secret> signing_keys() const;
    const Secret& listen_url() const {
        return database_direct_url.empty() ? database_url : database_direct_url;
    }
    /// Whether DATABASE_URL must be taken for a transaction pooler (a direct URL beside it says
    /// so).
    bool is_pooled() const { return !database_direct_url.empty(); }
    /// Whether TWILIO_API_BASE_URL is Twilio's own: api.twilio.com, or that of a region,
    /// api.<edge>.<region>.twilio.com. To any other, credentials and messages go by way of somebody
    /// else.
    bool calls_twilio() const;
};

/// One row of the configuration table.
struct Variable {
    std::string_view name;
    std::string_view fallback;  // as README shows it; "required" where there is none
    std::string_view meaning;
};
const std::vector<Variable>& variables();

/// Which parts of the configuration a command needs; the others are checked only for their form.
enum class Needs { database, service };

/// returns  the configuration, or one line: the variable, what was found (never a secret), what is
/// expected
Result<Config> read_config(const Environment& environment, Needs needs);

/// A configuration with all that is wrong with it, for those who explain it; nothing is run with it
/// while `wrong` has anything.
struct ReadConfig {
    Config config;                  // a wrong value is as if it were not set
    std::vector<WrongValue> wrong;  // a line for each variable
};
ReadConfig read_whole_config(const Environment& environment, Needs needs);

}  // namespace pgcourier
