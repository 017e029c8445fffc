#include "backfill/worker.hpp"

#include "base/fault_point.hpp"
#include "outbox/sender.hpp"

#include <algorithm>

namespace pgcourier::backfill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::chrono::hours kUntilWoken{1};
constexpr milliseconds kReconnect{1'000};
// Also how soon a gap that sending waits for comes before one that is being filled.
constexpr milliseconds kKeep{5'000};
constexpr milliseconds kRouterPoll{50};
// Of the time that sending waits.
constexpr seconds kRouterPatience{20};
constexpr int kMediaFailuresUntilGivenUp = 12;  // over half an hour
// Of what alone cannot be read: after 5 and 10 s, the most of what sending waits.
constexpr int kTriesOfAList = 3;
// Twilio's clock may go ahead, and whoever comes back receives a moment after it has said so.
constexpr seconds kWordsAfterGap{10};
// Messages sent so long before a gap may still have had callbacks to come in it.
constexpr std::chrono::hours kCallbacksTake{1};

Counter& fetched(const char* kind) {
    return counter("pgcourier_backfill_fetched_total",
                   "What Twilio took while nobody received it and its list told afterwards: "
                   "messages, and states of sent ones.",
                   {{"kind", kind}});
}

// Whether what comes after a list that alone cannot be read does not wait for it any longer.
bool is_tried_enough(const Task& task) {
    return task.failures + 1 >= kTriesOfAList;
}

}  // namespace

Settings settings_of(const Config& config, std::string instance_id) {
    Settings settings;
    settings.provider = outbox::sender_settings(config, {}).provider;
    settings.default_number = config.twilio_whatsapp_number;
    settings.instance_id = std::move(instance_id);
    settings.retention = std::chrono::days{config.retention_days};
    return settings;
}

Worker::Worker(pg::ConnectOptions options, Settings settings, Wake& wake, const Clock& clock,
               std::uint64_t seed)
    : options_{std::move(options)},
      settings_{std::move(settings)},
      wake_{wake},
      clock_{clock},
      rng_{seed},
      messages_{fetched("message")},
      deliveries_{fetched("delivery")} {}

Worker::~Worker() = default;

void Worker::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        try {
            while (!stop.stop_requested() && fill_next(stop)) {
            }
            db_.reset();
            wake_.wait_for(stop, kUntilWoken);
        } catch (const pg::Error& e) {
            log_.error("Fetching what was missed needs its database", {{"error", e.what()}});
            db_.reset();
            wake_.wait_for(stop, jittered(kReconnect, rng_));  // what was taken is ours still
        }
    }
}

void Worker::use(outbox::Provider provider) {
    {
        const std::scoped_lock lock{mutex_};
        next_provider_ = std::move(provider);
    }
    wake_.notify();
}

void Worker::take_over_provider() {
    const std::scoped_lock lock{mutex_};
    if (!next_provider_) return;
    settings_.provider = std::move(*next_provider_);
    next_provider_.reset();
    calls_.reset();
}

void Worker::prepare() {
    take_over_provider();
    if (!db_) db_.emplace(options_);
    if (!calls_) calls_.emplace(settings_.provider, settings_.calls, clock_, rng_());
    kept_at_ = clock_.steady_now();
    is_lost_ = false;
    yields_ = false;
}

Filled Worker::fill_for_person(const Times& times, const std::optional<std::string>& who,
                               const std::stop_token& stop) {
    prepare();
    Task task = ask(*db_, times, who);
    Filled filled = fill(task, stop);
    if (!is_lost_) give_back(task, filled, true);
    return filled;
}

