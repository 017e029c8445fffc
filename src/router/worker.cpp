#include "router/worker.hpp"

#include "base/address.hpp"
#include "base/incident.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace pgcourier::router {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kFirstPause = 100ms;
constexpr auto kLongestPause = 2000ms;
// What is put off is due by the database's clock, from when the statement was there.
constexpr auto kPostponedLater = 200ms;
constexpr auto kUntilTold =
    std::chrono::hours{1};  // as good as for ever: the tick wakes when something is due

}  // namespace

Worker::Worker(pg::ConnectOptions options, Wake& wake, Settings settings, const Clock& clock,
               std::uint64_t seed)
    : options_{std::move(options)},
      wake_{wake},
      settings_{std::move(settings)},
      clock_{clock},
      rng_{seed},
      is_careful_{settings_.is_after_unclean_end} {
    report(0);  // its time begins
}

void Worker::run(std::stop_token stop) {
    auto pause = kFirstPause;
    while (!stop.stop_requested()) {
        try {
            while (const std::size_t routed = stop.stop_requested() ? 0 : run_once(stop)) {
                pause = kFirstPause;
                report(routed);
            }
            pause = kFirstPause;
            report(0);
            if (wake_.wait_for(stop, time_until_next_look())) mark_.woken();
        } catch (const pg::Error& e) {
            log_.error(e.is_lost() ? "Router lost its database" : "Router failed",
                       {{"error", e.what()}, {"sqlstate", e.sqlstate()}});
            if (!e.is_hold_up()) db_.reset();
            wake_.wait_for(stop, jittered(pause, rng_));
            pause = std::min<std::chrono::milliseconds>(pause * 2, kLongestPause);
        }
    }
}

std::size_t Worker::run_once(const std::stop_token& stop) {
    if (!db_) db_.emplace(options_);
    if (unfinished_) {
        give_back(*db_, *unfinished_);
        unfinished_.reset();
    }
    std::size_t routed = is_careful_ ? route_carefully(stop) : 0;
    if (stop.stop_requested()) return routed;
    routed += route_due();
    return routed + route_batch(stop);
}

// What killed the process was in one of its batches: among the lowest events of the queue, twice
// over for safety. Every thread goes through them, so that none takes them in a batch;
// begin_attempt gives each event to one.
std::size_t Worker::route_carefully(const std::stop_token& stop) {
    const std::size_t routed =
        route_each_alone(0, 2 * settings_.threads * settings_.batch_size, stop);
    is_careful_ = false;
    return routed;
}

std::size_t Worker::route_due() {
    const SteadyTime now = clock_.steady_now();
    const bool is_known = std::erase_if(retries_, [now](SteadyTime due) { return due <= now; }) > 0;
    if (!is_known && !mark_.is_sweep_due(now)) return 0;
    if (return_postponed(*db_) > 0) mark_.went_back(now);
    const std::optional<Attempt> attempt = begin_due_attempt(*db_);
    if (!attempt) return 0;
    retries_.push_back(now);  // there may be more
    route_alone(*attempt);
    return 1;
}

std::size_t Worker::route_batch(const std::stop_token& stop) {
    const std::int64_t mark = mark_.begin(clock_.steady_now());
    try {
        Claim claim{*db_, mark, settings_.batch_size};
        const std::size_t count = claim.events().size();
        const bool is_full = count == settings_.batch_size;
        mark_.found(count > 0 ? claim.events().back().id : 0, is_full, clock_.steady_now());
        if (count == 0) return 0;
        if (is_full && settings_.threads > 1) wake_.notify();  // more than one worker's fill
        route(claim);
        return count;
    } catch (const pg::Error& e) {
        mark_.went_back(clock_.steady_now());
        // No event is given up for what would fail with any.
        if (!e.is_about_rows() && !e.is_hold_up()) throw;
        log_.warn("A batch failed, routing its events one by one",
                  {{"error", e.what()}, {"sqlstate", e.sqlstate()}});
    } catch (const std::exception& e) {
        mark_.went_back(clock_.steady_now());
        log_.warn("A batch failed, routing its events one by one", {{"error", e.what()}});
    }
    return route_each_alone(mark, settings_.batch_size, stop);
}

// One by one they may take longer than a process has for its end.
std::size_t Worker::route_each_alone(std::int64_t mark, std::size_t limit,
                                     const std::stop_token& stop) {
    std::size_t count = 0;
    std::unordered_set<std::string> waited;  // shops of which an event waited in vain
    for (const std::int64_t id : waiting(*db_, mark, limit)) {
        if (stop.stop_requested()) break;
        const std::optional<Attempt> attempt = begin_attempt(*db_, id);
        if (!attempt) continue;
        const std::optional<std::string> shop = route_alone(*attempt);
        ++count;
        // One may wait for what is its own; of two the next ones would too. Batches go on without.
        if (!shop || shop->empty() || waited.insert(*shop).second) continue;
        held_up_[*shop] = clock_.steady_now() + kPostponed;
        retries_.push_back(held_up_[*shop] + kPostponedLater);  // when those with it are due
        if (!is_careful_) break;
    }
    return count;
}

