#include "backfill/walk.hpp"

#include "backfill/event.hpp"
#include "base/address.hpp"
#include "base/fault_point.hpp"
#include "inbox/store.hpp"
#include "twilio/media_list.hpp"
#include "twilio/opt_out.hpp"

#include <algorithm>
#include <iterator>

namespace pgcourier::backfill {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

// In memory, of one day to one number. What is more is stored before the rest is read.
constexpr std::size_t kMostMissing = 5'000;
constexpr std::ptrdiff_t kStoredAtOnce = 50;
constexpr int kTriesOfInsert = 5;
// One after another, of which no list gets an answer: then it is Twilio, and not they.
constexpr std::size_t kMostUnanswered = 3;

bool is_word(const twilio::ListedMessage& message) {
    return twilio::opt_word(message.body) != twilio::OptWord::none;
}

// The newest come first, and with the same date the last.
void put_oldest_first(std::vector<twilio::ListedMessage>& messages) {
    std::ranges::reverse(messages);
    std::ranges::stable_sort(messages, {}, [](const auto& m) { return *date_of(m); });
}

// In place of an id: the database refuses this event, whatever comes with it.
constexpr std::int64_t kRefused = -1;

// A deadlock with a webhook that stores the same messages just now is nobody's fault.
std::vector<std::int64_t> insert_all(pg::Connection& db, std::span<const inbox::NewEvent> events) {
    for (int tried = 1;; ++tried) {
        try {
            return inbox::insert_missing(db, events);
        } catch (const pg::Error& e) {
            if (!e.is_conflict() || tried == kTriesOfInsert) throw;
        }
    }
}

// returns  an id for each; 0: it was there; kRefused
std::vector<std::int64_t> insert(pg::Connection& db, std::span<const inbox::NewEvent> events) {
    try {
        return insert_all(db, events);
    } catch (const pg::Error& e) {
        if (!e.is_about_rows()) throw;
        if (events.size() == 1) return {kRefused};
    }
    std::vector<std::int64_t> ids;
    for (const inbox::NewEvent& event : events) ids.push_back(insert(db, {&event, 1}).front());
    return ids;
}

}  // namespace

Walk::Walk(pg::Connection& db, Calls& calls, WalkSettings settings, std::function<bool()> may_go_on)
    : db_{db}, calls_{calls}, settings_{std::move(settings)}, may_go_on_{std::move(may_go_on)} {}

Walked Walk::failed(std::string why) {
    problem_ = std::move(why);
    return Walked::failed;
}

Walked Walk::hold_back(std::string why) {
    if (held_back_why_.empty()) held_back_why_ = std::move(why);
    return Walked::held_back;
}

// A trouble of all lists need not be met at each. After each failure one number more is tried: some
// that never get an answer do not keep those behind them waiting for ever.
Walked Walk::no_answer(const std::string& number, std::string why) {
    unanswered_.insert(number);
    lacked_answer_ = true;
    const std::size_t most = kMostUnanswered + static_cast<std::size_t>(settings_.failures);
    return unanswered_.size() < most ? hold_back(std::move(why)) : failed(std::move(why));
}

void Walk::note_held_back(const Place& place) {
    if (!held_back_why_.empty() && !held_back_) held_back_ = place;
}

// All has been read that can be. Where no list could be, it is not about one that gets no answer.
Walked Walk::through() {
    if (held_back_why_.empty()) return Walked::whole;
    problem_ = held_back_why_;
    if (held_back_) {
        problem_ += " (" + masked(held_back_->number) + ", " +
                    to_iso8601(WallTime{held_back_->day}).substr(0, 10) + ")";
    }
    return has_read_ || unanswered_.empty() ? Walked::held_back : Walked::failed;
}

Walked Walk::messages(const std::vector<std::string>& numbers, const Place& begin,
                      const std::function<bool(const Place&)>& at) {
    const std::vector<sys_days> all_days = days_of(settings_.window, settings_.now);
    for (const std::string& number : numbers) {
        for (const sys_days day : all_days) {
            if (number < begin.number || (number == begin.number && day < begin.day)) {
                has_read_ = true;
                continue;
            }
            if (!at(held_back_.value_or(Place{number, day}))) return Walked::stopped;
            const Walked walked = day_of_messages(number, day);
            note_held_back({number, day});
            if (walked == Walked::stopped || walked == Walked::failed) return walked;
        }
    }
    return through();
}