Filled Worker::look(const Times& times, const std::stop_token& stop) {
    prepare();
    Task task{.gap = {.since = times.since,
                      .until = times.until,
                      .covered_until = {},
                      .is_automatic = false}};
    const WallTime kept_from = read_time(task);
    const auto on_place = [&](Walk& walk) {
        return [&](const Place& place) {
            if (settings_.on_place) settings_.on_place(place, walk.tally());
            return !stop.stop_requested();
        };
    };
    const auto walk_of_dry_run = [&](const Window& window) {
        return Walk{*db_,
                    *calls_,
                    {.account_sid = settings_.provider.account_sid,
                     .window = window,
                     .now = task.now,
                     .is_dry_run = true},
                    [stop] { return !stop.stop_requested(); }};
    };
    Walk messages = walk_of_dry_run(window_of(task.gap, task.now, kept_from));
    Walked walked = messages.messages(numbers(*db_, settings_.default_number, task.gap.since), {},
                                      on_place(messages));
    Filled filled{walked, messages.tally(), messages.problem()};
    if (walked != Walked::whole) return filled;
    const WallTime since = task.gap.since - kCallbacksTake;
    Walk deliveries =
        walk_of_dry_run({since - kClockMargin, task.gap.until + kClockMargin, task.now});
    walked = deliveries.deliveries(senders(*db_, since, task.gap.until), task.gap.until, {},
                                   on_place(deliveries));
    return {walked, filled.tally + deliveries.tally(), deliveries.problem()};
}

bool Worker::fill_next(const std::stop_token& stop) {
    prepare();
    std::optional<Task> task = claim(*db_, settings_.instance_id);
    if (!task) return false;
    fault_point("backfill.claimed");
    if (task->step == Step::words || !task->gap.is_automatic) {
        log_.info("Fetching what was missed", {{"backfillId", task->id},
                                               {"since", to_iso8601(task->gap.since)},
                                               {"until", to_iso8601(task->gap.until)}});
    }
    const Filled filled = fill(*task, stop);
    if (!is_lost_) give_back(*task, filled, stop.stop_requested());
    return true;
}

// returns  from when on everything is kept
WallTime Worker::read_time(Task& task) {
    const DatabaseTime time = database_time(*db_, settings_.retention);
    task.now = time.now;
    return time.kept_from;
}

Filled Worker::fill(Task& task, const std::stop_token& stop) {
    Filled all;
    const auto then = [&](Step step, Filled (Worker::*find)(Task&, const std::stop_token&)) {
        if (all.walked != Walked::whole || task.step != step) return;
        Filled filled = (this->*find)(task, stop);
        filled.tally = filled.tally + all.tally;
        all = std::move(filled);
    };
    then(Step::words, &Worker::find_words);
    then(Step::messages, &Worker::find_messages);
    then(Step::deliveries, &Worker::find_deliveries);
    const bool holds_messages_back = all.walked == Walked::held_back && task.step == Step::messages;
    if (holds_messages_back && is_tried_enough(task) && needs_deliveries(task.gap)) {
        const Filled deliveries = find_deliveries(task, stop);
        all.tally = all.tally + deliveries.tally;
        if (deliveries.walked == Walked::stopped) all.walked = Walked::stopped;
    }
    return all;
}

Walk Worker::walk_of(Task& task, const Window& window, Take take, const std::stop_token& stop) {
    noted_ = {};
    return {*db_,
            *calls_,
            {.account_sid = settings_.provider.account_sid,
             .window = window,
             .now = task.now,
             .take = take,
             .gives_media_up = task.media_failures >= kMediaFailuresUntilGivenUp,
             .failures = task.failures},
            [this, &task, stop] {
                const SteadyTime now = clock_.steady_now();
                if (now - kept_at_ > kKeep && !holds(task, keep(*db_, task))) return false;
                return !stop.stop_requested();
            }};
}

// Whether to go on with it. A person's command, which runs beside all others, keeps nobody waiting.
bool Worker::holds(const Task& task, Hold hold) {
    kept_at_ = clock_.steady_now();
    is_lost_ = hold == Hold::lost;
    yields_ =
        hold == Hold::urgent_waits && task.step != Step::words && !settings_.instance_id.empty();
    return !is_lost_ && !yields_;
}

bool Worker::go_on(Task& task, Walk& walk, const Place& place) {
    task.place = place;
    if (settings_.on_place) settings_.on_place(place, walk.tally());
    const Hold hold = note_found(task, walk);
    fault_point("backfill.noted");
    return holds(task, hold);
}