/// returns  when it waited in vain for what somebody else has locked: its shop, empty: of none
std::optional<std::string> Worker::route_alone(const Attempt& attempt) {
    if (attempt.number > kMaxAttempts) {
        failed_alone(attempt, "the process ended each time while it routed this event");
        return std::nullopt;
    }
    std::string shop;
    milliseconds wait{0};
    try {
        Claim claim = Claim::of_one(*db_, attempt.event_id);
        if (!claim.events().empty()) shop = claim.events().front().tenant.value_or("");
        wait = held_up_for(shop);
        if (wait == milliseconds{0}) route(claim);
    } catch (const pg::Error& e) {
        if (e.is_hold_up()) {
            postpone_alone(attempt, kPostponed);
            log_.warn("Event waits, since somebody else has a row locked or it takes too long",
                      {{"webhookEventId", attempt.event_id},
                       {"tenantId", shop},
                       {"seconds", std::chrono::duration<double>(kPostponed).count()},
                       {"error", e.what()}});
            return shop;
        }
        if (!e.is_about_rows()) {
            unfinished_ = attempt;
            throw;
        }
        failed_alone(attempt, e.what());
    } catch (const std::exception& e) {
        failed_alone(attempt, e.what());
    }
    if (wait > milliseconds{0}) postpone_alone(attempt, wait);
    return std::nullopt;
}

void Worker::postpone_alone(const Attempt& attempt, milliseconds wait) {
    unfinished_ = attempt;  // should that fail
    postpone(*db_, attempt, wait);
    unfinished_.reset();
    retries_.push_back(clock_.steady_now() + wait + kPostponedLater);
}

/// returns  0: it is not
milliseconds Worker::held_up_for(std::string_view shop) {
    if (held_up_.empty()) return milliseconds{0};
    const auto found = held_up_.find(std::string{shop});
    if (found == held_up_.end()) return milliseconds{0};
    const auto wait = std::chrono::ceil<milliseconds>(found->second - clock_.steady_now());
    if (wait > milliseconds{0}) return wait;
    held_up_.erase(found);
    return milliseconds{0};
}

void Worker::report(std::size_t routed) {
    const auto due = settings_.report->add(routed, clock_.steady_now());
    if (!due) return;
    log_.info(
        "Worker metrics",
        {{"jobs", due->jobs}, {"seconds", std::chrono::duration<double>(due->since_last).count()}});
}

void Worker::route(Claim& claim) {
    const SteadyTime began = clock_.steady_now();
    std::vector<Decision> decisions;
    decisions.reserve(claim.events().size());
    for (const Claimed& event : claim.events()) {
        if (settings_.before_decide) settings_.before_decide(event);
        decisions.push_back(settings_.instead_of_decide ? settings_.instead_of_decide(event)
                                                        : decide(event));
        // What comes of other events needs no row of the shop's.
        const bool is_message = std::holds_alternative<StoreMessage>(decisions.back());
        if (!is_message || !event.tenant) continue;
        const milliseconds wait = held_up_for(*event.tenant);
        if (wait > milliseconds{0}) decisions.back() = Postpone{wait};
    }
    const std::vector<std::int64_t> repeated = claim.settle(decisions);
    const auto took = clock_.steady_now() - began;
    metrics_.routed_batch(decisions.size(), took);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        const Claimed& event = claim.events()[i];
        if (std::holds_alternative<Postpone>(decisions[i])) continue;
        const bool is_repeated = std::ranges::binary_search(repeated, event.id);
        metrics_.routed(decisions[i], is_repeated, event.age + took);
        tell(event, decisions[i], is_repeated);
    }
}

void Worker::failed_alone(const Attempt& attempt, std::string_view why) {
    const int made = std::min(attempt.number, kMaxAttempts);
    if (attempt.number < kMaxAttempts) {
        retries_.push_back(clock_.steady_now() + pause_after(attempt.number));
        log_.warn("Event failed, to be tried again",
                  {{"webhookEventId", attempt.event_id}, {"attempts", made}, {"error", why}});
        return;
    }
    dead_letter(*db_, attempt.event_id, why, made);
    metrics_.dead_lettered();
    report_incident({.kind = Incident::Kind::dead_letter,
                     .component = "Worker",
                     .what = "Event moved to dead letters"});
    log_.error("Event moved to dead letters",
               {{"webhookEventId", attempt.event_id}, {"attempts", made}, {"error", why}});
}

void Worker::tell(const Claimed& event, const Decision& decision, bool is_repeated) const {
    const auto* stored = std::get_if<StoreMessage>(&decision);
    if (stored == nullptr || !Log::enabled(LogLevel::info)) return;
    const std::string from = masked(stored->message.from);
    if (is_repeated) {
        log_.info("Duplicate message detected", {{"correlationId", event.correlation_id},
                                                 {"messageSid", stored->message.message_sid},
                                                 {"from", from}});
    } else if (event.tenant) {
        log_.info(
            stored->type == MessageType::seller ? "Message type determined messageType: \"seller\""
                                                : "Message type determined messageType: \"client\"",
            {{"correlationId", event.correlation_id}, {"tenantId", *event.tenant}, {"from", from}});
    } else {
        log_.warn("Message to a number that no tenant has",
                  {{"correlationId", event.correlation_id},
                   {"to", masked(stored->message.to)},
                   {"from", from}});
    }
}

std::chrono::nanoseconds Worker::time_until_next_look() const {
    std::optional<SteadyTime> next = mark_.next_sweep();
    for (const SteadyTime retry : retries_) next = next ? std::min(*next, retry) : retry;
    if (const auto report = settings_.report->due_at())
        next = next ? std::min(*next, *report) : *report;
    if (!next) return kUntilTold;
    return std::max<std::chrono::nanoseconds>(*next - clock_.steady_now(), 0ns);
}

}  // namespace pgcourier::router
