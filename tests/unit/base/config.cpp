#include "base/config.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <set>

using namespace pgcourier;
using namespace std::chrono_literals;
namespace data = boost::unit_test::data;

namespace {

using Values = std::map<std::string, std::string>;

const std::string kDatabase = "postgresql://shop:pa55word@db.example.com:5432/shop";
const std::string kToken = "0123456789abcdef0123456789abcdef";
const std::string kSid = "AC00000000000000000000000000000001";
const std::string kKeySid = "SK00000000000000000000000000000001";

/// What `serve` needs at least.
Values complete() {
    return {
        {"DATABASE_URL", kDatabase}, {"TWILIO_ACCOUNT_SID", kSid}, {"TWILIO_AUTH_TOKEN", kToken}};
}

Environment environment_of(Values values) {
    return [values = std::move(values)](const char* name) -> std::optional<std::string> {
        const auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional{found->second};
    };
}

/// A complete configuration with some variables set, or set to something else.
Result<Config> read(const Values& changes, Needs needs = Needs::service) {
    Values values = complete();
    for (const auto& [name, value] : changes) values[name] = value;
    return read_config(environment_of(std::move(values)), needs);
}

Config good(const Values& changes) {
    Result<Config> config = read(changes);
    BOOST_REQUIRE_MESSAGE(config.has_value(), config.error().what);
    return *config;
}

std::string problem_of(const Values& changes, Needs needs = Needs::service) {
    const Result<Config> config = read(changes, needs);
    BOOST_REQUIRE(config.has_error());
    return config.error().what;
}

struct Refused {
    std::string name;
    std::string value;
};
std::ostream& operator<<(std::ostream& out, const Refused& r) {
    return out << r.name << "=" << r.value;
}

const std::vector<Refused> kRefused = {
    {"DATABASE_URL", "redis://default:pa55word@cache:6379"},
    {"DATABASE_URL", "mysql://shop:pa55word@db/shop"},
    {"DATABASE_URL", "prisma://accelerate.example.com/?api_key=pa55word"},
    {"DATABASE_URL", "file:./dev.db"},
    {"DATABASE_URL", "pa55word"},
    {"DATABASE_URL", "pa55word=="},
    {"DATABASE_DIRECT_URL", "rediss://default:pa55word@cache:6379"},
    {"HOST", "shop.example.com"},
    {"HOST", "0.0.0.0:8080"},
    {"PORT", "0"},
    {"PORT", "65536"},
    {"PORT", "http"},
    {"WEBHOOK_PUBLIC_URL", "shop.example.com"},
    {"WEBHOOK_PUBLIC_URL", "ftp://shop.example.com"},
    {"WEBHOOK_PUBLIC_URL", "https://"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com:"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com:99999"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com/webhooks/twilio"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com/api/webhooks/twilio/"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com/?token=pa55word"},
    {"WEBHOOK_PUBLIC_URL", "https://shop.example.com?token=pa55word"},
    {"WEBHOOK_PUBLIC_URL", "https://user:pa55word@shop.example.com"},
    {"TRUSTED_PROXIES", "10.0.0.0/33"},
    {"TRUSTED_PROXIES", "0.0.0.0/0"},
    {"TRUSTED_PROXIES", "::/0"},
    {"TRUSTED_PROXIES", "*"},
    {"TRUSTED_PROXIES", "10.0.0.1, proxy.example.com"},
    {"TRUSTED_PROXIES", "10.0.0.0/"},
    {"WEBHOOK_RATE_LIMIT_MAX", "0"},
    {"WEBHOOK_RATE_LIMIT_WINDOW_MS", "1m"},
    {"WEBHOOK_RATE_LIMIT_DROP_SIGNED", "maybe"},
    {"WEBHOOK_DEADLINE_MS", "20000"},
    {"TWILIO_ACCOUNT_SID", kToken},
    {"TWILIO_ACCOUNT_SID", kKeySid},
    {"TWILIO_ACCOUNT_SID", "AC123"},
    {"TWILIO_AUTH_TOKEN", "pa55word pa55word"},
    {"TWILIO_API_KEY_SID", kSid},
    {"TWILIO_API_KEY_SECRET", "pa55word"},
    {"TWILIO_WHATSAPP_NUMBER", "0612345678"},
    {"TWILIO_WHATSAPP_NUMBER", "sms:+33612345678"},
    {"TWILIO_API_BASE_URL", "http://api.twilio.com"},
    {"TWILIO_API_BASE_URL", "http://127.0.0.1.example.com"},
    {"TWILIO_API_BASE_URL", "http://localhost.example.com:8080"},
    {"TWILIO_API_BASE_URL", "http://10.0.0.1"},
    {"TWILIO_API_BASE_URL", "http://127.0.0.1@example.com"},
    {"TWILIO_API_BASE_URL", "http://[::1"},
    {"TWILIO_API_BASE_URL", "http://[::2]"},
    {"TWILIO_API_BASE_URL", "file:///etc/passwd"},
    {"TWILIO_STATUS_CALLBACK", "on"},
    {"OUTBOX_MAX_RETRIES", "0"},
    {"OUTBOX_MAX_RETRIES", "21"},
    {"OUTBOX_BACKOFF_MAX_MS", "30s"},
    {"OUTBOX_POLL_INTERVAL_MS", "0"},
    {"OUTBOX_BATCH_SIZE", "1001"},
    {"OUTBOX_CONCURRENCY", "0"},
    {"OUTBOX_RATE_PER_SENDER", "-1"},
    {"OUTBOX_LEASE_MS", "10000"},
    {"OUTBOX_UNKNOWN_POLICY", "ask"},
    {"ROUTER_THREADS", "0"},
    {"ROUTER_BATCH_SIZE", "1e3"},
    {"PGCOURIER_ROLES", "web"},
    {"PGCOURIER_ROLES", ","},
    {"PGCOURIER_ENV", "staging"},
    {"NODE_ENV", "staging"},
    {"RETENTION_DAYS", "forever"},
    {"DEAD_LETTER_RETENTION_DAYS", "29"},
    {"EVENT_LOG_RETENTION_DAYS", "29"},
    {"OPS_TOKEN", "pa55word\npa55word"},
    {"OPS_TOKEN_READONLY", "pa55word"},
    {"SENTRY_DSN", "pa55word"},
    {"SENTRY_DSN", "https://pa55word@sentry.example.com"},
    {"ALERT_WEBHOOK_URL", "pa55word"},
    {"ALERT_WEBHOOK_URL", "https:///pa55word"},
    {"ALERT_WEBHOOK_URL", "ftp://hooks.example.com/pa55word"},
    {"ALERT_WEBHOOK_URL", "http://hooks.example.com/pa55word"},
    {"SENTRY_DSN", "http://pa55word@sentry.example.com/1"},
    {"SENTRY_DSN", "http://pa55word@127.0.0.1.example.com/1"},
    {"LOG_LEVEL", "loud"},
    {"LOG_FORMAT", "xml"},
};

}  // namespace

BOOST_DATA_TEST_CASE(a_bad_value_is_one_line_that_names_the_variable_and_no_secret,
                     data::make(kRefused)) {
    const std::string problem = problem_of({{sample.name, sample.value}});

    // A key's secret without its SID: the missing one is named.
    const std::string name =
        sample.name == "TWILIO_API_KEY_SECRET" ? "TWILIO_API_KEY_SID" : sample.name;
    BOOST_TEST(problem.starts_with(name + ": found "), problem);
    BOOST_TEST(problem.find(", expected ") != std::string::npos, problem);
    BOOST_TEST(problem.find('\n') == std::string::npos, problem);
    BOOST_TEST(problem.find("pa55word") == std::string::npos, problem);
    BOOST_TEST(problem.find(kToken) == std::string::npos, problem);
}

BOOST_AUTO_TEST_CASE(a_problem_says_what_was_found_and_what_is_expected) {
    BOOST_TEST(problem_of({{"OUTBOX_MAX_RETRIES", "many"}}) ==
               "OUTBOX_MAX_RETRIES: found \"many\", expected a whole number from 1 to 20");
    BOOST_TEST(problem_of({{"DATABASE_URL", "redis://cache:6379"}}) ==
               "DATABASE_URL: found a redis:// address, expected "
               "postgresql://user:password@host:5432/database");
    BOOST_TEST(
        problem_of({{"DATABASE_URL", ""}}) ==
        "DATABASE_URL: found nothing, expected postgresql://user:password@host:5432/database");
    BOOST_TEST(problem_of({{"TWILIO_ACCOUNT_SID", kToken}}) ==
               "TWILIO_ACCOUNT_SID: found 32 characters that do not begin with AC, expected AC and "
               "32 letters or digits");
    BOOST_TEST(problem_of({{"TRUSTED_PROXIES", "10.0.0.1, ::1, all"}}) ==
               "TRUSTED_PROXIES: found \"all\", expected addresses or ranges, with commas between: "
               "10.0.0.0/8, ::1 (never a range of /0)");
}

BOOST_AUTO_TEST_CASE(the_defaults_are_those_of_the_contract) {
    const Config config = good({});

    BOOST_TEST(config.database_url.reveal() == kDatabase);
    BOOST_TEST(config.listen_url().reveal() == kDatabase);
    BOOST_TEST(!config.is_pooled());
    BOOST_TEST(config.host == "0.0.0.0");
    BOOST_TEST(config.port == 8080);
    BOOST_TEST(config.webhook_public_url == "");
    BOOST_TEST(config.trusted_proxies.empty());
    BOOST_TEST(config.webhook_rate_limit_max == 120);
    BOOST_TEST((config.webhook_rate_limit_window == 60s));
    BOOST_TEST(!config.webhook_rate_limit_drop_signed);
    BOOST_TEST((config.webhook_deadline == 900ms));
    BOOST_TEST(config.twilio_api_base_url == "https://api.twilio.com");
    BOOST_TEST(!config.twilio_status_callback);
    BOOST_TEST(config.outbox_max_retries == 5);
    BOOST_TEST((config.outbox_backoff_max == 30s));
    BOOST_TEST((config.outbox_poll_interval == 5s));
    BOOST_TEST(config.outbox_batch_size == 100);
    BOOST_TEST(config.outbox_concurrency == 64);
    BOOST_TEST(config.outbox_rate_per_sender == 80);
    BOOST_TEST((config.outbox_lease == 30s));
    BOOST_TEST((config.outbox_unknown_policy == UnknownPolicy::reconcile));
    BOOST_TEST(config.router_threads == 2);
    BOOST_TEST(config.router_batch_size == 500);
    BOOST_TEST(config.roles.text() == "webhook,router,sender");
    BOOST_TEST(config.is_production);
    BOOST_TEST(config.retention_days == 30);
    BOOST_TEST(config.dead_letter_retention_days == 365);
    BOOST_TEST(config.event_log_retention_days == 365);
    BOOST_TEST(config.config_file == "");
    BOOST_TEST(config.ops_token.empty());
    BOOST_TEST((config.log_level == LogLevel::info));
    BOOST_TEST((config.log_format == LogFormat::json));
    BOOST_TEST(config.notices.empty());
}

BOOST_AUTO_TEST_CASE(every_variable_is_read) {
    const Config config = good({
        {"DATABASE_URL", "host=/run/postgresql dbname=shop"},
        {"DATABASE_DIRECT_URL", "postgres://direct/shop"},
        {"HOST", "localhost"},
        {"PORT", "9000"},
        {"WEBHOOK_PUBLIC_URL", "https://Shop.example.com:8443/hooks/"},
        {"TRUSTED_PROXIES", "10.0.0.0/8, ::1,192.168.1.1"},
        {"WEBHOOK_RATE_LIMIT_MAX", "10"},
        {"WEBHOOK_RATE_LIMIT_WINDOW_MS", "1000"},
        {"WEBHOOK_RATE_LIMIT_DROP_SIGNED", "true"},
        {"WEBHOOK_DEADLINE_MS", "500"},
        {"TWILIO_AUTH_TOKEN_SECONDARY", "the-second-token"},
        {"TWILIO_API_KEY_SID", kKeySid},
        {"TWILIO_API_KEY_SECRET", "key-secret"},
        {"TWILIO_WHATSAPP_NUMBER", "whatsapp:+33700000001"},
        {"TWILIO_API_BASE_URL", "http://127.0.0.1:4010/"},
        {"TWILIO_STATUS_CALLBACK", "off"},
        {"OUTBOX_MAX_RETRIES", "3"},
        {"OUTBOX_BACKOFF_MAX_MS", "8000"},
        {"OUTBOX_POLL_INTERVAL_MS", "1000"},
        {"OUTBOX_BATCH_SIZE", "7"},
        {"OUTBOX_CONCURRENCY", "8"},
        {"OUTBOX_RATE_PER_SENDER", "0"},
        {"OUTBOX_LEASE_MS", "20000"},
        {"OUTBOX_UNKNOWN_POLICY", "hold"},
        {"ROUTER_THREADS", "1"},
        {"ROUTER_BATCH_SIZE", "50"},
        {"PGCOURIER_ROLES", "sender, webhook"},
        {"PGCOURIER_ENV", "development"},
        {"PGCOURIER_CONFIG_FILE", "/etc/pgcourier.env"},
        {"RETENTION_DAYS", "7"},
        {"DEAD_LETTER_RETENTION_DAYS", "8"},
        {"EVENT_LOG_RETENTION_DAYS", "9"},
        {"OPS_TOKEN", "ops-token"},
        {"OPS_TOKEN_READONLY", "look-token"},
        {"SENTRY_DSN", "https://key@sentry.example.com/1"},
        {"ALERT_WEBHOOK_URL", "https://chat.example.com:8443/v1/hooks?key=a&token=b%3D"},
        {"LOG_LEVEL", "DEBUG"},
        {"LOG_FORMAT", "json"},
    });

    BOOST_TEST(config.database_url.reveal() == "host=/run/postgresql dbname=shop");
    BOOST_TEST(config.listen_url().reveal() == "postgres://direct/shop");
    BOOST_TEST(config.is_pooled());
    BOOST_TEST(config.host == "127.0.0.1");
    BOOST_TEST(config.port == 9000);
    BOOST_TEST(config.webhook_public_url == "https://Shop.example.com:8443/hooks");
    BOOST_TEST(
        config.trusted_proxies == (std::vector<std::string>{"10.0.0.0/8", "::1", "192.168.1.1"}),
        boost::test_tools::per_element());
    BOOST_TEST(config.webhook_rate_limit_max == 10);
    BOOST_TEST((config.webhook_rate_limit_window == 1s));
    BOOST_TEST(config.webhook_rate_limit_drop_signed);
    BOOST_TEST((config.webhook_deadline == 500ms));
    BOOST_TEST(config.twilio_account_sid == kSid);
    BOOST_TEST(config.twilio_auth_token.reveal() == kToken);
    BOOST_TEST(config.twilio_auth_token_secondary.reveal() == "the-second-token");
    BOOST_TEST(config.twilio_api_key_sid == kKeySid);
    BOOST_TEST(config.twilio_api_key_secret.reveal() == "key-secret");
    BOOST_TEST(config.twilio_whatsapp_number == "+33700000001");
    BOOST_TEST(config.twilio_api_base_url == "http://127.0.0.1:4010");
    BOOST_TEST(!config.twilio_status_callback);
    BOOST_TEST(config.outbox_max_retries == 3);
    BOOST_TEST((config.outbox_backoff_max == 8s));
    BOOST_TEST((config.outbox_poll_interval == 1s));
    BOOST_TEST(config.outbox_batch_size == 7);
    BOOST_TEST(config.outbox_concurrency == 8);
    BOOST_TEST(config.outbox_rate_per_sender == 0);
    BOOST_TEST((config.outbox_lease == 20s));
    BOOST_TEST((config.outbox_unknown_policy == UnknownPolicy::hold));
    BOOST_TEST(config.router_threads == 1);
    BOOST_TEST(config.router_batch_size == 50);
    BOOST_TEST(config.roles.text() == "webhook,sender");
    BOOST_TEST(!config.is_production);
    BOOST_TEST(config.config_file == "/etc/pgcourier.env");
    BOOST_TEST(config.retention_days == 7);
    BOOST_TEST(config.dead_letter_retention_days == 8);
    BOOST_TEST(config.event_log_retention_days == 9);
    BOOST_TEST(config.ops_token.reveal() == "ops-token");
    BOOST_TEST(config.ops_token_readonly.reveal() == "look-token");
    BOOST_TEST(config.sentry_dsn.reveal() == "https://key@sentry.example.com/1");
    BOOST_TEST(config.alert_webhook_url.reveal() ==
               "https://chat.example.com:8443/v1/hooks?key=a&token=b%3D");
    BOOST_TEST((config.log_level == LogLevel::debug));
    BOOST_TEST((config.log_format == LogFormat::json));
}

BOOST_AUTO_TEST_CASE(the_table_lists_exactly_the_variables_that_are_read) {
    std::set<std::string> looked_up;
    const auto result = read_config(
        [&looked_up](const char* name) -> std::optional<std::string> {
            looked_up.insert(name);
            return std::nullopt;
        },
        Needs::service);
    std::set<std::string> listed;
    for (const Variable& variable : variables()) {
        BOOST_TEST(listed.emplace(variable.name).second, variable.name);
        BOOST_TEST(!variable.fallback.empty(), variable.name);
        BOOST_TEST(!variable.meaning.empty(), variable.name);
    }

    BOOST_TEST(result.has_error());
    BOOST_TEST(looked_up == listed, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_empty_variable_is_as_one_that_is_not_set) {
    Values empty;
    for (const Variable& variable : variables()) empty[std::string{variable.name}] = "";
    for (const auto& [name, value] : complete()) empty.erase(name);

    const Config config = good(empty);
    BOOST_TEST(config.port == 8080);
    BOOST_TEST(config.roles.text() == "webhook,router,sender");
    BOOST_TEST(config.notices.empty());
}

BOOST_AUTO_TEST_CASE(each_role_requires_its_own_variables) {
    const Values bare = {{"TWILIO_ACCOUNT_SID", ""}, {"TWILIO_AUTH_TOKEN", ""}};
    const auto with = [&bare](Values more) {
        more.insert(bare.begin(), bare.end());
        return more;
    };

    BOOST_TEST(read(with({{"PGCOURIER_ROLES", "router"}})).has_value());
    BOOST_TEST(problem_of(with({{"PGCOURIER_ROLES", "webhook"}}))
                   .starts_with("TWILIO_AUTH_TOKEN: found nothing"));
    BOOST_TEST(problem_of(with({{"PGCOURIER_ROLES", "sender"}}))
                   .starts_with("TWILIO_ACCOUNT_SID: found nothing"));
    BOOST_TEST(problem_of({{"PGCOURIER_ROLES", "sender"}, {"TWILIO_AUTH_TOKEN", ""}})
                   .starts_with("TWILIO_AUTH_TOKEN: found nothing"));
    BOOST_TEST(read({{"PGCOURIER_ROLES", "sender"},
                     {"TWILIO_AUTH_TOKEN", ""},
                     {"TWILIO_API_KEY_SID", kKeySid},
                     {"TWILIO_API_KEY_SECRET", "key-secret"}})
                   .has_value());
    // An API key signs no webhook.
    BOOST_TEST(problem_of({{"TWILIO_AUTH_TOKEN", ""},
                           {"TWILIO_API_KEY_SID", kKeySid},
                           {"TWILIO_API_KEY_SECRET", "key-secret"}})
                   .starts_with("TWILIO_AUTH_TOKEN: found nothing"));
}

BOOST_AUTO_TEST_CASE(a_command_on_the_database_needs_the_database_alone_but_checks_all_forms) {
    const Values bare = {{"TWILIO_ACCOUNT_SID", ""}, {"TWILIO_AUTH_TOKEN", ""}};

    BOOST_TEST(read(bare, Needs::database).has_value());
    BOOST_TEST(problem_of({{"DATABASE_URL", ""}}, Needs::database)
                   .starts_with("DATABASE_URL: found nothing"));
    BOOST_TEST(problem_of({{"PORT", "x"}}, Needs::database).starts_with("PORT: "));
}

BOOST_AUTO_TEST_CASE(status_callbacks_are_on_where_twilio_can_reach_us) {
    BOOST_TEST(good({{"WEBHOOK_PUBLIC_URL", "https://shop.example.com"}}).twilio_status_callback);
    BOOST_TEST(!good({{"WEBHOOK_PUBLIC_URL", "https://shop.example.com"},
                      {"TWILIO_STATUS_CALLBACK", "off"}})
                    .twilio_status_callback);
    BOOST_TEST(!good({}).twilio_status_callback);
}

BOOST_AUTO_TEST_CASE(the_log_is_text_in_development_and_json_in_production) {
    BOOST_TEST((good({{"PGCOURIER_ENV", "development"}}).log_format == LogFormat::text));
    BOOST_TEST((good({{"PGCOURIER_ENV", "production"}}).log_format == LogFormat::json));
    BOOST_TEST((good({{"PGCOURIER_ENV", "production"}, {"LOG_FORMAT", "text"}}).log_format ==
                LogFormat::text));
}

BOOST_AUTO_TEST_CASE(node_env_counts_where_pgcourier_env_is_not_set) {
    BOOST_TEST(!good({{"NODE_ENV", "development"}}).is_production);
    BOOST_TEST(!good({{"NODE_ENV", "test"}}).is_production);
    BOOST_TEST(good({{"NODE_ENV", "production"}}).is_production);
    BOOST_TEST(good({{"NODE_ENV", "development"}, {"PGCOURIER_ENV", "production"}}).is_production);
}

BOOST_AUTO_TEST_CASE(letters_and_the_log_are_kept_at_least_as_long_as_messages) {
    const Config config = good({{"RETENTION_DAYS", "400"}});
    BOOST_TEST(config.dead_letter_retention_days == 400);
    BOOST_TEST(config.event_log_retention_days == 400);
    BOOST_TEST(problem_of({{"RETENTION_DAYS", "90"}, {"EVENT_LOG_RETENTION_DAYS", "60"}}) ==
               "EVENT_LOG_RETENTION_DAYS: found \"60\", expected a whole number from 90 to 3650");
}

BOOST_AUTO_TEST_CASE(the_poll_is_the_heartbeat_and_so_never_rarer_than_by_default) {
    BOOST_TEST(good({{"OUTBOX_POLL_INTERVAL_MS", "60000"}}).outbox_poll_interval.count() == 5000);
    BOOST_TEST(good({{"OUTBOX_POLL_INTERVAL_MS", "4999"}}).outbox_poll_interval.count() == 4999);
}

BOOST_AUTO_TEST_CASE(a_token_that_is_too_short_to_be_one_is_refused_by_its_length) {
    BOOST_TEST(problem_of({{"TWILIO_AUTH_TOKEN", "pa55word"}}) ==
               "TWILIO_AUTH_TOKEN: found 8 characters, expected an auth token as Twilio's console "
               "shows it: 32 hex characters");
    BOOST_TEST(problem_of({{"TWILIO_AUTH_TOKEN", std::string(15, 'x')}}, Needs::database)
                   .starts_with("TWILIO_AUTH_TOKEN: found 15 characters"));
    BOOST_TEST(read({{"TWILIO_AUTH_TOKEN", std::string(16, 'x')}}).has_value());
}

BOOST_AUTO_TEST_CASE(it_is_known_whether_the_api_is_twilios_own) {
    for (const char* url : {"https://api.twilio.com", "HTTPS://API.twilio.com/",
                            "https://api.dublin.ie1.twilio.com", "https://api.twilio.com:443"}) {
        BOOST_TEST(good({{"TWILIO_API_BASE_URL", url}}).calls_twilio(), url);
    }
    for (const char* url :
         {"http://127.0.0.1:4010", "https://twilio.example.com/proxy", "https://www.twilio.com",
          "https://api.twilio.com.example.com", "https://api.evil-twilio.com",
          "https://apitwilio.com", "http://localhost:4010/api.twilio.com"}) {
        BOOST_TEST(!good({{"TWILIO_API_BASE_URL", url}}).calls_twilio(), url);
    }
    BOOST_TEST(good({}).calls_twilio());
}

BOOST_AUTO_TEST_CASE(what_the_predecessor_s_file_has_for_redis_is_one_notice_without_its_values) {
    const Config config =
        good({{"REDIS_URL", "redis://:pa55word@cache:6379"}, {"REDIS_TOKEN", "pa55word"}});

    BOOST_REQUIRE_EQUAL(config.notices.size(), 1U);
    BOOST_TEST(config.notices[0] ==
               "Ignored: REDIS_URL, REDIS_TOKEN (the queues are in PostgreSQL, there is no Redis)");
}

BOOST_AUTO_TEST_CASE(the_webhook_secret_signs_only_when_it_looks_like_a_token) {
    const std::string secret = "ABCDEF0123456789abcdef0123456789";
    const Config signing = good(
        {{"TWILIO_WEBHOOK_SECRET", secret}, {"TWILIO_AUTH_TOKEN_SECONDARY", "the-second-token"}});
    const Config ignoring = good({{"TWILIO_WEBHOOK_SECRET", "pa55word"}});

    BOOST_REQUIRE_EQUAL(signing.signing_keys().size(), 3U);
    BOOST_TEST(signing.signing_keys()[0].reveal() == kToken);
    BOOST_TEST(signing.signing_keys()[1].reveal() == "the-second-token");
    BOOST_TEST(signing.signing_keys()[2].reveal() == secret);
    BOOST_TEST(signing.notices.empty());
    BOOST_REQUIRE_EQUAL(ignoring.signing_keys().size(), 1U);
    BOOST_REQUIRE_EQUAL(ignoring.notices.size(), 1U);
    BOOST_TEST(ignoring.notices[0].starts_with("TWILIO_WEBHOOK_SECRET is ignored"));
    BOOST_TEST(ignoring.notices[0].find("pa55word") == std::string::npos);
}

BOOST_DATA_TEST_CASE(plain_http_to_the_provider_stays_on_this_machine,
                     data::make(std::vector<std::string>{
                         "http://localhost:4010", "http://127.0.0.1", "http://127.1.2.3:80",
                         "http://[::1]:4010", "https://twilio.example.com/proxy",
                         "HTTPS://api.twilio.com"})) {
    BOOST_TEST(read({{"TWILIO_API_BASE_URL", sample}}).has_value());
}

BOOST_DATA_TEST_CASE(postgresql_s_addresses_are_taken_as_given,
                     data::make(std::vector<std::string>{"postgres://h/d", "POSTGRESQL://h/d",
                                                         "postgresql:///d?host=/run", "dbname=shop",
                                                         "host = h dbname = d"})) {
    BOOST_TEST(good({{"DATABASE_URL", sample}}).database_url.reveal() == sample);
}

BOOST_AUTO_TEST_CASE(a_file_as_docker_and_windows_leave_it_is_understood) {
    BOOST_TEST(good({{"DATABASE_URL", "\"" + kDatabase + "\""}}).database_url.reveal() ==
               kDatabase);
    BOOST_TEST(good({{"TWILIO_AUTH_TOKEN", kToken + "\r"}}).twilio_auth_token.reveal() == kToken);
}

BOOST_AUTO_TEST_CASE(all_that_is_wrong_is_told_at_once_and_nothing_twice) {
    Values values = complete();
    values["PORT"] = "99999";
    values["TWILIO_ACCOUNT_SID"] = kToken;
    values["WEBHOOK_PUBLIC_URL"] = "shop";
    values["TWILIO_STATUS_CALLBACK"] = "on";
    values.erase("TWILIO_AUTH_TOKEN");
    const ReadConfig read = read_whole_config(environment_of(values), Needs::service);
    std::vector<std::string> names;
    for (const WrongValue& one : read.wrong) names.push_back(one.variable);
    // The SID, which is missing now, and the callback, which needs the URL, follow from others.
    const std::vector<std::string> expected{"PORT", "WEBHOOK_PUBLIC_URL", "TWILIO_ACCOUNT_SID",
                                            "TWILIO_AUTH_TOKEN"};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
    BOOST_TEST(read.wrong[0].text() ==
               "PORT: found \"99999\", expected a whole number from 1 to 65535");
    BOOST_TEST(read.wrong[2].text().find(kToken) == std::string::npos);
    BOOST_TEST(read.config.port == 8080);
    BOOST_TEST(read_whole_config(environment_of(complete()), Needs::service).wrong.empty());
}