Walked Walk::deliveries(const std::vector<SendingNumber>& numbers, WallTime until,
                        const Place& begin, const std::function<bool(const Place&)>& at) {
    for (const SendingNumber& sender : numbers) {
        // Twilio's date may lie before ours.
        const auto first = std::chrono::floor<days>(sender.first - kClockMargin);
        const auto last = std::chrono::floor<days>(until + kClockMargin);
        for (sys_days day = first; day <= last; day += days{1}) {
            if (sender.number < begin.number ||
                (sender.number == begin.number && day < begin.day)) {
                has_read_ = true;
                continue;
            }
            if (!at(held_back_.value_or(Place{sender.number, day}))) return Walked::stopped;
            const Walked walked = day_of_deliveries(sender.number, day);
            note_held_back({sender.number, day});
            if (walked == Walked::stopped || walked == Walked::failed) return walked;
        }
    }
    return through();
}

// A page, and which one is to be read after it. Of a list that cannot be read others may be.
Walked Walk::read_page(const Reply& reply, const std::string& number, twilio::MessagePage& page) {
    if (reply.is_about_us()) return failed(reply.problem);
    if (reply.is_about_this_one()) return hold_back(reply.problem);
    if (!reply.is_ok()) return no_answer(number, reply.problem);
    auto read =
        twilio::read_message_page(settings_.account_sid, reply.body, twilio::BadEntry::is_skipped);
    if (!read) return hold_back(read.error().what);
    has_read_ = true;
    unanswered_.clear();
    page = std::move(*read);
    tally_.listed += static_cast<std::int64_t>(page.messages.size());
    if (settings_.take == Take::all) tally_.unreadable += page.skipped;
    if (is_before(page.messages, settings_.window)) page.next_path.clear();
    return Walked::whole;
}

// `each` gets the pages of the list one after another; what it says other than whole ends it.
Walked Walk::pages(const twilio::ListFilter& filter, const std::function<Walked(Messages)>& each) {
    std::string path = twilio::list_messages_path(settings_.account_sid, filter);
    const std::string& number = filter.to.empty() ? filter.from : filter.to;
    for (int count = 0; !path.empty(); ++count) {
        if (count == kMostPages) return hold_back(kTooManyPages);
        auto replies = calls_.get({&path, 1}, may_go_on_);
        if (!replies) return Walked::stopped;
        twilio::MessagePage page;
        Walked walked = read_page(replies->front(), number, page);
        if (walked != Walked::whole) return walked;
        path = std::move(page.next_path);
        walked = each(std::move(page.messages));
        if (walked != Walked::whole) return walked;
    }
    return Walked::whole;
}

Walked Walk::day_of_messages(const std::string& number, sys_days day) {
    Messages missing;
    const twilio::ListFilter filter{
        .to = number, .from = {}, .page_size = kPageSize, .sent_on = day};
    const Walked walked = pages(filter, [&](Messages page) -> Walked {
        const Walked kept = keep_missing(std::move(page), missing);
        if (kept != Walked::whole || missing.size() < kMostMissing) return kept;
        return store(std::exchange(missing, {}));
    });
    return walked == Walked::whole ? store(std::move(missing)) : walked;
}

// Of one page, those that are wanted and not here. A STOP does not wait for the other pages.
Walked Walk::keep_missing(Messages page, Messages& missing) {
    std::erase_if(page, [&](const twilio::ListedMessage& message) {
        const Fate fate = fate_of(message, settings_.window, settings_.take);
        if (fate == Fate::young) ++tally_.young;
        return fate != Fate::take;
    });
    std::vector<std::string> sids;
    for (const auto& message : page) sids.push_back(message.sid);
    const auto known = find_known(db_, sids);
    std::erase_if(page, [&](const twilio::ListedMessage& message) {
        const auto found = known.find(message.sid);
        if (found != known.end() && found->second != 0 && is_word(message))
            words_.push_back(found->second);
        return found != known.end();
    });
    tally_.known += static_cast<std::int64_t>(known.size());

    const auto others = std::stable_partition(page.begin(), page.end(), is_word);
    missing.insert(missing.end(), others, page.end());
    page.erase(others, page.end());
    return store(std::move(page));
}

Walked Walk::store(Messages missing) {
    put_oldest_first(missing);
    for (auto begin = missing.begin(); begin != missing.end();) {
        const auto end = begin + std::min<std::ptrdiff_t>(kStoredAtOnce, missing.end() - begin);
        const Walked walked =
            store_some({std::make_move_iterator(begin), std::make_move_iterator(end)});
        if (walked != Walked::whole) return walked;
        begin = end;
    }
    return Walked::whole;
}

