#include "outbox/reconcile.hpp"

#include "base/address.hpp"
#include "base/incident.hpp"
#include "outbox/metrics.hpp"
#include "outbox/sender.hpp"
#include "sql/outbox.hpp"
#include "twilio/message_list.hpp"

#include <algorithm>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::hours kUntilWoken{1};
constexpr milliseconds kRestAfter{500};  // its connection is given back: looks are rare
constexpr milliseconds kReconnect{1'000};
constexpr milliseconds kPollSlice{1'000};
constexpr std::size_t kResponseBytes = std::size_t{4} * 1024 * 1024;

// No page is asked for when a look has taken longer than this, so that it ends within one more
// call.
milliseconds patience(const ReconcileSettings& settings) {
    return 2 * settings.provider.timeout;
}

// Longer than a look may take, so that nobody else takes it meanwhile.
milliseconds lease(const ReconcileSettings& settings) {
    return patience(settings) + settings.provider.timeout + std::chrono::seconds{5};
}

bool asks_twilio(const ReconcileSettings& settings) {
    return settings.unknown == UnknownPolicy::reconcile;
}

// Twilio lists the newest first: a page that is all older than the window ends the search.
bool reaches_back(const twilio::MessagePage& page, const UnknownSend& send,
                  const SendWindow& window) {
    return !page.messages.empty() &&
           std::all_of(page.messages.begin(), page.messages.end(), [&](const auto& message) {
               return message.created && *message.created < send.attempted - window.skew;
           });
}

std::string what_came(const http::Outcome& outcome) {
    return outcome.kind == http::Outcome::Kind::response ? "HTTP " + std::to_string(outcome.status)
                                                         : "no answer: " + outcome.error;
}

}  // namespace

ReconcileSettings reconcile_settings(const Config& config) {
    ReconcileSettings settings;
    settings.provider = sender_settings(config, {}).provider;
    settings.unknown = config.outbox_unknown_policy;
    settings.policy.max_attempts = config.outbox_max_retries;
    return settings;
}

Reconciler::Reconciler(pg::ConnectOptions options, ReconcileSettings settings, Wake& wake,
                       const Clock& clock, std::uint64_t seed)
    : options_{std::move(options)},
      settings_{std::move(settings)},
      wake_{wake},
      clock_{clock},
      rng_{seed},
      client_{{.max_connections = settings_.concurrency, .response_bytes = kResponseBytes}} {
    for (const char* result : {"sent", "not_sent", "held", "failed"}) looks(result);
    dead_lettered("look");
}

void Reconciler::run(std::stop_token stop) {
    const std::stop_callback on_stop{stop, [this] { client_.wake(); }};
    while (!stop.stop_requested()) {
        try {
            while (!stop.stop_requested() && look_up(stop) > 0) {
            }  // drain before sleeping
            const auto pause = paused_until_ - clock_.steady_now();
            if (is_pausing()) {
                wake_.wait_for(stop, std::chrono::ceil<milliseconds>(pause));
            } else if (!wake_.wait_for(stop, kRestAfter)) {
                db_.reset();
                wake_.wait_for(stop, kUntilWoken);
            }
        } catch (const pg::Error& e) {
            log_.error("Looking up unknown outcomes needs its database", {{"error", e.what()}});
            db_.reset();
            wake_.wait_for(stop, jittered(kReconnect, rng_));
        }
    }
}

void Reconciler::use(Provider provider) {
    {
        const std::scoped_lock lock{mutex_};
        next_provider_ = std::move(provider);
    }
    wake_.notify();
}

// What did not work with the old credentials is tried at once.
void Reconciler::take_over_provider() {
    const std::scoped_lock lock{mutex_};
    if (!next_provider_) return;
    settings_.provider = std::move(*next_provider_);
    next_provider_.reset();
    pauses_ = 0;
    paused_until_ = clock_.steady_now();
}

std::size_t Reconciler::look_up(const std::stop_token& stop) {
    take_over_provider();
    // What an earlier round could not write back is due again before long.
    underway_.clear();
    answered_.clear();
    decided_.clear();
    if (!db_) db_.emplace(options_);

    std::size_t looks = 0;
    bool may_be_more = true;
    while (!stop.stop_requested()) {
        if (may_be_more && !is_pausing()) {
            const std::size_t free = client_.free_slots();
            const std::size_t claimed = claim();
            looks += claimed;
            may_be_more = free == 0 || claimed > 0;
        }
        settle();
        const bool is_blocked = !may_be_more || is_pausing();
        if (underway_.empty() && is_blocked) break;
        if (client_.in_flight() == 0) continue;
        for (http::Finished& f : client_.poll(kPollSlice)) finish(std::move(f));
    }
    settle();
    return looks;
}

// As many as can be asked at once. While Twilio does not answer, one that finds out whether it
// does.
std::size_t Reconciler::claim() {
    const std::size_t free = client_.free_slots();
    const std::size_t limit =
        pauses_ > 0 ? std::min<std::size_t>(free, underway_.empty() ? 1 : 0) : free;
    if (limit == 0) return 0;
    std::vector<Look> looks = claim_looks(*db_, limit, settings_.first_look, lease(settings_));
    const SteadyTime now = clock_.steady_now();
    for (Look& look : looks) {
        if (!asks_twilio(settings_)) {
            LookStep step = without_look(settings_.unknown, look.attempts, settings_.policy);
            decided_.push_back({std::move(look), std::move(step)});
            continue;
        }
        const std::string& account = settings_.provider.account_sid;
        if (!look.account_sid.empty() && look.account_sid != account) {
            LookStep step{.act = LookAct::held,
                          .reason =
                              "it may have been sent with another Twilio account, whose list "
                              "cannot be read with these credentials"};
            decided_.push_back({std::move(look), std::move(step)});
            continue;
        }
        const twilio::ListFilter filter{.to = look.send.to, .from = look.send.from};
        const std::string path = twilio::list_messages_path(account, filter);
        ask({.look = std::move(look), .listing = {}, .started = now}, path);
    }
    return looks.size();
}

void Reconciler::ask(Underway underway, const std::string& path) {
    ++underway.pages;
    client_.start(next_tag_, {.method = "GET",
                              .url = settings_.provider.base_url + path,
                              .headers = {"Accept: application/json"},
                              .user = settings_.provider.user,
                              .password = settings_.provider.password,
                              .timeout = settings_.provider.timeout});
    underway_.emplace(next_tag_++, std::move(underway));
}

void Reconciler::finish(http::Finished finished) {
    auto node = underway_.extract(finished.tag);
    if (!node) return;  // of a round that was broken off
    Underway underway = std::move(node.mapped());
    const http::Outcome& outcome = finished.outcome;
    if (outcome.kind != http::Outcome::Kind::response || outcome.status != 200) {
        return failed(underway, what_came(outcome));
    }
    auto page = twilio::read_message_page(settings_.provider.account_sid, outcome.body);
    if (!page) return failed(underway, page.error().what);

    const bool is_last =
        page->next_path.empty() || reaches_back(*page, underway.look.send, settings_.window);
    auto& messages = underway.listing.messages;
    std::move(page->messages.begin(), page->messages.end(), std::back_inserter(messages));
    if (is_last || underway.pages >= settings_.pages) {
        return answered(std::move(underway), is_last);
    }
    if (clock_.steady_now() - underway.started > patience(settings_)) {
        return failed(underway, "its pages come too slowly");
    }
    ask(std::move(underway), page->next_path);
}

void Reconciler::answered(Underway underway, bool is_whole) {
    pauses_ = 0;
    paused_until_ = clock_.steady_now();
    underway.listing.is_whole = is_whole;
    answered_.push_back({std::move(underway.look), std::move(underway.listing)});
}

void Reconciler::failed(const Underway& underway, const std::string& reason) {
    looks("failed").Increment();
    decided_.push_back(
        {underway.look, after_failed_look(underway.look.failures, settings_.policy)});
    if (is_pausing()) return;  // it had started before
    const milliseconds pause = after_failed_look(pauses_++, settings_.policy).wait;
    paused_until_ = clock_.steady_now() + jittered(pause, rng_);
    log_.warn("Twilio's list cannot be read: unknown outcomes stay unknown until it can",
              {{"reason", reason}, {"nextLookInMs", pause.count()}});
}

void Reconciler::settle() {
    if (answered_.empty() && decided_.empty()) return;
    std::vector<std::string> sids;
    for (const Answered& a : answered_) {
        for (const auto& message : a.listing.messages) sids.push_back(message.sid);
    }
    pg::Transaction transaction{*db_};
    KnownSids known = lock_and_find_known(*db_, sids);
    std::vector<LookResult> results = decided_;
    for (const Answered& a : answered_) {
        const auto is_known = [&](std::string_view sid) { return known.excludes(sid, a.look.id); };
        const Verdict verdict = judge(a.look.send, a.listing, is_known, settings_.window);
        results.push_back(
            {a.look, after_look(verdict, a.look.looks, a.look.attempts, settings_.policy)});
        if (const auto* found = std::get_if<FoundAt>(&verdict)) known.add(found->sid, {});
    }
    const auto changed =
        settle_looks(transaction, results, asks_twilio(settings_) ? "list" : "policy");
    answered_.clear();
    decided_.clear();
    for (const LookResult& result : results) {
        if (changed.contains(result.look.id.value)) tell(result);
    }
}

void Reconciler::tell(const LookResult& result) const {
    const auto say = [&](auto write, std::string_view words) {
        (log_.*write)(words, {{"correlationId", result.look.correlation_id.value},
                              {"messageId", result.look.id.value},
                              {"tenantId", result.look.tenant_id.value},
                              {"to", masked(result.look.send.to)},
                              {"attempt", result.look.attempts},
                              {"providerMessageId", result.step.sid},
                              {"reason", result.step.reason}});
    };
    switch (result.step.act) {
        case LookAct::sent:
            looks("sent").Increment();
            say(&Log::info, "Message of unknown outcome was sent: Twilio has it");
            break;
        case LookAct::failed:
            looks("not_sent").Increment();
            say(&Log::warn, "Message of unknown outcome will be sent again");
            break;
        case LookAct::dead:
            looks("not_sent").Increment();
            dead_lettered("look").Increment();
            say(&Log::error, "Message given up: dead letter written");
            report_incident({.kind = Incident::Kind::dead_letter,
                             .component = "Reconcile",
                             .what = "Message given up: " + result.step.reason,
                             .correlation_id = result.look.correlation_id.value});
            break;
        case LookAct::held:
            looks("held").Increment();
            say(&Log::error,
                "Outcome unknown: a person has to say what became of the message, with pgcourier "
                "outbox settle");
            break;
        case LookAct::next_look:
        case LookAct::retry_look:
            break;
    }
}

}  // namespace pgcourier::outbox