Hold Worker::note_found(const Task& task, const Walk& walk) {
    const Tally since_last = walk.tally() - noted_;
    noted_ = walk.tally();
    messages_.Increment(static_cast<double>(since_last.fetched));
    deliveries_.Increment(static_cast<double>(since_last.deliveries));
    return note(*db_, task, since_last);
}

void Worker::next_step(Task& task, Step step, const Walk& walk) {
    task.step = step;
    task.place = {};
    is_lost_ = note_found(task, walk) == Hold::lost;
}

// Whether the step is done. Messages wait for a list that alone cannot be read; STOPs and states
// of sent messages, which the step after theirs does not need, do not for long. But nobody tells
// those states again: they wait for as long as Twilio does not answer.
bool Worker::is_through(const Task& task, const Walk& walk, Walked walked) {
    const bool may_come = task.step == Step::deliveries && walk.lacked_answer();
    if (walked != Walked::held_back || !is_tried_enough(task) || may_come)
        return walked == Walked::whole;
    log_.warn(task.step == Step::words
                  ? "Not every STOP of the gap can be read: sending goes on without the rest"
                  : "What became of some sent messages cannot be read",
              {{"backfillId", task.id}, {"reason", walk.problem()}});
    return true;
}

// A walk that was broken off within a day has found something since the last note, too.
Filled Worker::ended(const Task& task, const Walk& walk, Walked walked) {
    if (walked != Walked::whole && !is_lost_) is_lost_ = note_found(task, walk) == Hold::lost;
    return {is_lost_ ? Walked::stopped : walked, walk.tally(), walk.problem(),
            walk.has_held_media_back()};
}

// Each STOP first, so that sending waits for pages only and not for media.
Filled Worker::find_words(Task& task, const std::stop_token& stop) {
    const WallTime kept_from = read_time(task);
    Window window = window_of(task.gap, task.now, kept_from);
    // A word after the gap has its webhook, which tells more; later steps fetch one that has none.
    window.until = task.gap.until + kWordsAfterGap;
    Walk walk = walk_of(task, window, Take::words, stop);
    // What another process found in the part of the step that is behind us.
    std::vector<std::int64_t> words;
    if (!task.place.number.empty()) words = words_left(*db_);
    // Nothing is sent from a number that nobody has: its words come with the messages.
    const Walked walked = walk.words(numbers(*db_, settings_.default_number, std::nullopt),
                                     due_numbers(*db_, settings_.default_number), task.place,
                                     [&](const Place& place) { return go_on(task, walk, place); });
    if (!is_through(task, walk, walked)) return ended(task, walk, walked);
    if (walked == Walked::whole) {
        words.insert(words.end(), walk.found_words().begin(), walk.found_words().end());
        const bool are_routed = wait_for_router(task, words, stop);
        if (is_lost_ || stop.stop_requested()) return ended(task, walk, Walked::stopped);
        say_words_known(task, walk, are_routed);
    }
    next_step(task, Step::messages, walk);
    return ended(task, walk, Walked::whole);
}

// A STOP holds once it is routed. Where no router runs, sending goes on when its time is over.
bool Worker::wait_for_router(const Task& task, const std::vector<std::int64_t>& words,
                             const std::stop_token& stop) {
    if (words.empty()) return true;
    const SteadyTime until = clock_.steady_now() + kRouterPatience;
    Wake sleep;
    bool are_routed = !are_waiting(*db_, words);
    while (!are_routed && !stop.stop_requested() && clock_.steady_now() < until) {
        sleep.wait_for(stop, kRouterPoll);
        are_routed = !are_waiting(*db_, words);
    }
    is_lost_ = keep(*db_, task) == Hold::lost;
    return are_routed;
}