// The media of each; takes out of `some` what is held back because of them.
// returns  nullopt: given up, or problem_ says what is wrong with more than one message
std::optional<std::vector<Walk::Media>> Walk::media_of(Messages& some) {
    std::vector<std::string> paths;
    std::vector<std::size_t> owners;
    for (std::size_t i = 0; i < some.size(); ++i) {
        // A STOP's text does not wait for what came with it.
        if (some[i].num_media == 0 || settings_.is_dry_run || settings_.take == Take::words)
            continue;
        paths.push_back(twilio::media_list_path(settings_.account_sid, some[i].sid));
        owners.push_back(i);
    }
    const auto replies = calls_.get(paths, may_go_on_);
    if (!replies) return std::nullopt;
    std::vector<Media> media(some.size());
    std::vector<bool> is_held_back(some.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const Reply& reply = (*replies)[i];
        if (reply.status == 404 || reply.status == 410) continue;  // deleted at Twilio
        if (reply.is_about_us()) {
            problem_ = "a message's media: " + reply.problem;
            return std::nullopt;
        }
        std::string problem = "a message's media: " + reply.problem;
        if (reply.is_ok()) {
            auto read = twilio::read_media_list(calls_.provider().base_url, settings_.account_sid,
                                                some[owners[i]].sid, reply.body);
            if (read) {
                media[owners[i]] = std::move(*read);
                continue;
            }
            problem = read.error().what;
        }
        if (settings_.gives_media_up) continue;
        hold_back(std::move(problem));
        has_held_media_back_ = true;
        is_held_back[owners[i]] = true;
    }
    std::size_t kept = 0;
    for (std::size_t i = 0; i < some.size(); ++i) {
        if (is_held_back[i]) continue;
        if (i != kept) {
            some[kept] = std::move(some[i]);
            media[kept] = std::move(media[i]);
        }
        ++kept;
    }
    some.resize(kept);
    media.resize(kept);
    return media;
}

Walked Walk::store_some(Messages some) {
    const auto all_media = media_of(some);
    if (!all_media) return problem_.empty() ? Walked::stopped : Walked::failed;
    const std::vector<Media>& media = *all_media;

    Tally found;
    std::vector<inbox::NewEvent> events;
    std::vector<std::size_t> sources;
    for (std::size_t i = 0; i < some.size(); ++i) {
        auto event = message_event(some[i], media[i], settings_.account_sid);
        if (!event) {
            ++found.unreadable;
            continue;
        }
        events.push_back(std::move(*event));
        sources.push_back(i);
    }
    const auto ids =
        settings_.is_dry_run ? std::vector<std::int64_t>(events.size(), 1) : insert(db_, events);
    fault_point("backfill.stored");
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] == kRefused) {
            ++found.unreadable;
            continue;
        }
        if (ids[i] == 0) {  // its webhook came meanwhile
            ++found.known;
            continue;
        }
        const twilio::ListedMessage& message = some[sources[i]];
        ++found.fetched;
        if (message.num_media > 0) ++found.with_media;
        if (message.num_media == 0 && message.body.empty()) ++found.without_content;
        if (message.num_media > 0 && media[sources[i]].empty() && !settings_.is_dry_run)
            ++found.media_missing;
        if (is_word(message)) words_.push_back(ids[i]);
    }
    tally_.known += found.known;
    tally_.fetched += found.fetched;
    tally_.with_media += found.with_media;
    tally_.without_content += found.without_content;
    tally_.media_missing += found.media_missing;
    tally_.unreadable += found.unreadable;
    return Walked::whole;
}

Walked Walk::day_of_deliveries(const std::string& number, sys_days day) {
    const twilio::ListFilter filter{
        .to = {}, .from = number, .page_size = kPageSize, .sent_on = day};
    return pages(filter, [&](Messages page) -> Walked {
        std::vector<inbox::NewEvent> events;
        std::vector<std::string> sids;
        std::vector<std::string> states;
        for (const twilio::ListedMessage& message : page) {
            auto event =
                message.is_outbound() ? status_event(message, settings_.account_sid) : std::nullopt;
            if (!event) continue;
            events.push_back(std::move(*event));
            sids.push_back(message.sid);
            states.push_back(message.status);
        }
        const auto news = find_news(db_, sids, states);
        std::vector<inbox::NewEvent> told;
        for (std::size_t i = 0; i < events.size(); ++i) {
            if (news.contains(sids[i])) told.push_back(std::move(events[i]));
        }
        if (told.empty()) return Walked::whole;
        const auto ids =
            settings_.is_dry_run ? std::vector<std::int64_t>(told.size(), 1) : insert(db_, told);
        tally_.deliveries += std::ranges::count_if(ids, [](std::int64_t id) { return id > 0; });
        return Walked::whole;
    });
}

}  // namespace pgcourier::backfill
