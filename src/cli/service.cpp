#include "cli/service.hpp"

#include "backfill/refusals.hpp"
#include "backfill/worker.hpp"
#include "base/ids.hpp"
#include "base/incident.hpp"
#include "base/metrics.hpp"
#include "base/wake.hpp"
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/descriptors.hpp"
#include "cli/failed_start.hpp"
#include "cli/live_samples.hpp"
#include "cli/signals.hpp"
#include "console/acknowledged.hpp"
#include "console/console.hpp"
#include "http/server.hpp"
#include "inbox/writer.hpp"
#include "maintenance/erasure.hpp"
#include "maintenance/instance.hpp"
#include "maintenance/retention.hpp"
#include "maintenance/tick.hpp"
#include "ops/probes.hpp"
#include "ops/telemetry.hpp"
#include "outbox/delivery.hpp"
#include "outbox/expiry.hpp"
#include "outbox/reconcile.hpp"
#include "outbox/sender.hpp"
#include "pg/listener.hpp"
#include "pg/migrate.hpp"
#include "pg/reconnects.hpp"
#include "router/worker.hpp"
#include "webhook/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

namespace pgcourier::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kDatabaseWait{30};
constexpr milliseconds kHttpDrain{5000};
// A stop must be over within 30 s. All loops end beside each other, and where the database hangs
// each of them may wait for one answer more: the longest is the sender, with one before its drain
// and one after it. Its calls take 10 s at most.
constexpr milliseconds kSenderDrain{12000};
constexpr milliseconds kListenerAnswer{10000};
// So many polls are between two looks at ops.health.
constexpr int kPollsPerLook = 3;
constexpr seconds kGoodbyeUntil{25};
constexpr seconds kGoodbyeAnswer{2};
// Longer than this without a process that receives webhooks is a gap, after the database did not
// answer. While we were there all the time, the pulse may only have been slow.
constexpr milliseconds kOutage{10'000};
constexpr milliseconds kSlowPulse{15'000};
// Files beside the server's connections: the database's, logs, libraries; and for each call to
// Twilio its connection, twice since the simulator of `dev` holds the other end.
constexpr std::size_t kOtherFiles = 128;
constexpr std::size_t kFilesPerCall = 2;

const Log kLog{"Service"};
const Log kWorkerLog{"Worker"};

/// A thread for one loop. What a loop lets escape is our own bug: the process ends, which is always
/// safe.
std::jthread start_thread(const char* name, std::function<void(std::stop_token)> loop) {
    return std::jthread{[name, loop = std::move(loop)](std::stop_token stop) {
        try {
            loop(std::move(stop));
        } catch (const std::exception& e) {
            kLog.error("A thread ended: so does the process",
                       {{"thread", name}, {"error", e.what()}});
            std::abort();
        }
    }};
}

/// Connects, waiting for a database that is not there yet: services often start before it.
/// returns  nothing when the process is to end before that. throws DatabaseAway
std::optional<pg::Connection> connect_patiently(const pg::ConnectOptions& options,
                                                ops::Telemetry& telemetry) {
    const SteadyTime deadline = system_clock().steady_now() + kDatabaseWait;
    while (true) {
        try {
            return std::optional<pg::Connection>{options};
        } catch (const pg::Error& e) {
            telemetry.database_answered(false);
            if (system_clock().steady_now() > deadline) {
                throw DatabaseAway{
                    kFailed, fmt::format("{} (tried for {} s)", e.what(), kDatabaseWait.count())};
            }
            kLog.warn("Waiting for the database", {{"error", e.what()}});
        }
        if (wait_for_end(seconds{1})) return std::nullopt;
    }
}

ops::TelemetryOptions telemetry_options(const Config& config, const maintenance::Instance& self) {
    return {.version = self.version,
            .roles = self.roles,
            .host = self.host,
            .environment = config.is_production ? "production" : "development",
            .sentry_dsn = config.sentry_dsn,
            .alert_webhook_url = config.alert_webhook_url,
            .alert_interval = kPollsPerLook * config.outbox_poll_interval};
}

/// What processes that are gone may have missed is a gap.
void write_down_missed(pg::Connection& db, const maintenance::Crashed& gone,
                       std::chrono::days retention) {
    if (gone.missing_for)
        backfill::say_missed(db, *gone.missing_for + backfill::Refusals::kToldLate, retention);
}

/// How many connections the server may hold, so that enough files are left for the rest.
std::size_t connections_for(const Config& config) {
    const std::size_t wanted = http::Limits{}.connections;
    const std::size_t reserved =
        kOtherFiles + kFilesPerCall * static_cast<std::size_t>(config.outbox_concurrency);
    const std::size_t limit = raise_descriptor_limit(wanted + reserved);
    const std::size_t connections = connections_within(limit, wanted, reserved);
    if (connections < wanted) {
        kLog.warn("The limit of open files is low: the server takes fewer connections",
                  {{"files", limit}, {"connections", connections}});
    }
    return connections;
}

}  // namespace

// In the order of their start; destruction in reverse is the shutdown.
struct Service::Parts {
    pg::ConnectOptions connecting(const Config& config, const char* role) const {
        pg::ConnectOptions options = connect_options(config, role);
        options.reconnects = reconnects;
        return options;
    }

    const std::shared_ptr<pg::Reconnects> reconnects =
        std::make_shared<pg::Reconnects>(Rng{random_seed()});
    maintenance::Instance self;
    ops::Readiness readiness;
    std::unique_ptr<ops::Telemetry> telemetry;
    SteadyTime stopped_at{};
    Wake router_wake;
    std::deque<Wake> sender_wakes;  // one for each sender
    Wake delivery_wake;
    Wake reconciler_wake;
    Wake backfill_wake;
    std::atomic<bool> was_away{false};  // the database, since receiving was last said
    backfill::Refusals refusals;        // while the inbox took none
    backfill::Refusals turned_away;     // of some, while others were taken: sending does not wait
    std::unique_ptr<inbox::Writer> inbox;
    std::shared_ptr<webhook::SigningKeys> signing_keys;
    std::shared_ptr<http::ServerCertificate> certificate;  // null: plain HTTP
    std::unique_ptr<console::Console> console;             // null without OPS_TOKEN
    std::unique_ptr<http::Server> server;
    std::vector<std::unique_ptr<router::Worker>> routers;
    std::vector<std::unique_ptr<outbox::Sender>> senders;
    std::unique_ptr<outbox::Delivery> delivery;
    std::unique_ptr<outbox::Reconciler> reconciler;
    std::unique_ptr<backfill::Worker> backfill;
    std::unique_ptr<pg::Listener> listener;
    std::unique_ptr<maintenance::Tick> tick;
    std::atomic<maintenance::Tick*> ready_tick{
        nullptr};  // for the server, which is there before it

    std::jthread console_thread;
    std::jthread tick_thread;
    std::jthread listener_thread;
    std::jthread inbox_thread;
    std::vector<std::jthread> router_threads;
    std::vector<std::jthread> sender_threads;
    std::jthread delivery_thread;
    std::jthread reconciler_thread;
    std::jthread backfill_thread;

    // The inbox is not among them: it commits what the server still accepts.
    void request_stop() {
        for (std::jthread* thread : {&delivery_thread, &reconciler_thread, &backfill_thread,
                                     &listener_thread, &tick_thread, &console_thread})
            thread->request_stop();
        for (std::jthread& thread : sender_threads) thread.request_stop();
        for (std::jthread& thread : router_threads) thread.request_stop();
    }
};

Service::Service(Config config, Secret console_link)
    : config_{std::move(config)}, console_link_{std::move(console_link)} {}

Service::~Service() {
    stop();
}

Result<bool> Service::start() {
    for (const std::string& notice : config_.notices) kLog.warn(notice);
    if (config_.is_production && !config_.calls_twilio())
        kLog.warn("TWILIO_API_BASE_URL is not Twilio's: credentials and messages go there",
                  {{"url", config_.twilio_api_base_url}});
    auto parts = std::make_unique<Parts>();
    if (!config_.tls_cert_file.empty()) {
        parts->certificate =
            std::make_shared<http::ServerCertificate>(config_.tls_cert_file, config_.tls_key_file);
        if (const Result<void> read = parts->certificate->read(); !read)
            throw Failure{kUsage, read.error().what};
    }
    parts->self = maintenance::this_instance(
        kVersion, config_.roles.text(),
        config_.roles.sender ? config_.twilio_whatsapp_number : std::string{});

    parts->telemetry = std::make_unique<ops::Telemetry>(
        telemetry_options(config_, parts->self),
        [p = parts.get()](Samples& samples) {
            add_live_samples(samples, *p->server, p->inbox.get());
        },
        [p = parts.get()] {
            if (maintenance::Tick* tick = p->ready_tick) tick->ask();
        },
        system_clock());

    std::optional<pg::Connection> db =
        connect_patiently(connect_options(config_, "start"), *parts->telemetry);
    if (!db) return false;
    if (const Result<void> schema = pg::check_schema(*db); !schema) return schema.error();
    if (pg::migration_status(*db).back().state == "outdated")
        kLog.warn("The schema ops is of an older version: run: pgcourier migrate up");
    const maintenance::Crashed crashed = maintenance::register_instance(*db, parts->self);
    if (!crashed.ids.empty()) {
        constexpr const char* kKilled =
            "An earlier process was killed: the first events are routed one at a time";
        kLog.warn(kKilled);
        report_incident({.kind = Incident::Kind::crashed, .component = "Service", .what = kKilled});
        // Whatever our roles are: once its row is gone, nobody else will know.
        write_down_missed(*db, crashed, std::chrono::days{config_.retention_days});
        maintenance::remove_instances(*db, crashed.ids);
    }
    parts->readiness.database_answers = true;

    const auto wake_routers = [p = parts.get(), threads = config_.router_threads] {
        for (int i = 0; i < threads; ++i) p->router_wake.notify();
    };
    parts->sender_wakes.resize(static_cast<std::size_t>(config_.outbox_threads));
    std::vector<pg::Subscription> subscriptions;
    if (config_.roles.router) subscriptions.push_back({"pgcourier_events", wake_routers});
    if (config_.roles.sender)
        subscriptions.push_back(
            {"messages_out", [p = parts.get()] { p->sender_wakes.front().notify(); }});
    if (config_.roles.sender)
        subscriptions.push_back(
            {"delivery_events", [p = parts.get()] { p->delivery_wake.notify(); }});

    http::Routes routes;
    ops::add_probe_routes(routes, parts->readiness);
    parts->telemetry->add_routes(routes);
    if (config_.roles.webhook) {
        inbox::WriterOptions writing;
        if (config_.roles.router) {
            // Behind a pooler no notification tells this process's routers what it has just stored.
            writing.on_written = [p = parts.get(), wake_routers] {
                if (p->readiness.polls) wake_routers();
            };
        }
        parts->inbox = std::make_unique<inbox::Writer>(parts->connecting(config_, "inbox"),
                                                       system_clock(), std::move(writing));
        auto options = webhook::options_from(config_);
        if (!options) return options.error();
        parts->signing_keys = options->signing_keys;
        options->on_unavailable = [p = parts.get()] {
            p->refusals.note(system_clock().steady_now());
        };
        options->on_refused = [p = parts.get()] {
            p->turned_away.note(system_clock().steady_now());
        };
        webhook::add_routes(routes, std::move(*options), *parts->inbox, system_clock());
    }
    if (!config_.ops_token.empty()) {
        auto gate = console::gate_options(config_, kVersion);
        if (!gate) return gate.error();
        gate->link_code = console_link_;
        console::ConsoleOptions options{.gate = std::move(*gate),
                                        .connect = parts->connecting(config_, "console")};
        if (config_.roles.webhook) {
            options.acknowledged_in = [times = std::make_shared<console::Acknowledged>()] {
                return times->p99(system_clock().steady_now());
            };
        }
        parts->console = std::make_unique<console::Console>(std::move(options), system_clock());
        parts->console->add_routes(routes);
        for (const char* channel :
             {"ops_alert", "pgcourier_events", "messages_out", "delivery_events"})
            subscriptions.push_back({channel, [p = parts.get()] { p->console->news(); }});
    }
    http::ServerOptions server_options{
        .host = config_.host, .port = config_.port, .certificate = parts->certificate};
    server_options.limits.connections = connections_for(config_);
    if (config_.roles.webhook) {
        // Who found no place may have been Twilio.
        server_options.on_refused = [p = parts.get()] {
            p->turned_away.note(system_clock().steady_now());
        };
    }
    parts->server = std::make_unique<http::Server>(std::move(server_options), std::move(routes));
    // Before any thread of ours: a port that is taken must not leave a half-started service behind.
    if (const Result<void> listening = parts->server->start(); !listening) {
        maintenance::remove_instances(*db, {parts->self.id});
        return listening.error();
    }

    if (parts->console) {
        parts->console_thread = start_thread(
            "console", [p = parts.get()](std::stop_token stop) { p->console->run(stop); });
    }

    // Before anything is sent: whoever wrote STOP while nobody received must be heard first.
    const auto say_receiving = [p = parts.get(),
                                retention = std::chrono::days{config_.retention_days}](
                                   pg::Connection& receiving_db, backfill::Receiving how) {
        how.retention = retention;
        const auto gap = backfill::say_receiving(receiving_db, how);
        p->was_away = false;
        if (!gap) return;
        const auto tell = *gap > kOutage ? &Log::warn : &Log::info;  // a restart is no trouble
        (kLog.*tell)(
            "Nobody received webhooks for a while: Twilio's list is read for what was missed",
            {{"seconds", gap->count()}});
        p->backfill_wake.notify();
    };
    if (config_.roles.webhook)
        say_receiving(*db, {.silence = kOutage, .retention = {}, .started_id = parts->self.id});
    if (crashed.missing_for) parts->backfill_wake.notify();

    pg::ConnectOptions listening = direct_options(config_, "listener");
    // One that stands elsewhere and is away takes none of the others' attempts; it makes one a
    // second.
    if (config_.database_direct_url.empty()) listening.reconnects = parts->reconnects;
    listening.answer_timeout = kListenerAnswer;
    parts->listener = std::make_unique<pg::Listener>(
        std::move(listening), std::move(subscriptions),
        [p = parts.get()](bool works) { p->readiness.polls = !works; });
    parts->listener_thread = start_thread(
        "listener", [p = parts.get()](std::stop_token stop) { p->listener->run(stop); });

    if (config_.roles.webhook || config_.roles.router)
        kWorkerLog.info("Starting webhook processor worker...");
    if (parts->inbox) {
        parts->inbox_thread =
            start_thread("inbox", [p = parts.get()](std::stop_token stop) { p->inbox->run(stop); });
    }
    if (config_.roles.router) {
        const router::Settings settings{
            .batch_size = static_cast<std::size_t>(config_.router_batch_size),
            .threads = static_cast<std::size_t>(config_.router_threads),
            .is_after_unclean_end = !crashed.ids.empty()};
        for (int i = 0; i < config_.router_threads; ++i) {
            parts->routers.push_back(std::make_unique<router::Worker>(
                parts->connecting(config_, "router"), parts->router_wake, settings, system_clock(),
                random_seed()));
            parts->router_threads.push_back(start_thread(
                "router", [worker = parts->routers.back().get()](std::stop_token stop) {
                    worker->run(stop);
                }));
        }
    }
    if (config_.roles.webhook || config_.roles.router) {
        kWorkerLog.info("Webhook processor worker started successfully with metrics monitoring");
    }
    if (config_.roles.sender) {
        kWorkerLog.info("Starting outbox sender worker...");
        outbox::SenderSettings settings = outbox::sender_settings(config_, parts->self.id);
        settings.drain = kSenderDrain;
        settings.on_connect = [say_receiving, p = parts.get(), receives = config_.roles.webhook,
                               retention = std::chrono::days{config_.retention_days}](
                                  pg::Connection& sender_db, bool is_after_loss) {
            // The pulse of one that was there all the time may only have been slow.
            const milliseconds silence = is_after_loss ? kOutage : kSlowPulse;
            if (receives) {
                say_receiving(sender_db, {.silence = silence, .retention = {}});
            } else if (const auto gap = backfill::find_silence(sender_db, silence, retention)) {
                kLog.warn("Nobody receives webhooks: Twilio's list is read before anything is sent",
                          {{"seconds", gap->count()}});
                p->backfill_wake.notify();
            }
        };
        std::vector<outbox::SenderSettings> shares =
            outbox::shared_out(settings, static_cast<std::size_t>(config_.outbox_threads));
        for (std::size_t i = 0; i < shares.size(); ++i) {
            // Who has more than it can take at once wakes the next one.
            if (i + 1 < shares.size())
                shares[i].on_backlog = [&next = parts->sender_wakes[i + 1]] { next.notify(); };
            parts->senders.push_back(std::make_unique<outbox::Sender>(
                parts->connecting(config_, "sender"), std::move(shares[i]), parts->sender_wakes[i],
                system_clock(), random_seed()));
        }
        for (const auto& sender : parts->senders) {
            parts->sender_threads.push_back(
                start_thread("sender", [s = sender.get()](std::stop_token stop) { s->run(stop); }));
        }
        parts->delivery = std::make_unique<outbox::Delivery>(parts->connecting(config_, "delivery"),
                                                             parts->delivery_wake, random_seed());
        parts->delivery_thread = start_thread(
            "delivery", [p = parts.get()](std::stop_token stop) { p->delivery->run(stop); });
        parts->reconciler = std::make_unique<outbox::Reconciler>(
            parts->connecting(config_, "reconciler"), outbox::reconcile_settings(config_),
            parts->reconciler_wake, system_clock(), random_seed());
        parts->reconciler_thread = start_thread(
            "reconciler", [p = parts.get()](std::stop_token stop) { p->reconciler->run(stop); });
        parts->backfill = std::make_unique<backfill::Worker>(
            parts->connecting(config_, "backfill"), backfill::settings_of(config_, parts->self.id),
            parts->backfill_wake, system_clock(), random_seed());
        parts->backfill_thread = start_thread(
            "backfill", [p = parts.get()](std::stop_token stop) { p->backfill->run(stop); });
        kWorkerLog.info("Outbox sender worker started successfully");
    }

    maintenance::TickActions actions;
    if (config_.roles.router) actions.events_due = wake_routers;
    if (config_.roles.sender) {
        actions.messages_due = [p = parts.get()] { p->sender_wakes.front().notify(); };
        actions.deliveries_due = [p = parts.get()] { p->delivery_wake.notify(); };
        actions.looks_due = [p = parts.get()] { p->reconciler_wake.notify(); };
        actions.backfills_due = [p = parts.get()] { p->backfill_wake.notify(); };
        actions.leases_expired = [](pg::Connection& tick_db) {
            const std::size_t count = outbox::sweep(tick_db);
            if (count > 0)
                kWorkerLog.warn("Leases ended without an outcome", {{"messages", count}});
        };
        actions.messages_expired = [](pg::Connection& tick_db) {
            const std::size_t count = outbox::expire(tick_db);
            if (count > 0)
                kWorkerLog.warn("Messages expired before they were sent", {{"messages", count}});
        };
        actions.dedupe_keys_old = [](pg::Connection& tick_db) {
            outbox::forget_dedupe_keys(tick_db);
        };
    }
    actions.retention_due = [days = maintenance::retention_days(config_)](pg::Connection& tick_db) {
        for (const maintenance::Pruned& pruned :
             maintenance::prune_a_while(tick_db, days, system_clock())) {
            kWorkerLog.info("Old rows were deleted", {{"table", pruned.table},
                                                      {"olderThanDays", pruned.days},
                                                      {"deleted", pruned.deleted},
                                                      {"kept", pruned.kept}});
        }
    };
    actions.erasures_due = [](pg::Connection& tick_db) {
        maintenance::erase_a_while(tick_db, system_clock());
    };
    if (config_.roles.webhook) {
        // What there is more to say than that we are there, `receiving` says.
        actions.receives_within = [p = parts.get()]() -> std::optional<milliseconds> {
            const SteadyTime now = system_clock().steady_now();
            if (p->was_away || p->refusals.pending(now)) return std::nullopt;
            return kSlowPulse;
        };
        actions.refuses_for = [p = parts.get()] {
            const SteadyTime now = system_clock().steady_now();
            return std::max(p->refusals.pending(now), p->turned_away.pending(now));
        };
        actions.receiving = [say_receiving, p = parts.get()](pg::Connection& tick_db) {
            // The database may answer here and take no events. Should we end before that is over,
            // the next start finds the gap.
            const SteadyTime now = system_clock().steady_now();
            if (p->refusals.go_on(now)) return;
            say_receiving(tick_db, {.silence = p->was_away ? kOutage : kSlowPulse,
                                    .retention = {},
                                    .refused = p->refusals.over(now)});
            p->refusals.forget(now);
        };
    }
    actions.receivers_gone =
        [p = parts.get(),
         retention = std::chrono::days{config_.retention_days}](pg::Connection& tick_db) {
            const maintenance::Crashed gone = maintenance::silent_receivers(tick_db, p->self);
            write_down_missed(tick_db, gone, retention);
            maintenance::tell_of_instances(tick_db, gone.ids);
            p->backfill_wake.notify();
        };
    actions.answered = [p = parts.get()](maintenance::Answer answer) {
        if (answer != maintenance::Answer::works) p->was_away = true;
        p->readiness.database_answers = answer == maintenance::Answer::works;
        p->telemetry->database_answered(answer != maintenance::Answer::none);
    };
    actions.besides = [p = parts.get(), retention = std::chrono::days{config_.retention_days}](
                          pg::Connection& tick_db) {
        const SteadyTime now = system_clock().steady_now();
        if (const auto ago = p->turned_away.over(now)) {
            backfill::say_missed(tick_db, *ago, retention);
            p->turned_away.forget(now);
            p->backfill_wake.notify();
        }
        p->telemetry->besides(tick_db);
    };
    parts->tick =
        std::make_unique<maintenance::Tick>(parts->connecting(config_, "maintenance"), parts->self,
                                            config_.outbox_poll_interval, std::move(actions));
    parts->ready_tick = parts->tick.get();
    parts->tick_thread = start_thread(
        "maintenance", [p = parts.get()](std::stop_token stop) { p->tick->run(stop); });

    kWorkerLog.info(
        "Worker started successfully",
        {{"version", kVersion}, {"roles", parts->self.roles}, {"port", parts->server->port()}});
    parts_ = std::move(parts);
    return true;
}

void Service::reload(const Config& config) {
    set_log_level(config.log_level);
    if (!parts_) return;
    if (parts_->signing_keys) parts_->signing_keys->replace(config.signing_keys());
    // Also of credentials only: the rest of what a call needs stays as it was.
    Config next = config_;
    next.twilio_account_sid = config.twilio_account_sid;
    next.twilio_auth_token = config.twilio_auth_token;
    next.twilio_api_key_sid = config.twilio_api_key_sid;
    next.twilio_api_key_secret = config.twilio_api_key_secret;
    const outbox::Provider provider = outbox::sender_settings(next, {}).provider;
    for (const auto& sender : parts_->senders) sender->use(provider);
    if (parts_->reconciler) parts_->reconciler->use(provider);
    if (parts_->backfill) parts_->backfill->use(provider);
}

bool Service::reload_certificate() {
    if (!parts_ || !parts_->certificate) return false;
    if (const Result<void> reloaded = parts_->certificate->read(); !reloaded) {
        kLog.error("The certificate is not reloaded: it stays as it was",
                   {{"error", reloaded.error().what}});
    } else {
        kLog.info("Certificate reloaded");
    }
    return true;
}

void Service::stop() {
    if (!parts_) return;
    kLog.info("Stopping: finishing what was accepted and what is in flight");
    parts_->stopped_at = system_clock().steady_now();
    parts_->readiness.is_stopping = true;
    parts_->request_stop();
    parts_->server->drain(kHttpDrain);  // what was accepted is committed and answered
    parts_->inbox_thread = {};          // request_stop and join
    parts_->router_threads.clear();
    parts_->sender_threads.clear();
    parts_->delivery_thread = {};
    parts_->reconciler_thread = {};
    parts_->backfill_thread = {};
    parts_->listener_thread = {};
    parts_->tick_thread = {};
    parts_->console_thread = {};
    parts_->telemetry->finish();  // what all of these had to report
    say_goodbye();
    parts_.reset();
    kLog.info("Stopped");
}

// Nobody else knows of them, and who goes on receiving finds no gap.
void Service::say_refusals(pg::Connection& db) {
    const SteadyTime now = system_clock().steady_now();
    const std::chrono::days retention{config_.retention_days};
    if (const auto refused = parts_->refusals.pending(now)) {
        backfill::say_receiving(db,
                                {.silence = kOutage, .retention = retention, .refused = refused});
    }
    if (const auto ago = parts_->turned_away.pending(now))
        backfill::say_missed(db, *ago, retention);
}

// Last, when nothing of ours is in hand any more; and not at any price, since the next start takes
// a row that was left behind for a crash, which costs it a little care and nothing else.
void Service::say_goodbye() {
    const bool is_late = system_clock().steady_now() > parts_->stopped_at + kGoodbyeUntil;
    if (!is_late && parts_->readiness.database_answers) {
        try {
            pg::ConnectOptions options = connect_options(config_, "goodbye");
            options.connect_timeout = kGoodbyeAnswer;
            options.answer_timeout = kGoodbyeAnswer;
            pg::Connection db{std::move(options)};
            parts_->telemetry->say_goodbye(db);
            say_refusals(db);
            maintenance::remove_instances(db, {parts_->self.id});
            return;
        } catch (const pg::Error& e) {
            kLog.warn("The database does not answer", {{"error", e.what()}});
        }
    }
    kLog.warn("Could not say goodbye: the next start will route its first events with care");
}

}  // namespace pgcourier::cli
