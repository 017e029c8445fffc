#include "outbox/sender.hpp"

#include "base/address.hpp"
#include "base/fault_point.hpp"
#include "base/incident.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

// A claimed message starts within this, or is put back: a STOP may have come meanwhile.
constexpr milliseconds kStartWithin{1'000};
constexpr milliseconds kShortestPace{2};
constexpr milliseconds kLongestPace{50};
constexpr milliseconds kReconnect{1'000};
constexpr milliseconds kLookForClaim{1'000};
constexpr milliseconds kRetryPause{100};
constexpr milliseconds kFaultPause{1'000};
constexpr milliseconds kForever{3'600'000};
// How much faster than its rate a sender may catch up with starts that came late.
constexpr double kCatchUp = 0.97;
constexpr std::size_t kMostPaced = 10'000;

// While the database does not answer, calls in flight are not moved on: less than their timeout, so
// that an answer that has arrived is read and not taken for late.
pg::ConnectOptions impatient(pg::ConnectOptions options) {
    options.connect_timeout = std::chrono::seconds{2};
    options.statement_timeout = milliseconds{4'000};
    options.answer_timeout = milliseconds{6'000};
    return options;
}

Lease lease_of(const Claimed& message) {
    return {message.tenant_id, message.to, message.token};
}

milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(time - now));
}

void tell_of(const Log& log, const Claimed& message, const Settlement& s,
             std::chrono::nanoseconds call) {
    const auto took = std::chrono::duration_cast<milliseconds>(call);
    const auto tell = [&](auto write, std::string_view words) {
        (log.*write)(words, {{"correlationId", message.correlation_id.value},
                             {"messageId", message.id.value},
                             {"tenantId", message.tenant_id.value},
                             {"to", masked(message.to)},
                             {"attempt", message.attempt},
                             {"reason", s.reason},
                             {"retryInMs", s.wait.count()},
                             {"durationMs", took.count()}});
    };
    switch (s.status) {
        case Settled::sent:
            log.info("Message sent successfully", {{"correlationId", message.correlation_id.value},
                                                   {"messageId", message.id.value},
                                                   {"tenantId", message.tenant_id.value},
                                                   {"to", masked(message.to)},
                                                   {"providerMessageId", s.message_sid},
                                                   {"attempt", message.attempt},
                                                   {"durationMs", took.count()}});
            break;
        case Settled::failed:
            tell(&Log::warn, "Message failed, will be tried again");
            break;
        case Settled::pending:
            tell(&Log::warn, "Message put back: its failure is not its own");
            break;
        case Settled::dead:
            tell(&Log::error, "Message given up: dead letter written");
            report_incident({.kind = Incident::Kind::dead_letter,
                             .component = "Worker",
                             .what = "Message given up: " + s.reason,
                             .correlation_id = message.correlation_id.value});
            break;
        case Settled::unknown:
            tell(&Log::error, "Outcome unknown: the message may have been sent and is put aside");
            break;
    }
}

// A scope is told with its number masked: sender:+336…78.
void tell_of(const Log& log, const Scope& scope) {
    const std::size_t colon = scope.name.find(':');
    const std::string kind = scope.name.substr(0, colon);
    const std::string which =
        kind == "sender" ? "sender:" + masked(scope.name.substr(colon + 1)) : scope.name;
    if (scope.is_opening) {
        breaker_openings(kind).Increment();
        report_incident({.kind = Incident::Kind::breaker_open,
                         .component = "Worker",
                         .what = "Sending paused (" + kind + "): " + scope.reason});
        log.error("Sending paused: no attempt is used, a probe finds out when it works again",
                  {{"scope", which},
                   {"reason", scope.reason},
                   {"code", scope.code},
                   {"probeInMs", scope.probe_in.value_or(milliseconds{0}).count()}});
    }
    if (scope.is_closing) log.info("Sending resumed", {{"scope", which}});
}

ExchangeSettings exchange_settings(const SenderSettings& settings) {
    return {.policy = settings.policy,
            .scopes = {.credentials = credentials_scope(settings.provider)},
            .instance_id = settings.instance_id,
            .account_sid = settings.provider.account_sid,
            .default_sender = settings.default_sender,
            .rate = settings.rate,
            .lease = settings.lease};
}

}  // namespace

SenderSettings sender_settings(const Config& config, std::string instance_id) {
    const bool has_key = !config.twilio_api_key_sid.empty();
    SenderSettings settings;
    settings.provider = {
        .base_url = config.twilio_api_base_url,
        .account_sid = config.twilio_account_sid,
        .user = has_key ? config.twilio_api_key_sid : config.twilio_account_sid,
        .password = has_key ? config.twilio_api_key_secret : config.twilio_auth_token,
        .callback_url = config.twilio_status_callback
                            ? config.webhook_public_url + "/webhooks/twilio/status"
                            : std::string{}};
    settings.policy.max_attempts = config.outbox_max_retries;
    settings.policy.cap = config.outbox_backoff_max;
    settings.instance_id = std::move(instance_id);
    settings.default_sender = config.twilio_whatsapp_number;
    settings.concurrency = static_cast<std::size_t>(config.outbox_concurrency);
    settings.batch_size = static_cast<std::size_t>(config.outbox_batch_size);
    settings.rate = config.outbox_rate_per_sender;
    settings.lease = config.outbox_lease;
    return settings;
}

Sender::Sender(pg::ConnectOptions options, SenderSettings settings, Wake& wake, const Clock& clock,
               std::uint64_t seed)
    : options_{impatient(std::move(options))},
      settings_{std::move(settings)},
      wake_{wake},
      clock_{clock},
      rng_{seed},
      exchange_{exchange_settings(settings_), clock},
      client_{std::make_shared<http::Client>(
          http::ClientOptions{.max_connections = settings_.concurrency})} {
    wake_.also_call([client = std::weak_ptr{client_}] {
        if (const auto alive = client.lock()) alive->wake();
    });
}

Sender::~Sender() = default;

void Sender::run(std::stop_token stop) {
    const std::stop_callback on_stop{stop, [this] { client_->wake(); }};
    looks_.woken(clock_.steady_now());
    while (!stop.stop_requested()) turn(true);

    const SteadyTime deadline = clock_.steady_now() + settings_.drain;
    const auto has_work = [this] {
        return !in_flight_.empty() || !done_.empty() || !lost_claims_.empty();
    };
    for (auto& [time, waiting] : waiting_) put_back(std::move(waiting.message));
    waiting_.clear();
    while (has_work() && clock_.steady_now() < deadline) turn(false);
    if (has_work()) {
        log_.error(
            "Outbox sender stops with unsettled messages; they become unknown when their leases "
            "end",
            {{"inFlight", in_flight_.size()}, {"unsettled", done_.size()}});
    }
    log_.info("Outbox sender worker stopped");
}

void Sender::use(Provider provider) {
    {
        const std::scoped_lock lock{mutex_};
        next_provider_ = std::move(provider);
    }
    wake_.notify();
}

// Takes new credentials over once nothing of the old ones is left to be judged.
// returns  whether messages may be claimed; not while new credentials wait for that
bool Sender::may_go_on(SteadyTime now) {
    const std::scoped_lock lock{mutex_};
    if (!next_provider_) return true;
    if (!in_flight_.empty() || !waiting_.empty() || !done_.empty()) return false;
    settings_.provider = std::move(*next_provider_);
    next_provider_.reset();
    exchange_.use({.credentials = credentials_scope(settings_.provider)},
                  settings_.provider.account_sid);
    looks_.woken(now);
    return true;
}

std::size_t Sender::run_once() {
    if (!db_) db_.emplace(options_);
    may_go_on(clock_.steady_now());
    try {
        recover_claims();
        const std::size_t claimed = claim_and_settle(std::min(free_calls(), settings_.batch_size));
        while (!in_flight_.empty() || !waiting_.empty()) {
            for (http::Finished& f : client_->poll(time_to_sleep(clock_.steady_now(), false)))
                finish(std::move(f));
            start_due(clock_.steady_now());
        }
        settle_done();
        return claimed;
    } catch (const pg::Error& e) {
        if (e.is_lost()) db_.reset();
        throw;
    }
}

// One round: move the calls on, then give the database what is done and take what is due.
void Sender::turn(bool may_claim) {
    may_claim = may_go_on(clock_.steady_now()) && may_claim;
    for (http::Finished& f : client_->poll(time_to_sleep(clock_.steady_now(), may_claim)))
        finish(std::move(f));
    const SteadyTime now = clock_.steady_now();
    start_due(now);
    metrics_.is_busy(in_flight_.size(), done_.size());
    if (wake_.take()) looks_.woken(now);
    if (!connect(now) || now < paused_until_) return;
    try {
        recover_claims();
        renew_leases(now);
        exchange(now, may_claim);
    } catch (const pg::Error& e) {
        failed(e, clock_.steady_now());
    }
}

milliseconds Sender::time_to_sleep(SteadyTime now, bool may_claim) const {
    milliseconds sleep = kForever;
    const auto not_after = [&](SteadyTime time) { sleep = std::min(sleep, until(time, now)); };
    if (!waiting_.empty()) not_after(waiting_.begin()->first);
    if (!db_) {
        not_after(reconnect_at_);
        return sleep;
    }
    const bool may_look = may_claim && looks_.next() && free_calls() > 0;
    for (const LostClaim& lost : lost_claims_) not_after(std::max(paused_until_, lost.look_at));
    if (!done_.empty()) {
        not_after(next_exchange());
    } else if (may_look) {
        not_after(std::max(*looks_.next(), next_exchange()));
    }
    if (!in_flight_.empty() || !done_.empty()) not_after(std::max(renew_at_, paused_until_));
    return sleep;
}

std::size_t Sender::free_calls() const {
    return client_->free_slots() - std::min(client_->free_slots(), waiting_.size());
}

// The database gets at most about half of the time: while it is busy with one batch the next one
// grows, so that load makes batches larger and not more frequent.
SteadyTime Sender::next_exchange() const {
    // While a slow exchange blocks, nothing starts: what waits for its turn goes first.
    if (!waiting_.empty() && exchange_.lead() > kLateBy)
        return std::max(paused_until_, waiting_.rbegin()->first);
    if (in_flight_.empty() || done_.size() * 2 >= settings_.concurrency) return paused_until_;
    return std::max(paused_until_,
                    exchanged_at_ + std::clamp<std::chrono::nanoseconds>(
                                        exchange_took_, kShortestPace, kLongestPace));
}

bool Sender::connect(SteadyTime now) {
    if (db_) return true;
    if (now < reconnect_at_) return false;
    try {
        db_.emplace(options_);
        if (settings_.on_connect) paused_until_ = clock_.steady_now() + settings_.on_connect(*db_);
    } catch (const pg::Error& e) {
        if (e.is_lost()) {
            failed(e, clock_.steady_now());
        } else {
            log_.error("Outbox sender was refused by its database", {{"error", e.what()}});
            db_.reset();
            reconnect_at_ = clock_.steady_now() + jittered(kReconnect, rng_);
        }
        return false;
    }
    if (was_connected_) log_.info("Outbox sender has its database again");
    was_connected_ = true;
    told_that_lost_ = false;
    looks_.woken(now);
    return true;
}

void Sender::exchange(SteadyTime now, bool may_claim) {
    const std::size_t limit = may_claim ? std::min(free_calls(), settings_.batch_size) : 0;
    const bool is_look_due = limit > 0 && looks_.is_due(now);
    if ((done_.empty() && !is_look_due) || now < next_exchange()) return;
    // What is settled frees conversations, so that every settlement is also a look.
    claim_and_settle(limit);
    exchanged_at_ = clock_.steady_now();
    exchange_took_ = exchanged_at_ - now;
}

std::size_t Sender::claim_and_settle(std::size_t limit) {
    const LeaseToken token{new_uuid()};
    Exchanged exchanged;
    const SteadyTime began = clock_.steady_now();
    if (!done_.empty()) fault_point("sender.before_settle");
    if (limit > 0) fault_point("sender.before_claim");
    try {
        exchanged = exchange_.run(*db_, done_, limit, token);
    } catch (const pg::CommitUnknown&) {
        // The settlements are repeated: what was settled already has lost its token. Of the claim
        // nothing was sent.
        const SteadyTime now = clock_.steady_now();
        if (limit > 0) lost_claims_.push_back({token, now, now + settings_.lease});
        throw;
    }
    if (!done_.empty()) fault_point("sender.after_settle");
    if (!exchanged.claim.messages.empty()) fault_point("sender.after_claim");
    metrics_.exchanged(clock_.steady_now() - began);
    for (std::size_t i = 0; i < done_.size(); ++i) {
        if (!done_[i].outcome) continue;
        metrics_.attempted(exchanged.settled[i], done_[i].took);
        tell_of(log_, done_[i].message, exchanged.settled[i], done_[i].took);
    }
    for (const Scope& scope : exchanged.scopes) tell_of(log_, scope);
    done_.clear();
    if (limit == 0) return 0;
    looks_.looked(clock_.steady_now(), exchanged.may_find_more, exchanged.claim.next_due,
                  exchanged.limited_for);
    const std::size_t claimed = exchanged.claim.messages.size();
    metrics_.claimed(claimed);
    schedule(exchanged);
    start_due(clock_.steady_now());
    return claimed;
}

// A message of a sender with a rate starts when it is its turn, the others at once. The turns are
// dealt over the tenants as the messages were, so that what comes too late for its turn is not
// always the same tenant's.
void Sender::schedule(Exchanged& exchanged) {
    using Steady = std::chrono::steady_clock;
    std::unordered_map<std::string, std::size_t> shares;
    for (std::size_t i = 0; i < exchanged.deal.shares.size(); ++i)
        shares.emplace(exchanged.deal.shares[i].tenant.value, i);
    struct Turn {
        std::size_t round;
        std::size_t share;
        Claimed* message;
    };
    std::vector<Turn> turns;
    std::vector<std::size_t> rounds(exchanged.deal.shares.size());
    for (Claimed& message : exchanged.claim.messages) {
        const std::size_t share = shares.at(message.tenant_id.value);
        turns.push_back({rounds[share]++, share, &message});
    }
    std::ranges::sort(turns, {}, [](const Turn& t) { return std::pair{t.round, t.share}; });

    std::unordered_map<std::string, int> starts;
    for (const Turn& turn : turns) {
        Claimed& message = *turn.message;
        SteadyTime start_at = exchanged.dealt_at;
        SteadyTime latest = SteadyTime::max();
        if (settings_.rate > 0 && !message.from.empty()) {
            const Share& share = exchanged.deal.shares[turn.share];
            const int start = starts[message.from]++;
            const auto offset = share.first_start + start_interval(settings_.rate) * start;
            start_at += std::chrono::duration_cast<Steady::duration>(offset);
            // The first one may come late: alone it is no burst, and something always goes out.
            if (start > 0 && !share.is_after_idle) latest = start_at + kLateBy;
        }
        waiting_.emplace(start_at, Waiting{std::move(message), exchanged.claimed_at, latest});
    }
}

// A start that comes late moves those behind it, so that a delay of ours makes no burst at the
// provider; one that comes too late gives its time up and gets another.
void Sender::start_due(SteadyTime now) {
    using Steady = std::chrono::steady_clock;
    const auto paced = settings_.rate > 0 ? std::chrono::duration_cast<Steady::duration>(
                                                start_interval(settings_.rate) * kCatchUp)
                                          : Steady::duration{0};
    if (paced_.size() > kMostPaced) paced_.clear();
    while (!waiting_.empty() && waiting_.begin()->first <= now) {
        auto first = waiting_.extract(waiting_.begin());
        if (settings_.rate > 0 && !first.mapped().message.from.empty()) {
            SteadyTime& last = paced_[first.mapped().message.from];
            if (now < last + paced) {
                first.key() = last + paced;
                waiting_.insert(std::move(first));
                continue;
            }
            if (now > first.mapped().latest) {
                put_back(std::move(first.mapped().message));
                continue;
            }
            last = now;
        }
        start(std::move(first.mapped().message), first.mapped().claimed_at);
    }
}

void Sender::settle_done() {
    if (!done_.empty()) claim_and_settle(0);
}

// A fault of our own in one row must not keep the others from being settled. Its message becomes
// unknown when its lease ends: nothing is lost, and nothing is sent twice.
void Sender::settle_one_by_one() {
    std::vector<Done> all = std::move(done_);
    done_.clear();
    while (!all.empty()) {
        try {
            exchange_.run(*db_, {&all.back(), 1}, 0, {});
        } catch (const pg::Error& e) {
            if (e.is_retryable()) {
                done_ = std::move(all);
                throw;
            }
            log_.error("A message could not be settled",
                       {{"messageId", all.back().message.id.value}, {"error", e.what()}});
        }
        all.pop_back();
    }
}

// The COMMIT may still be under way when nothing of it is seen yet, so that we ask until the leases
// would have ended.
void Sender::recover_claims() {
    const SteadyTime now = clock_.steady_now();
    std::erase_if(lost_claims_, [&](LostClaim& lost) {
        if (lost.look_at > now) return false;
        std::vector<Claimed> found = find_claimed(*db_, lost.token);
        for (Claimed& message : found) put_back(std::move(message));
        lost.look_at = now + kLookForClaim;
        return !found.empty() || now >= lost.until;
    });
}

void Sender::renew_leases(SteadyTime now) {
    if (in_flight_.empty() && done_.empty()) {
        renew_at_ = now + settings_.lease / 3;
        return;
    }
    if (now < renew_at_) return;
    std::vector<Lease> leases;
    leases.reserve(in_flight_.size() + done_.size());
    for (const auto& [tag, call] : in_flight_) leases.push_back(lease_of(call.message));
    for (const Done& done : done_) leases.push_back(lease_of(done.message));
    fault_point("sender.before_renew");
    renew(*db_, leases, settings_.lease);
    renew_at_ = now + settings_.lease / 3;
}

void Sender::start(Claimed message, std::chrono::nanoseconds claimed_at) {
    // By the clock that goes on while the machine sleeps. The lease began after `claimed_at`.
    const auto waited = clock_.boottime() - claimed_at;
    if (waited > kStartWithin || settings_.lease - waited < settings_.provider.timeout) {
        put_back(std::move(message));
        paused_until_ = clock_.steady_now() + jittered(kRetryPause, rng_);
        return;
    }
    const auto refuse = [&](std::string reason) {
        done_.push_back(
            {std::move(message), twilio::Refused{.permanent = true,
                                                 .error_class = twilio::ErrorClass::permanent,
                                                 .reason = std::move(reason)}});
    };
    if (message.from.empty()) {
        refuse("the tenant has no whatsapp_phone_number, and TWILIO_WHATSAPP_NUMBER is not set");
        return;
    }
    fault_point("sender.before_call");
    try {
        http::Call call = call_for(message, settings_.provider);
        call.not_after =
            claimed_at + std::min(settings_.lease, kStartWithin + settings_.provider.timeout);
        client_->start(next_tag_, std::move(call));
    } catch (const std::logic_error& e) {
        refuse(std::string{"no call could be made of it: "} + e.what());
        return;
    }
    in_flight_.emplace(next_tag_++, InFlight{std::move(message), clock_.steady_now()});
    fault_point("sender.call_started");
}

void Sender::finish(http::Finished finished) {
    auto call = in_flight_.extract(finished.tag);
    if (!call) throw std::logic_error{"a call finished that was not in flight"};
    fault_point("sender.after_answer");
    InFlight& flight = call.mapped();
    if (finished.outcome.is_too_late) return put_back(std::move(flight.message));
    const auto took = clock_.steady_now() - flight.started;
    done_.push_back({std::move(flight.message), outcome_of(finished.outcome), took});
}

// It was not started: due again at once, without having used an attempt.
void Sender::put_back(Claimed message) {
    done_.push_back({std::move(message), std::nullopt});
}

// What is done stays in memory, and nothing new is claimed, until the database takes it.
void Sender::failed(const pg::Error& error, SteadyTime now) {
    if (error.is_lost()) {
        if (!told_that_lost_)
            log_.error("Outbox sender has no database", {{"error", error.what()}});
        told_that_lost_ = true;
        db_.reset();
        reconnect_at_ = now + jittered(kReconnect, rng_);
        return;
    }
    if (error.is_retryable()) {
        log_.warn("Outbox sender tries again", {{"error", error.what()}});
        paused_until_ = now + jittered(kRetryPause, rng_);
        return;
    }
    log_.error("Outbox sender was refused by its database", {{"error", error.what()}});
    paused_until_ = now + jittered(kFaultPause, rng_);
    try {
        settle_one_by_one();
    } catch (const pg::Error& again) {
        if (again.is_lost()) db_.reset();
    }
}

}  // namespace pgcourier::outbox
