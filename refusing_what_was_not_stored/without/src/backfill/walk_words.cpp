// The words step of a walk: sending waits for it, so the lists are read beside each other.
#include "backfill/walk.hpp"

#include <algorithm>
#include <numeric>

namespace pgcourier::backfill {
namespace {

struct List {
    Place place;
    int pages = 0;
    bool is_read = false;
};

std::vector<List> lists_from(const Place& begin, const std::vector<std::string>& numbers,
                             const std::vector<std::chrono::sys_days>& all_days) {
    std::vector<List> lists;
    for (const std::string& number : numbers) {
        if (number < begin.number) continue;
        for (const std::chrono::sys_days day : all_days) {
            if (number != begin.number || day >= begin.day)
                lists.push_back({.place = {number, day}});
        }
    }
    return lists;
}

}  // namespace

Walked Walk::words(const std::vector<std::string>& numbers,
                   const std::set<std::string, std::less<>>& first, const Place& begin,
                   const std::function<bool(const Place&)>& at) {
    const auto all_days = days_of(settings_.window, settings_.now);
    std::vector<List> lists = lists_from(begin, numbers, all_days);
    if (lists.empty()) return Walked::whole;
    has_read_ = lists.size() < numbers.size() * all_days.size();
    std::vector<std::size_t> order(lists.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // Not that of std::ranges, which clang 14's tools cannot read.
    std::stable_partition(order.begin(), order.end(),
                          [&](std::size_t i) { return first.contains(lists[i].place.number); });
    std::vector<std::string> paths;
    for (const std::size_t i : order) {
        paths.push_back(
            twilio::list_messages_path(settings_.account_sid, {.to = lists[i].place.number,
                                                               .from = {},
                                                               .page_size = kPageSize,
                                                               .sent_on = lists[i].place.day}));
    }

    std::size_t begin_again = 0;  // the first list that is not read
    Walked walked = at(lists.front().place) ? Walked::whole : Walked::stopped;
    const auto on_reply = [&](std::size_t index, const Reply& reply) -> std::string {
        if (walked != Walked::whole) return {};
        List& list = lists[order[index]];
        twilio::MessagePage page;
        Walked read = read_page(reply, list.place.number, page);
        if (read == Walked::whole && ++list.pages > kMostPages) read = hold_back(kTooManyPages);
        if (read != Walked::whole) {
            note_held_back(list.place);
            if (read == Walked::failed) walked = read;
            return {};
        }
        Messages none;  // of a walk that takes words only, each is stored at once
        walked = keep_missing(std::move(page.messages), none);
        if (walked != Walked::whole || !page.next_path.empty()) return page.next_path;
        list.is_read = true;
        const std::size_t before = begin_again;
        while (begin_again < lists.size() && lists[begin_again].is_read) ++begin_again;
        if (begin_again > before && begin_again < lists.size() && !at(lists[begin_again].place))
            walked = Walked::stopped;
        return {};
    };
    const bool is_whole = calls_.each(
        std::move(paths), [&] { return walked == Walked::whole && may_go_on_(); }, on_reply);
    if (walked != Walked::whole) return walked;
    return is_whole ? through() : Walked::stopped;
}

}  // namespace pgcourier::backfill