void Worker::say_words_known(const Task& task, const Walk& walk, bool are_routed) {
    const LogFields about{{"backfillId", task.id}, {"words", walk.tally().fetched}};
    if (!are_routed) {  // what sending still waits ends by itself
        log_.warn("STOPs of the gap are fetched and not routed: sending goes on without them",
                  about);
        return;
    }
    const std::optional<bool> was_waiting = words_known(*db_, task);
    if (!was_waiting) {
        log_.info("Every STOP of the gap is known", about);
    } else if (*was_waiting) {
        log_.info("Every STOP of the gap is known: sending goes on", about);
    } else {
        log_.warn("Every STOP of the gap is known only now: sending had gone on before", about);
    }
}

Filled Worker::find_messages(Task& task, const std::stop_token& stop) {
    const WallTime kept_from = read_time(task);
    const Window window = window_of(task.gap, task.now, kept_from);
    // Whoever goes on in the middle reads the rest up to a later time than the first numbers were
    // read; what counts is the earlier one.
    if (task.place.number.empty() || !task.reading_until) task.reading_until = window.young;
    Walk walk = walk_of(task, window, Take::all, stop);
    const Walked walked =
        walk.messages(numbers(*db_, settings_.default_number, task.gap.since), task.place,
                      [&](const Place& place) { return go_on(task, walk, place); });
    if (walked == Walked::whole) {
        const bool has_deliveries = needs_deliveries(task.gap);
        task.gap.covered_until = std::exchange(task.reading_until, std::nullopt);
        next_step(task, has_deliveries ? Step::deliveries : Step::messages, walk);
    } else if (walked == Walked::held_back) {
        // From the beginning again: what was too young in the other lists does not wait for this
        // one. What is there already costs little.
        task.reading_until.reset();
        next_step(task, Step::messages, walk);
    }
    if (walk.tally().fetched > 0) {
        log_.info("Messages that were missed are fetched",
                  {{"backfillId", task.id}, {"messages", walk.tally().fetched}});
    }
    return ended(task, walk, walked);
}

// Also beside messages that are held back: the row stays with these then.
Filled Worker::find_deliveries(Task& task, const std::stop_token& stop) {
    const bool is_beside = task.step != Step::deliveries;
    const WallTime since = task.gap.since - kCallbacksTake;
    const Window window{since - kClockMargin, task.gap.until + kClockMargin, task.now};
    Walk walk = walk_of(task, window, Take::all, stop);
    const Walked walked = walk.deliveries(
        senders(*db_, since, task.gap.until), task.gap.until, task.place,
        [&](const Place& place) { return go_on(task, walk, is_beside ? Place{} : place); });
    if (!is_through(task, walk, walked)) return ended(task, walk, walked);
    next_step(task, Step::messages, walk);
    return ended(task, walk, Walked::whole);
}

void Worker::give_back(Task& task, const Filled& filled, bool is_stopping) {
    if (filled.walked == Walked::stopped) {
        if (is_stopping || yields_) put_back(*db_, task);
        return;
    }
    if (filled.walked != Walked::whole) {
        const milliseconds pause = pause_after(task.failures + 1);
        log_.warn(
            "Twilio's list cannot be read: what was missed is fetched when it can",
            {{"backfillId", task.id}, {"reason", filled.problem}, {"nextInMs", pause.count()}});
        settle(*db_, task, jittered(pause, rng_),
               Trouble{.reason = filled.problem, .has_media = filled.has_held_media_back});
        return;
    }
    const auto next = next_walk_in(task.gap, task.now);
    const auto all = settle(*db_, task, next, std::nullopt);
    if (next || !all) return;
    log_.info("What was missed has been fetched", {{"backfillId", task.id},
                                                   {"messages", all->fetched},
                                                   {"withMedia", all->with_media},
                                                   {"deliveries", all->deliveries}});
    if (all->without_content + all->media_missing + all->unreadable > 0) {
        log_.warn(
            "Twilio's list does not tell all: some of what was fetched has no content, or no media",
            {{"backfillId", task.id},
             {"withoutContent", all->without_content},
             {"mediaMissing", all->media_missing},
             {"unreadable", all->unreadable}});
    }
}

}  // namespace pgcourier::backfill
