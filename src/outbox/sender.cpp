#include "outbox/sender.hpp"

#include "base/fault_point.hpp"
#include "outbox/telling.hpp"
#include "outbox/turns.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestPace{2};
constexpr milliseconds kLongestPace{50};
constexpr milliseconds kReconnect{1'000};
constexpr milliseconds kLookForClaim{1'000};
constexpr milliseconds kRetryPause{100};
constexpr milliseconds kFaultPause{1'000};
constexpr milliseconds kLockedPause{250};
constexpr milliseconds kForever{3'600'000};
constexpr milliseconds kRestAfter{60'000};  // a sender for backlogs, without one
// What is claimed ahead must start within kStartWithin.
constexpr std::chrono::duration<double> kFarthestAhead{0.7};
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

/// Whether it may be about more than its own message.
bool says_of_others(const Done& done) {
    if (!done.outcome || done.judged) return false;
    const Bearing bearing = bearing_of(*done.outcome);
    return bearing != Bearing::success && bearing != Bearing::none;
}

Lease lease_of(const Claimed& message) {
    return {message.tenant_id, message.to, message.token};
}

milliseconds until(SteadyTime time, SteadyTime now) {
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(time - now));
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

Sender::Sender(pg::ConnectOptions options, SenderSettings settings, Wake& wake, const Clock& clock,
               std::uint64_t seed)
    : options_{impatient(std::move(options))},
      settings_{std::move(settings)},
      wake_{wake},
      clock_{clock},
      rng_{seed},
      exchange_{exchange_settings(settings_), clock},
      client_{std::make_shared<http::Client>(
          http::ClientOptions{.max_connections = settings_.concurrency})},
      background_{[client = client_] { client->wake(); }} {
    wake_.also_call([client = std::weak_ptr{client_}] {
        if (const auto alive = client.lock()) alive->wake();
    });
}

Sender::~Sender() = default;

void Sender::run(std::stop_token stop) {
    const std::stop_callback on_stop{stop, [this] { client_->wake(); }};
    if (!settings_.waits_for_wake) looks_.woken(clock_.steady_now());
    while (!stop.stop_requested()) turn(true);

    const SteadyTime deadline = clock_.steady_now() + settings_.drain;
    stop_exchanging();
    const auto has_work = [this] {
        return job_ || !in_flight_.empty() || !done_.empty() || !locked_.empty() ||
               !lost_claims_.empty();
    };
    put_back_waiting();
    while (has_work() && clock_.steady_now() < deadline) turn(false);
    stop_exchanging();
    if (has_work()) {
        log_.error(
            "Outbox sender stops with unsettled messages; they become unknown when their leases "
            "end",
            {{"inFlight", in_flight_.size()}, {"unsettled", done_.size() + locked_.size()}});
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
    // What is locked was judged already.
    if (job_ || !in_flight_.empty() || !waiting_.empty() || !done_.empty()) return false;
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
        if (e.is_lost()) lose_connection();
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
    metrics_.is_busy(in_flight_.size(),
                     done_.size() + locked_.size() + (job_ ? job_->done.size() : 0));
    if (job_ && background_.is_busy()) return;
    try {
        if (job_) conclude_exchange();
        start_due(clock_.steady_now());
        // Not before: the exchange may have looked before that was written.
        if (wake_.take()) looks_.woken(now);
        pass_on(now);
        rest(now);
        if (!is_needed() || !connect(now) || now < paused_until_) return;
        recover_claims();
        renew_leases(now);
        exchange(now, may_claim);
    } catch (const pg::Error& e) {
        failed(e, clock_.steady_now());
    }
}

// What was claimed ahead starts in place of a call that ended: not while that call's outcome may
// open a breaker. What has a turn of its own was claimed for it.
bool Sender::may_start() const {
    return client_->free_slots() > 0 && (!awaits_verdict_ || settings_.rate > 0);
}

// Whether there is nothing to do with the database, now or later.
bool Sender::has_nothing() const {
    return !job_ && !looks_.next() && in_flight_.empty() && waiting_.empty() && done_.empty() &&
           locked_.empty() && lost_claims_.empty();
}

bool Sender::is_needed() const {
    return !settings_.waits_for_wake || db_ || !has_nothing();
}

milliseconds Sender::time_to_sleep(SteadyTime now, bool may_claim) const {
    milliseconds sleep = kForever;
    const auto not_after = [&](SteadyTime time) { sleep = std::min(sleep, until(time, now)); };
    if (!waiting_.empty()) {
        const Waiting& first = waiting_.begin()->second;
        not_after(may_start() ? waiting_.begin()->first
                              : now + kStartWithin - (clock_.boottime() - first.claimed_at));
    }
    if (job_) return sleep;  // its end wakes us
    if (!db_) {
        if (is_needed()) not_after(reconnect_at_);
        return sleep;
    }
    const bool may_look = may_claim && looks_.next() && free_calls() > 0;
    if (settings_.on_backlog && looks_.next() && free_calls() == 0 && passed_on_ != looks_.next())
        not_after(*looks_.next());
    if (settings_.waits_for_wake && has_nothing()) not_after(exchanged_at_ + kRestAfter);
    for (const LostClaim& lost : lost_claims_) not_after(std::max(paused_until_, lost.look_at));
    if (!locked_.empty()) not_after(std::max(locked_until_, paused_until_));
    if (!done_.empty()) {
        not_after(next_exchange());
    } else if (may_look) {
        not_after(std::max(*looks_.next(), next_exchange()));
    }
    if (!in_flight_.empty() || !done_.empty() || !locked_.empty())
        not_after(std::max(renew_at_, paused_until_));
    return sleep;
}

std::size_t Sender::free_calls() const {
    return client_->free_slots() -
           std::min(client_->free_slots(), waiting_.size() + locked_.size());
}

// How many calls will end until the claim after this one is there: so many messages wait for them,
// and no slot waits for a claim. Not with a rate: what comes too late for its turn loses it.
std::size_t Sender::slots_to_come(SteadyTime now) const {
    if (settings_.rate > 0 || exchange_took_.count() == 0 || awaits_verdict_) return 0;
    const auto ahead = std::min<CallEnds::Seconds>(2 * exchange_took_ + pace(), kFarthestAhead);
    const auto ends = static_cast<std::size_t>(ends_.expected(now, exchange_took_, ahead));
    return std::min(ends, in_flight_.size());
}

// Without a free call nothing is looked for: once for each look that is due, the next sender does.
void Sender::pass_on(SteadyTime now) {
    if (!settings_.on_backlog || !db_ || !looks_.is_due(now) || free_calls() > 0) return;
    if (passed_on_ == looks_.next()) return;
    passed_on_ = looks_.next();
    settings_.on_backlog();
}

// A sender for backlogs gives its connection back when there was none for a while.
void Sender::rest(SteadyTime now) {
    if (settings_.waits_for_wake && has_nothing() && now - exchanged_at_ >= kRestAfter) db_.reset();
}

// The database gets at most about half of the time: while it is busy with one batch the next one
// grows, so that load makes batches larger and not more frequent.
SteadyTime Sender::next_exchange() const {
    SteadyTime next = paused_until_;
    // When exchanges are slow, what waits for its turn goes first.
    if (!waiting_.empty() && lead_ > kLateBy) next = std::max(next, waiting_.rbegin()->first);
    if (in_flight_.empty() || done_.size() * 2 >= settings_.concurrency) return next;
    return std::max(next, exchanged_at_ + pace());
}

std::chrono::nanoseconds Sender::pace() const {
    return std::clamp<std::chrono::nanoseconds>(exchange_took_, kShortestPace, kLongestPace);
}

bool Sender::connect(SteadyTime now) {
    if (db_) return true;
    if (now < reconnect_at_) return false;
    try {
        db_.emplace(options_);
        if (settings_.on_connect) settings_.on_connect(*db_, is_lost_);
        is_lost_ = false;
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
    take_up_locked(now);
    const std::size_t slots = client_->free_slots() + slots_to_come(clock_.steady_now());
    const std::size_t wanted = slots - std::min(slots, waiting_.size() + locked_.size());
    const std::size_t limit = may_claim ? std::min(wanted, settings_.batch_size) : 0;
    const bool is_look_due = limit > 0 && looks_.is_due(now);
    if ((done_.empty() && !is_look_due) || now < next_exchange()) return;
    // What is settled frees conversations, so that every settlement is also a look. Calls go on
    // meanwhile, if there are any.
    begin_exchange(limit);
    if (!in_flight_.empty() || !waiting_.empty()) {
        background_.start([this] { run_exchange(); });
        return;
    }
    run_exchange();
    conclude_exchange();
    start_due(clock_.steady_now());
}

void Sender::begin_exchange(std::size_t limit) {
    job_.emplace();
    job_->done = std::exchange(done_, {});
    job_->limit = limit;
    job_->token = {new_uuid()};
    ends_.exchange_began(clock_.steady_now());
    if (!job_->done.empty()) fault_point("sender.before_settle");
    if (limit > 0) fault_point("sender.before_claim");
}

void Sender::run_exchange() {
    ExchangeJob& job = *job_;
    job.began = clock_.steady_now();
    try {
        job.exchanged = exchange_.run(*db_, job.done, job.limit, job.token);
    } catch (...) {
        job.error = std::current_exception();
    }
    job.ended = clock_.steady_now();
}

// What it was not told stays with us, before what has come since.
//
// returns  how many messages it claimed
// throws   pg::Error
std::size_t Sender::conclude_exchange() {
    ExchangeJob job = std::move(*job_);
    job_.reset();
    lead_ = exchange_.lead();
    exchanged_at_ = clock_.steady_now();
    if (!job.error) awaits_verdict_ = std::ranges::any_of(done_, says_of_others);
    if (!job.error) exchange_took_ = job.ended - job.began;
    try {
        if (job.error) std::rethrow_exception(job.error);
    } catch (const std::exception& e) {
        std::ranges::move(done_, std::back_inserter(job.done));
        done_ = std::move(job.done);
        // The settlements are repeated: what was settled already has lost its token. Of the claim
        // nothing was sent.
        if (job.limit > 0 && dynamic_cast<const pg::CommitUnknown*>(&e) != nullptr)
            lost_claims_.push_back({job.token, exchanged_at_, exchanged_at_ + settings_.lease});
        throw;
    }
    Exchanged& exchanged = job.exchanged;
    if (!job.done.empty()) fault_point("sender.after_settle");
    if (!exchanged.claim.messages.empty()) fault_point("sender.after_claim");
    metrics_.exchanged(exchange_took_);
    for (std::size_t i = 0; i < job.done.size(); ++i) {
        if (keep_locked(job.done[i], exchanged, i) || !job.done[i].outcome) continue;
        metrics_.attempted(exchanged.settled[i], job.done[i].took);
        tell_of(log_, job.done[i].message, exchanged.settled[i], job.done[i].took);
    }
    for (const Scope& scope : exchanged.scopes) tell_of(log_, scope);
    for (const SetAside& one : exchanged.claim.set_aside)
        log_.error("A message cannot be claimed and waits a minute",
                   {{"messageId", one.message_id}, {"tenantId", one.tenant_id}});
    // Claimed while it was closed: the breaker is for them too.
    if (std::ranges::any_of(exchanged.scopes, &Scope::is_opening)) put_back_waiting();
    if (job.limit == 0) return 0;
    // What falls due later is for those that are awake then.
    const auto next_due = exchanged.claim.next_due;
    const bool is_ours = !settings_.waits_for_wake || next_due == milliseconds{0};
    looks_.looked(exchanged_at_, exchanged.may_find_more, is_ours ? next_due : std::nullopt,
                  exchanged.limited_for);
    const std::size_t claimed = exchanged.claim.messages.size();
    metrics_.claimed(claimed);
    if (settings_.on_backlog && exchanged.deal.is_full) settings_.on_backlog();
    schedule(exchanged);
    return claimed;
}

// Before the end: what is under way with the database is waited for.
void Sender::stop_exchanging() {
    if (!job_) return;
    while (background_.is_busy()) {
        for (http::Finished& f : client_->poll(kForever)) finish(std::move(f));
    }
    try {
        conclude_exchange();
    } catch (const pg::Error& e) {
        failed(e, clock_.steady_now());
    }
}

std::size_t Sender::claim_and_settle(std::size_t limit) {
    begin_exchange(limit);
    run_exchange();
    const std::size_t claimed = conclude_exchange();
    start_due(clock_.steady_now());
    return claimed;
}

void Sender::schedule(Exchanged& exchanged) {
    for (Turn& turn : turns_of(exchanged, settings_.rate))
        waiting_.emplace(turn.at,
                         Waiting{std::move(turn.message), exchanged.claimed_at, turn.latest});
}

// A start that comes late moves those behind it, so that a delay of ours makes no burst at the
// provider; one that comes too late gives its time up and gets another.
void Sender::start_due(SteadyTime now) {
    using Steady = std::chrono::steady_clock;
    const auto paced = settings_.rate > 0 ? std::chrono::duration_cast<Steady::duration>(
                                                start_interval(settings_.rate) * kCatchUp)
                                          : Steady::duration{0};
    if (paced_.size() > kMostPaced) paced_.clear();
    put_back_late();
    while (!waiting_.empty() && waiting_.begin()->first <= now && may_start()) {
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

// What waits for a slot that does not come goes back, for whoever has one.
void Sender::put_back_late() {
    const auto now = clock_.boottime();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
        if (now - at->second.claimed_at > kStartWithin) {
            put_back(std::move(at->second.message));
            at = waiting_.erase(at);
        } else {
            ++at;
        }
    }
}

void Sender::put_back_waiting() {
    for (auto& [time, waiting] : waiting_) put_back(std::move(waiting.message));
    waiting_.clear();
}

void Sender::settle_done() {
    take_up_locked(clock_.steady_now());
    if (!done_.empty()) claim_and_settle(0);
}

// returns  whether somebody else has its message locked; what was made of it stays
bool Sender::keep_locked(Done& done, const Exchanged& exchanged, std::size_t place) {
    if (!exchanged.locked.contains(done.message.seq)) return false;
    done.judged = exchanged.settled[place];
    if (locked_.empty()) locked_until_ = clock_.steady_now() + kLockedPause;
    locked_.push_back(std::move(done));
    return true;
}

void Sender::take_up_locked(SteadyTime now) {
    if (now < locked_until_) return;
    std::ranges::move(locked_, std::back_inserter(done_));
    locked_.clear();
}

// A fault of our own in one row must not keep the others from being settled. Its message becomes
// unknown when its lease ends: nothing is lost, and nothing is sent twice.
void Sender::settle_one_by_one() {
    std::vector<Done> all = std::move(done_);
    done_.clear();
    while (!all.empty()) {
        try {
            const Exchanged exchanged = exchange_.run(*db_, {&all.back(), 1}, 0, {});
            keep_locked(all.back(), exchanged, 0);
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
    if (in_flight_.empty() && done_.empty() && locked_.empty()) {
        renew_at_ = now + settings_.lease / 3;
        return;
    }
    if (now < renew_at_) return;
    std::vector<Lease> leases;
    leases.reserve(in_flight_.size() + done_.size() + locked_.size());
    for (const auto& [tag, call] : in_flight_) leases.push_back(lease_of(call.message));
    for (const std::vector<Done>* kept : {&done_, &locked_}) {
        for (const Done& done : *kept) leases.push_back(lease_of(done.message));
    }
    fault_point("sender.before_renew");
    renew(*db_, leases, settings_.lease);
    renew_at_ = now + settings_.lease / 3;
}

void Sender::start(Claimed message, std::chrono::nanoseconds claimed_at) {
    // By the clock that goes on while the machine sleeps. The lease began after `claimed_at`.
    const auto waited = clock_.boottime() - claimed_at;
    if (waited >= message.expires_in) return put_back(std::move(message));
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
        const milliseconds latest =
            std::min(settings_.lease, kStartWithin + settings_.provider.timeout);
        call.not_after = claimed_at + std::min(latest, message.expires_in);
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
    ends_.ended(clock_.steady_now());
    InFlight& flight = call.mapped();
    if (finished.outcome.is_too_late) return put_back(std::move(flight.message));
    const auto took = clock_.steady_now() - flight.started;
    done_.push_back({std::move(flight.message), outcome_of(finished.outcome), took});
    awaits_verdict_ = awaits_verdict_ || says_of_others(done_.back());
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
        lose_connection();
        reconnect_at_ = now + jittered(kReconnect, rng_);
        return;
    }
    if (error.is_retryable()) {
        log_.warn("Outbox sender tries again", {{"error", error.what()}});
        paused_until_ = now + jittered(kRetryPause, rng_);
        return;
    }
    log_.error("Outbox sender was refused by its database", {{"error", error.what()}});
    paused_until_ = exchange_.is_to_set_aside() ? now : now + jittered(kFaultPause, rng_);
    try {
        settle_one_by_one();
    } catch (const pg::Error& again) {
        if (again.is_lost()) lose_connection();
    }
}

void Sender::lose_connection() {
    db_.reset();
    is_lost_ = true;
}

}  // namespace pgcourier::outbox
