#include "outbox/sender.hpp"

#include "base/address.hpp"
#include "base/fault_point.hpp"
#include "base/metrics.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

// A claimed message starts within this, or is put back: a STOP may have come meanwhile.
constexpr milliseconds kStartWithin{1'000};
constexpr milliseconds kShortestPace{2};
constexpr milliseconds kLongestPace{50};
constexpr milliseconds kReconnect{1'000};
constexpr milliseconds kRetryPause{100};
constexpr milliseconds kFaultPause{1'000};
constexpr milliseconds kForever{3'600'000};
constexpr std::size_t kLookBeyond = 16;
constexpr std::size_t kLookMost = 2'000;

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

Settlement settlement_of(const Claimed& message, const Step& step) {
    Settlement s{.id = message.id,
                 .seq = message.seq,
                 .lease = lease_of(message),
                 .attempts = message.attempt};
    if (const auto* sent = std::get_if<MarkSent>(&step)) {
        s.status = Settled::sent;
        s.message_sid = sent->message_sid;
        s.from = message.from;
    } else if (const auto* retry = std::get_if<RetryAfter>(&step)) {
        s.status = Settled::failed;
        s.wait = retry->wait;
        s.code = retry->code;
        s.reason = retry->reason;
    } else if (const auto* dead = std::get_if<DeadLetter>(&step)) {
        s.status = Settled::dead;
        s.code = dead->code;
        s.reason = dead->reason;
    } else if (const auto* back = std::get_if<PutBack>(&step)) {
        s.status = Settled::pending;
        s.attempts = message.attempt - 1;
        s.wait = back->wait;
        s.code = back->code;
        s.reason = back->reason;
    } else {
        const auto& unknown = std::get<Reconcile>(step);
        s.status = Settled::unknown;
        s.code = unknown.code;
        s.reason = unknown.reason;
    }
    return s;
}

void count(Settled status) {
    static auto& family = prometheus::BuildCounter()
                              .Name("pgcourier_send_attempts_total")
                              .Help("Attempts at sending a message, by what became of it")
                              .Register(*process_metrics());
    family.Add({{"outcome", std::string{to_text(status)}}}).Increment();
}

milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(time - now));
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
    while (has_work() && clock_.steady_now() < deadline) turn(false);
    if (has_work()) {
        log_.error(
            "Outbox sender stops with unsettled messages; they become unknown when their leases "
            "end",
            {{"inFlight", in_flight_.size()}, {"unsettled", done_.size()}});
    }
    log_.info("Outbox sender worker stopped");
}

std::size_t Sender::run_once() {
    if (!db_) db_.emplace(options_);
    try {
        recover_claims();
        const std::size_t claimed = claim_and_settle();
        while (!in_flight_.empty()) {
            for (http::Finished& f : client_->poll(kFaultPause)) finish(std::move(f));
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
    for (http::Finished& f : client_->poll(time_to_sleep(clock_.steady_now(), may_claim)))
        finish(std::move(f));
    const SteadyTime now = clock_.steady_now();
    if (wake_.take()) looks_.woken(now);
    if (!connect(now)) return;
    try {
        recover_claims();
        renew_leases(now);
        exchange(now, may_claim);
    } catch (const pg::Error& e) {
        failed(e, clock_.steady_now());
    }
}

milliseconds Sender::time_to_sleep(SteadyTime now, bool may_claim) const {
    if (!db_) return until(reconnect_at_, now);
    milliseconds sleep = kForever;
    const auto not_after = [&](SteadyTime time) { sleep = std::min(sleep, until(time, now)); };
    const bool may_look = may_claim && looks_.next() && client_->free_slots() > 0;
    if (!done_.empty()) {
        not_after(next_exchange());
    } else if (may_look) {
        not_after(std::max(*looks_.next(), next_exchange()));
    }
    if (!in_flight_.empty() || !done_.empty()) not_after(renew_at_);
    return sleep;
}

// The database gets at most about half of the time: while it is busy with one batch the next one
// grows, so that load makes batches larger and not more frequent.
SteadyTime Sender::next_exchange() const {
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
    } catch (const pg::Error& e) {
        failed(e, clock_.steady_now());
        return false;
    }
    if (was_connected_) log_.info("Outbox sender has its database again");
    was_connected_ = true;
    told_that_lost_ = false;
    looks_.woken(now);
    return true;
}

void Sender::exchange(SteadyTime now, bool may_claim) {
    const bool can_claim = may_claim && client_->free_slots() > 0;
    const bool is_look_due = can_claim && looks_.is_due(now);
    if ((done_.empty() && !is_look_due) || now < next_exchange()) return;
    // What is settled frees conversations, so that every settlement is also a look.
    if (can_claim) {
        claim_and_settle();
    } else {
        settle_done();
    }
    exchanged_at_ = clock_.steady_now();
    exchange_took_ = exchanged_at_ - now;
}

std::size_t Sender::claim_and_settle() {
    const std::size_t limit = std::min(client_->free_slots(), settings_.batch_size);
    const ClaimRequest request{.token = {new_uuid()},
                               .limit = limit,
                               .look_at = std::max(look_at_, limit + kLookBeyond),
                               .lease = settings_.lease,
                               .instance_id = settings_.instance_id,
                               .default_sender = settings_.default_sender};
    const auto claimed_at = clock_.boottime();
    Claim claim;
    if (!done_.empty()) fault_point("sender.before_settle");
    fault_point("sender.before_claim");
    try {
        claim = settle_and_claim(*db_, done_, request);
    } catch (const pg::CommitUnknown&) {
        // The settlements are repeated: what was settled already has lost its token. Of the claim
        // nothing was sent.
        lost_claims_.push_back(request.token);
        throw;
    }
    if (!done_.empty()) fault_point("sender.after_settle");
    if (!claim.messages.empty()) fault_point("sender.after_claim");
    done_.clear();

    const bool saw_all = claim.looked_at < request.look_at;
    const bool took_all = claim.messages.size() == limit;
    look_at_ = saw_all || took_all ? 0 : std::min(request.look_at * 2, kLookMost);
    const bool moved = !claim.messages.empty() || claim.put_behind > 0;
    looks_.looked(clock_.steady_now(), took_all || (!saw_all && moved), claim.next_due);
    const std::size_t claimed = claim.messages.size();
    for (Claimed& message : claim.messages) start(std::move(message), claimed_at);
    return claimed;
}

void Sender::settle_done() {
    if (done_.empty()) return;
    settle(*db_, done_);
    done_.clear();
}

// A fault of our own in one row must not keep the others from being settled. Its message becomes
// unknown when its lease ends: nothing is lost, and nothing is sent twice.
void Sender::settle_one_by_one() {
    while (!done_.empty()) {
        try {
            settle(*db_, {&done_.back(), 1});
        } catch (const pg::Error& e) {
            if (e.is_retryable()) throw;
            log_.error("A message could not be settled",
                       {{"messageId", done_.back().id.value}, {"error", e.what()}});
        }
        done_.pop_back();
    }
}

void Sender::recover_claims() {
    while (!lost_claims_.empty()) {
        for (const Claimed& message : find_claimed(*db_, lost_claims_.back())) put_back(message);
        lost_claims_.pop_back();
    }
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
    for (const Settlement& s : done_) leases.push_back(s.lease);
    fault_point("sender.before_renew");
    renew(*db_, leases, settings_.lease);
    renew_at_ = now + settings_.lease / 3;
}

void Sender::start(Claimed message, std::chrono::nanoseconds claimed_at) {
    // By the clock that goes on while the machine sleeps. The lease began after `claimed_at`.
    const auto waited = clock_.boottime() - claimed_at;
    if (waited > kStartWithin || settings_.lease - waited < settings_.provider.timeout) {
        put_back(message);
        return;
    }
    const SteadyTime now = clock_.steady_now();
    if (message.from.empty()) {
        const twilio::Refused refused{.permanent = true,
                                      .error_class = twilio::ErrorClass::permanent,
                                      .reason =
                                          "the tenant has no whatsapp_phone_number, and "
                                          "TWILIO_WHATSAPP_NUMBER is not set"};
        conclude(message, refused, milliseconds{0});
        return;
    }
    fault_point("sender.before_call");
    try {
        http::Call call = call_for(message, settings_.provider);
        call.not_after =
            claimed_at + std::min(settings_.lease, kStartWithin + settings_.provider.timeout);
        client_->start(next_tag_, std::move(call));
    } catch (const std::logic_error& e) {
        const twilio::Refused refused{
            .permanent = true,
            .error_class = twilio::ErrorClass::permanent,
            .reason = std::string{"no call could be made of it: "} + e.what()};
        conclude(message, refused, milliseconds{0});
        return;
    }
    in_flight_.emplace(next_tag_++, InFlight{std::move(message), now});
    fault_point("sender.call_started");
}

void Sender::finish(http::Finished finished) {
    const auto call = in_flight_.extract(finished.tag);
    if (!call) throw std::logic_error{"a call finished that was not in flight"};
    fault_point("sender.after_answer");
    const InFlight& flight = call.mapped();
    if (finished.outcome.is_too_late) return put_back(flight.message);
    const auto took =
        std::chrono::duration_cast<milliseconds>(clock_.steady_now() - flight.started);
    conclude(flight.message, outcome_of(finished.outcome), took);
}

void Sender::conclude(const Claimed& message, const twilio::SendOutcome& outcome,
                      milliseconds took) {
    const Settlement& s = done_.emplace_back(
        settlement_of(message, next_step(outcome, message.attempt, settings_.policy)));
    count(s.status);
    const auto tell = [&](auto write, std::string_view words) {
        (log_.*write)(words, {{"correlationId", message.correlation_id.value},
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
            log_.info("Message sent successfully", {{"correlationId", message.correlation_id.value},
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
            tell(&Log::error, "Sending does not work, message put back");
            break;
        case Settled::dead:
            tell(&Log::error, "Message given up: dead letter written");
            break;
        case Settled::unknown:
            tell(&Log::error, "Outcome unknown: the message may have been sent and is put aside");
            break;
    }
}

// It was not started: due again at once, without having used an attempt.
void Sender::put_back(const Claimed& message) {
    done_.push_back({.id = message.id,
                     .seq = message.seq,
                     .lease = lease_of(message),
                     .status = Settled::pending,
                     .attempts = message.attempt - 1});
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
