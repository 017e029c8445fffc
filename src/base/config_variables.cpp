// The table of variables: docs/configuration.md and the README show it, and a test holds it against
// what read_config looks up.
#include "base/config.hpp"

namespace pgcourier {

const std::vector<Variable>& variables() {
    static const std::vector<Variable> table = {
        {"DATABASE_URL", "required",
         "`postgresql://user:password@host:5432/database`; Prisma's parameters are understood; may "
         "be a transaction pooler"},
        {"DATABASE_DIRECT_URL", "as DATABASE_URL",
         "past the pooler, for LISTEN and migrations; set it when DATABASE_URL is a pooler"},
        {"HOST", "0.0.0.0", "address to listen on; 127.0.0.1 behind a proxy on the same machine"},
        {"PORT", "8080", "port to listen on, 1 to 65535"},
        {"TLS_CERT_FILE", "none",
         "a PEM file with the certificate and those of the authorities between: the service then "
         "speaks HTTPS (TLS 1.2 or newer); read again on SIGHUP"},
        {"TLS_KEY_FILE", "none",
         "a PEM file with its private key, without a passphrase; both or neither"},
        {"WEBHOOK_PUBLIC_URL", "from the request",
         "scheme and host under which Twilio calls, as `https://shop.example.com`: what it signs"},
        {"TRUSTED_PROXIES", "none",
         "addresses or CIDR ranges whose X-Forwarded-* headers are believed, with commas between"},
        {"WEBHOOK_RATE_LIMIT_MAX", "120",
         "webhooks a client address may send in one window before it is logged and forgeries are "
         "cut off, 1 to 1000000"},
        {"WEBHOOK_RATE_LIMIT_WINDOW_MS", "60000", "length of that window, 100 to 3600000"},
        {"WEBHOOK_RATE_LIMIT_DROP_SIGNED", "false",
         "true: over the limit, signed webhooks are answered 200 and dropped, as the predecessor "
         "did"},
        {"WEBHOOK_DEADLINE_MS", "900",
         "how long a webhook waits for the database before it is answered 503, 50 to 10000"},
        {"TWILIO_ACCOUNT_SID", "required by sender", "the account, `AC` and 32 characters"},
        {"TWILIO_AUTH_TOKEN", "required by webhook",
         "checks the signatures of webhooks; authenticates the sender when there is no API key; 16 "
         "characters at least"},
        {"TWILIO_AUTH_TOKEN_SECONDARY", "none",
         "a second token that signatures may be made with, while tokens are rotated"},
        {"TWILIO_API_KEY_SID", "none", "`SK` and 32 characters: the sender then uses the API key"},
        {"TWILIO_API_KEY_SECRET", "none", "the API key's secret; both or neither"},
        {"TWILIO_WHATSAPP_NUMBER", "none",
         "sender for tenants without a number of their own: E.164, with or without `whatsapp:`"},
        {"TWILIO_API_BASE_URL", "https://api.twilio.com",
         "where the Messages API is; plain http only on loopback"},
        {"TWILIO_STATUS_CALLBACK", "on with WEBHOOK_PUBLIC_URL",
         "on or off: ask Twilio to report delivery to this service"},
        {"TWILIO_WEBHOOK_SECRET", "none",
         "a further signing key when it looks like an auth token (32 hex characters), else "
         "ignored: it had no effect in the predecessor"},
        {"OUTBOX_MAX_RETRIES", "5", "attempts in all before a message is a dead letter, 1 to 20"},
        {"OUTBOX_BACKOFF_MAX_MS", "30000", "longest wait between attempts, 100 to 86400000"},
        {"OUTBOX_POLL_INTERVAL_MS", "5000",
         "how often the outbox is looked at without a wake, 100 to 60000; more than 5000 counts as "
         "5000"},
        {"OUTBOX_BATCH_SIZE", "100", "messages claimed at once, 1 to 1000"},
        {"OUTBOX_CONCURRENCY", "64", "calls to Twilio at the same time, 1 to 1000"},
        {"OUTBOX_THREADS", "2",
         "threads that share these calls, each with a connection of its own, 1 to 16: all but the "
         "first wait for a backlog"},
        {"OUTBOX_RATE_PER_SENDER", "80",
         "calls started a second for one sending number, 0 to 10000; 0 is no limit"},
        {"OUTBOX_LEASE_MS", "30000",
         "how long a claimed message is ours without renewal, 15000 to 600000"},
        {"OUTBOX_UNKNOWN_POLICY", "reconcile",
         "when the outcome of an attempt is not known and no callback tells: `reconcile` asks "
         "Twilio's "
         "list, `hold` keeps the message for a person, `resend` sends it again without asking: "
         "some "
         "people then get it **twice**"},
        {"ROUTER_THREADS", "2", "routing threads, a database connection each, 1 to 16"},
        {"ROUTER_BATCH_SIZE", "500", "events routed in one transaction, 1 to 5000"},
        {"PGCOURIER_ROLES", "webhook,router,sender",
         "what this process does: one or more of these, with commas between"},
        {"PGCOURIER_CONFIG_FILE", "none",
         "a file with lines `NAME=value`, which win over the environment; read again on SIGHUP"},
        {"PGCOURIER_ENV", "production",
         "production or development: format of the log and Sentry's environment, nothing else"},
        {"NODE_ENV", "none", "read as PGCOURIER_ENV when that is not set; test is development"},
        {"RETENTION_DAYS", "30",
         "days that raw events, handled messages and finished ones are kept, 1 to 3650"},
        {"DEAD_LETTER_RETENTION_DAYS", "365, or RETENTION_DAYS",
         "days that dead letters are kept with their messages, RETENTION_DAYS to 3650"},
        {"EVENT_LOG_RETENTION_DAYS", "365, or RETENTION_DAYS",
         "days that event_log is kept, RETENTION_DAYS to 3650"},
        {"OPS_TOKEN", "none",
         "password of the operations console at `/ops`; without it there is none"},
        {"OPS_TOKEN_READONLY", "none",
         "a second password, with which one may look and not act; beside OPS_TOKEN only"},
        {"SENTRY_DSN", "none", "where critical errors are reported: `https://key@host/project`"},
        {"ALERT_WEBHOOK_URL", "none",
         "where alerts of `ops.health` are posted as `{\"text\": …}`, as Slack takes them"},
        {"LOG_LEVEL", "info", "debug, info, warn or error"},
        {"LOG_FORMAT", "json; text in development", "text or json"},
        {"REDIS_URL", "ignored", "of the predecessor; the queues are in PostgreSQL"},
        {"REDIS_TOKEN", "ignored", "of the predecessor"},
    };
    return table;
}

}  // namespace pgcourier
