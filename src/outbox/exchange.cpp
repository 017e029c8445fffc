#include "outbox/exchange.hpp"

#include "sql/outbox.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

// A success in a scope that is well is noted this often: far from kColdAfter, and often enough to
// tell an outage from one message's fault.
constexpr milliseconds kNoteEach{15'000};
// How much of the longest commit is still expected at the next one.
constexpr double kLeadKept = 0.8;
// With what is dealt ahead still within the second after which a claimed message is put back.
constexpr std::chrono::duration<double, std::milli> kLongestLead{850};
// Each row that is looked at is locked, which writes it: one more than is wanted tells whether
// there are more. A probe is chosen among several; and they become more while a lane shows nothing.
constexpr std::size_t kLookBeyond = 1;
constexpr std::size_t kLookForProbe = 16;
constexpr std::size_t kLookMost = 2'000;
constexpr std::size_t kMostRemembered = 10'000;
constexpr milliseconds kSoon{1};
// After somebody's open transaction has held us up, what it may have locked is passed over for so
// long.
constexpr std::chrono::seconds kSkipsLocked{60};
// After a claim that failed by one of its rows, one message is claimed at a time for so long.
constexpr std::chrono::seconds kCareful{10};
constexpr int kOptedOut = 21610;  // at Twilio: it is recorded here too

Settlement settlement_of(const Claimed& message, const Step& step) {
    Settlement s{.id = message.id,
                 .seq = message.seq,
                 .lease = {message.tenant_id, message.to, message.token},
                 .attempts = message.attempt,
                 .deferrals = message.deferrals};
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
        s.deferrals = back->deferrals;
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

// It was not started: due again at once, without having used an attempt.
Step not_started(const Claimed& message) {
    return PutBack{milliseconds{0}, 0, {}, message.deferrals};
}

// Among these outcomes may be some of a commit that was not answered.
pg::Call still_in_flight_call(std::span<const Done> done) {
    std::vector<std::int64_t> seqs;
    std::vector<std::string_view> tokens;
    std::vector<bool> unclear;
    for (const Done& d : done) {
        seqs.push_back(d.message.seq);
        tokens.push_back(d.message.token.value);
        unclear.push_back(d.outcome && std::holds_alternative<twilio::OutcomeUnknown>(*d.outcome));
    }
    return {sql::outbox::in_flight_still, pg::Params{seqs, tokens, unclear}};
}

std::vector<Scope> read_locked_scopes(const pg::Rows& rows) {
    std::vector<Scope> scopes;
    for (const pg::Row row : rows) {
        Scope& scope = scopes.emplace_back();
        scope.name = row.string(0);
        scope.calls = static_cast<int>(row.int64(1));
        scope.failures = static_cast<int>(row.int64(2));
        scope.failed_message = row.string(3);
        scope.is_open = row.boolean(4);
        scope.probes = static_cast<int>(row.int64(5));
        if (!row.is_null(6)) scope.success_ago = milliseconds{row.int64(6)};
        scope.is_by_callback = row.boolean(7);
    }
    return scopes;
}

void add_scopes(std::vector<pg::Call>& calls, const std::vector<Scope>& scopes) {
    std::vector<std::string_view> names;
    std::vector<std::int32_t> allowed;
    std::vector<std::int32_t> failures;
    std::vector<std::string_view> failed_messages;
    std::vector<bool> is_open;
    std::vector<std::int32_t> probes;
    std::vector<std::optional<std::int64_t>> probe_in;
    std::vector<bool> has_success;
    std::vector<bool> is_by_callback;
    for (const Scope& s : scopes) {
        names.push_back(s.name);
        allowed.push_back(s.calls);
        failures.push_back(s.failures);
        failed_messages.push_back(s.failed_message);
        is_open.push_back(s.is_open && !s.is_opening);
        probes.push_back(s.probes);
        probe_in.push_back(s.probe_in ? std::optional{s.probe_in->count()} : std::nullopt);
        has_success.push_back(s.has_success);
        is_by_callback.push_back(s.is_by_callback);
    }
    calls.push_back(
        {sql::outbox::write_scopes, pg::Params{names, allowed, failures, failed_messages, is_open,
                                               probes, probe_in, has_success, is_by_callback}});
    for (const Scope& s : scopes) {
        if (!s.is_opening) continue;
        const auto code = s.code == 0 ? std::nullopt : std::optional{s.code};
        calls.push_back({sql::outbox::open_scope,
                         pg::Params{s.name, code, s.reason, s.probe_in.value().count()}});
    }
}

}  // namespace

// The scopes that must be locked to judge these outcomes: those that one of them says something new
// about. Most successes do not.
std::vector<std::string> Exchange::scopes_to_judge(std::span<const Done> done,
                                                   SteadyTime now) const {
    const auto is_well = [&](const std::string& scope) {
        const auto found = well_since_.find(scope);
        return found != well_since_.end() && now - found->second < kNoteEach;
    };
    const std::string& provider = settings_.scopes.provider;
    const std::string& credentials = settings_.scopes.credentials;
    std::set<std::string> names;
    for (const Done& d : done) {
        if (!d.outcome || d.judged || d.message.from.empty()) continue;
        const std::string sender = sender_scope(d.message.from);
        const Bearing bearing = bearing_of(*d.outcome);
        if (bearing == Bearing::none) continue;
        if (bearing == Bearing::failure || d.message.is_probe) names.insert({provider, sender});
        if (bearing == Bearing::sender || bearing == Bearing::credentials) names.insert(sender);
        if (bearing == Bearing::credentials || bearing == Bearing::throttled || d.message.is_probe)
            names.insert(credentials);
        if (bearing != Bearing::success) continue;
        for (const std::string& scope : {provider, credentials, sender}) {
            if (!is_well(scope)) names.insert(scope);
        }
    }
    return {names.begin(), names.end()};
}

// What somebody else has noted needs no note of ours.
void Exchange::remember(const ScopeState& scope, SteadyTime now) {
    // In the future: the database's clock was set back.
    const bool had_success = scope.success_ago && *scope.success_ago >= milliseconds{0};
    if (!had_success || scope.is_open || scope.has_failed || scope.calls < kFullSpeed) {
        well_since_.erase(scope.name);
    } else {
        well_since_[scope.name] = now - *scope.success_ago;
    }
}

void Exchange::remember(const Scope& scope, SteadyTime now) {
    if (!scope.is_open && scope.failures == 0 && scope.calls == kFullSpeed && scope.has_success) {
        well_since_[scope.name] = now;
    } else {
        well_since_.erase(scope.name);
    }
}

// Where the next claim goes on, and when.
void Exchange::note_claim(const Lanes& found, Exchanged& result) {
    const Deal& deal = result.deal;
    Claim& claim = result.claim;
    const bool is_new_walk = walk_from_.empty();
    if (is_new_walk || !found.is_walk) lanes_until_now_ = 0;
    lanes_until_now_ += found.lanes.size();
    walk_from_ = found.next_walk;
    if (walk_from_.empty()) lanes_of_walk_ = lanes_until_now_;
    are_limited_together_ = deal.limits_many;
    were_many_ = found.are_many;
    if (served_.size() > kMostRemembered) served_.clear();
    ++claims_;
    for (const Share& share : deal.shares) served_[share.tenant.value] = claims_;

    std::size_t dealt = 0;
    for (const Share& share : deal.shares) dealt += static_cast<std::size_t>(share.messages);
    FirstDue first{.others = found.now_due, .took = found.took};
    for (const Lane& lane : found.lanes) first.tenants.emplace(lane.tenant.value, lane.first_due);
    mark_.looked(first, walk_from_.empty(), clock_.steady_now());
    const bool moved = !claim.messages.empty() || claim.put_behind > 0;
    const bool got_less = claim.saw_not_all && claim.messages.size() < dealt;
    look_beyond_ = got_less ? std::min(std::max(look_beyond_, kLookForProbe) * 2, kLookMost) : 0;
    // All that we wanted is locked by somebody else.
    if (deal.is_full && !moved) claim.next_due = milliseconds{0};

    if (is_new_walk) {
        limited_for_.reset();
        walk_may_find_more_ = false;
    }
    if (deal.limited_for)
        limited_for_ = std::min(limited_for_.value_or(*deal.limited_for), *deal.limited_for);
    result.limited_for = limited_for_;
    const bool walks_on = !walk_from_.empty() && (deal.shares.empty() || !deal.limits_many);
    const bool here = moved && (deal.is_full || claim.saw_not_all);
    walk_may_find_more_ = walk_may_find_more_ || here;
    // A walk in several parts that ends with nobody begins again where it found somebody.
    result.may_find_more = walks_on || here || (walk_from_.empty() && walk_may_find_more_);
    if (const auto look = mark_.look_in(clock_.steady_now())) {
        const milliseconds wait = std::max(*look, kSoon);
        claim.next_due = std::min(claim.next_due.value_or(wait), wait);
    }
}

// Nobody else has to wait for a message that cannot be claimed (a trigger or a constraint of its
// shop's refuses it, its row is damaged): the next claims take one each, and what fails alone is
// set aside. The walk over the tenants goes on where it is, so that it meets that message again.
void Exchange::note_refused_claim(bool is_alone) {
    careful_until_ = clock_.steady_now() + kCareful;
    // It cannot even be set aside: the others first.
    if (!suspect_.empty()) served_[suspect_] = ++claims_;
    suspect_ = is_alone && suspect_.empty() ? claims_of_ : "";
}

// An opt-out blocks what waits for a person, and a row may refuse that: then without, and with one
// at a time from then on. Whose cannot be recorded Twilio refuses again.
Exchanged Exchange::without_refused_opt_outs(pg::Connection& db, std::span<const Done> done,
                                             std::size_t limit, const LeaseToken& token) {
    try {
        return exchange(db, done, limit, token, true);
    } catch (const pg::Error& e) {
        if (recording_.empty() || !e.is_about_rows()) throw;
    }
    const std::vector<std::int64_t> refused = std::exchange(recording_, {});
    Exchanged result = exchange(db, done, limit, token, false);
    records_one_ = true;
    if (refused.size() == 1) {
        if (not_recorded_.size() > kMostRemembered) not_recorded_.clear();
        not_recorded_.insert(refused.front());
        opted_out_.erase(refused.front());
    }
    return result;
}

Exchanged Exchange::run(pg::Connection& db, std::span<const Done> done, std::size_t limit,
                        const LeaseToken& token) {
    claims_of_.clear();
    try {
        Exchanged result = without_refused_opt_outs(db, done, limit, token);
        for (const Done& d : done) in_doubt_.erase(d.message.seq);
        return result;
    } catch (const pg::CommitUnknown&) {
        for (const Done& d : done) in_doubt_.insert(d.message.seq);
        walk_from_.clear();
        suspect_.clear();
        throw;
    } catch (const pg::Error& e) {
        if (limit > 0 && e.is_about_rows()) {
            note_refused_claim(done.empty() && !claims_of_.empty());
            throw;
        }
        walk_from_.clear();
        suspect_.clear();
        if (e.is_hold_up()) skips_locked_until_ = clock_.steady_now() + kSkipsLocked;
        throw;
    } catch (...) {
        walk_from_.clear();  // a part that took too long is not begun at the same marks again
        throw;
    }
}

Exchanged Exchange::exchange(pg::Connection& db, std::span<const Done> done, std::size_t limit,
                             const LeaseToken& token, bool may_record) {
    const SteadyTime now = clock_.steady_now();
    recording_.clear();
    Exchanged result;
    if (limit > 0 && (now < careful_until_ || is_to_set_aside())) {
        // Outcomes first and on their own, so that it is the claim that fails.
        limit = done.empty() ? 1 : 0;
        result.may_find_more = limit == 0;
    }
    const bool sets_aside = limit > 0 && is_to_set_aside();
    std::optional<pg::Transaction> transaction;
    std::vector<pg::Call> calls{{sql::outbox::plan_by_index}};
    std::vector<pg::Rows> rows;

    const std::vector<std::string> names = scopes_to_judge(done, now);
    const bool judges = !names.empty();
    std::vector<Scope> locked;
    std::set<std::int64_t> in_flight_still;
    if (judges) {
        constexpr std::size_t kLockedScopes = 2;  // of these calls
        calls.push_back({sql::outbox::add_scopes, pg::Params{names}});
        calls.push_back({sql::outbox::lock_scopes, pg::Params{names}});
        // After the locks, for which the commit in doubt may be waited for.
        if (!in_doubt_.empty()) calls.push_back(still_in_flight_call(done));
        transaction.emplace(db, calls, rows);
        locked = read_locked_scopes(rows[kLockedScopes]);
        if (!in_doubt_.empty()) {
            for (const pg::Row row : rows.back()) in_flight_still.insert(row.int64(0));
        }
        calls.clear();
    }
    Breaker breaker{std::move(locked), settings_.scopes, settings_.policy};
    // What was settled by the commit in doubt says nothing of others a second time.
    Breaker nobodys{{}, settings_.scopes, settings_.policy};
    for (const Done& d : done) {
        if (d.judged) {
            result.settled.push_back(*d.judged);
            continue;
        }
        const bool is_told =
            in_doubt_.contains(d.message.seq) && !in_flight_still.contains(d.message.seq);
        const Step step = d.outcome ? (is_told ? nobodys : breaker).judge(d.message, *d.outcome)
                                    : not_started(d.message);
        result.settled.push_back(settlement_of(d.message, step));
    }
    std::optional<std::size_t> settled_at;
    const auto note_locked = [&](const std::vector<pg::Rows>& answers) {
        if (settled_at)
            result.locked = read_locked(answers[*std::exchange(settled_at, std::nullopt)]);
    };
    if (!done.empty()) {
        settled_at = calls.size();
        add_settlement(calls, result.settled, now < skips_locked_until_);
    }
    for (const Settlement& settled : result.settled) {
        if (settled.status == Settled::dead && settled.code == kOptedOut &&
            !not_recorded_.contains(settled.seq))
            opted_out_.insert_or_assign(settled.seq, settled.id.value);
    }
    // Recording one may wait for its tenant.
    const bool records = may_record && !opted_out_.empty() && now >= skips_locked_until_;
    if (records) {
        std::vector<std::string_view> ids;
        for (const auto& [seq, id] : opted_out_) {
            if (records_one_ && !ids.empty()) break;
            ids.emplace_back(id);
            recording_.push_back(seq);
        }
        calls.push_back({sql::outbox::record_optout, pg::Params{ids}});
    }
    if (judges) add_scopes(calls, breaker.scopes());

    if (limit > 0) {
        const std::vector<std::string> shared{settings_.scopes.provider,
                                              settings_.scopes.credentials};
        if (walk_from_.empty()) {
            if (mark_.asks_first_due(now)) {
                calls.push_back(first_due_call());
                if (transaction) {
                    rows = db.pipeline(calls);
                } else {
                    transaction.emplace(db, calls, rows);
                }
                calls.clear();
                note_locked(rows);
                mark_.first_due(read_first_due(rows.back()));
            }
            marks_ = mark_.begin(now);
        }
        const Reach reach = reach_of(limit, lanes_of_walk_, are_limited_together_);
        calls.push_back(
            lanes_call(settings_.default_sender, walk_from_, marks_, were_many_, reach));
        calls.push_back(scopes_call(shared, settings_.rate));
        if (transaction) {
            rows = db.pipeline(calls);
        } else {
            transaction.emplace(db, calls, rows);
        }
        note_locked(rows);
        result.dealt_at = clock_.steady_now();
        Lanes found = read_lanes(rows[rows.size() - 2], reach);
        for (Lane& lane : found.lanes) {
            const auto last = served_.find(lane.tenant.value);
            if (last != served_.end()) lane.served = last->second;
        }
        std::vector<ScopeState> scopes = read_scopes(rows.back());
        if (well_since_.size() > kMostRemembered) well_since_.clear();
        for (const ScopeState& scope : scopes) remember(scope, now);

        calls.clear();
        std::vector<std::string> unknown;
        for (const ScopeState& scope : scopes) {
            if (!scope.is_known) unknown.push_back(scope.name);
        }
        const bool counts = std::ranges::any_of(
            scopes, [&](const ScopeState& s) { return is_limiting(s, 0) && !found.lanes.empty(); });
        InFlight in_flight;
        if (counts && !found.lanes.empty()) {
            if (!unknown.empty()) calls.push_back({sql::outbox::add_scopes, pg::Params{unknown}});
            calls.push_back({sql::outbox::in_flight});
            rows = db.pipeline(calls);
            calls.clear();
            in_flight = read_in_flight(rows.back());
            if (!unknown.empty()) {
                std::set<std::string_view> ours;
                for (const pg::Row row : rows.front()) ours.insert(row.text(0));
                for (ScopeState& scope : scopes) {
                    if (!scope.is_known) scope.is_ours = ours.contains(scope.name);
                }
            }
        }
        std::vector<Lane> suspects;
        if (sets_aside)
            std::ranges::copy_if(
                found.lanes, std::back_inserter(suspects),
                [this](const Lane& lane) { return lane.tenant.value == suspect_; });
        result.deal =
            deal(sets_aside ? suspects : found.lanes, scopes, in_flight,
                 {.limit = limit, .rate = settings_.rate, .lead = lead_, .shared = shared});
        result.claimed_at = clock_.boottime();
        if (limit == 1 && result.deal.shares.size() == 1)
            claims_of_ = result.deal.shares.front().tenant.value;
        add_claim(calls, result.deal,
                  {.token = token,
                   .look_beyond = std::max(
                       look_beyond_, result.deal.probes.empty() ? kLookBeyond : kLookForProbe),
                   .lease = settings_.lease,
                   .instance_id = settings_.instance_id,
                   .account_sid = settings_.account_sid,
                   .marks = marks_,
                   .rate = settings_.rate,
                   .lead = lead_,
                   .sets_aside = sets_aside});
        rows = transaction->commit(calls);
        if (sets_aside) {
            if (!result.deal.shares.empty()) result.claim.set_aside = read_set_aside(rows[1]);
            result.claim.put_behind = result.claim.set_aside.size();
            // The shops behind it come before its next one, and then the walk begins again.
            note_claim(found, result);
            served_[std::exchange(suspect_, {})] = claims_;
            walk_may_find_more_ = true;
            result.claim.next_due.reset();
            result.may_find_more = true;
            return result;
        }
        // A commit that writes nothing says nothing of one that does.
        if (!result.deal.shares.empty()) {
            const Lead took = clock_.steady_now() - result.dealt_at;
            lead_ = std::min(std::max(took, lead_ * kLeadKept), kLongestLead);
        }
        result.claim = read_claim(rows, result.deal, token);

        note_claim(found, result);
    } else {
        // Nobody here goes on with the conversations that are free now.
        calls.push_back({sql::outbox::notify});
        if (transaction) {
            note_locked(transaction->commit(calls));
        } else if (!done.empty() || records) {
            note_locked(db.transact(calls));
        }
    }
    for (const std::int64_t seq : recording_) {
        if (!result.locked.contains(seq)) opted_out_.erase(seq);
    }
    records_one_ = records_one_ && !opted_out_.empty();
    for (const Scope& scope : breaker.scopes()) remember(scope, now);
    result.scopes = breaker.scopes();
    return result;
}

}  // namespace pgcourier::outbox
