#include "sim/message_store.hpp"

#include "base/address.hpp"
#include "base/environment.hpp"
#include "sim/json_object.hpp"

#include <algorithm>

namespace pgcourier::sim {
namespace {

using std::chrono::sys_days;

constexpr std::size_t kMostPerPage = 1000;
constexpr std::string_view kNext = "PA";      // a page token: the page after this sid…
constexpr std::string_view kPrevious = "PB";  // …or the one before it

// `2026-01-31`, whatever stands after it.
std::optional<sys_days> day_of(std::string_view text) {
    if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    const auto year = whole_number<int>(text.substr(0, 4));
    const auto month = whole_number<unsigned>(text.substr(5, 2));
    const auto day = whole_number<unsigned>(text.substr(8, 2));
    if (!year || !month || !day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{*month},
                                           std::chrono::day{*day}};
    if (!date.ok()) return std::nullopt;
    return sys_days{date};
}

bool is_within(const ListQuery& query, const std::optional<WallTime>& sent) {
    if (!query.sent_on && !query.sent_from && !query.sent_until) return true;
    if (!sent) return false;
    const auto day = std::chrono::floor<std::chrono::days>(*sent);
    return (!query.sent_on || day == *query.sent_on) &&
           (!query.sent_from || day >= *query.sent_from) &&
           (!query.sent_until || day <= *query.sent_until);
}

bool matches(const ListQuery& query, const Message& message) {
    return (query.to.empty() || bare_address(message.to) == query.to) &&
           (query.from.empty() || bare_address(message.from) == query.from) &&
           is_within(query, message.sent);
}

bool is_newer(const Message* a, const Message* b) {
    const auto time_a = a->sent.value_or(a->created);
    const auto time_b = b->sent.value_or(b->created);
    return time_a != time_b ? time_a > time_b : a->number > b->number;
}

}  // namespace

std::variant<ListQuery, std::string> read_list_query(const twilio::Params& params) {
    ListQuery query;
    for (const auto& [key, value] : params) {
        bool is_good = true;
        const auto day = [&, &value = value](std::optional<sys_days>& into) {
            into = day_of(value);
            is_good = into.has_value();
        };
        if (key == "To") {
            query.to = bare_address(value);
        } else if (key == "From") {
            query.from = bare_address(value);
        } else if (key == "DateSent") {
            day(query.sent_on);
        } else if (key == "DateSent>") {
            day(query.sent_from);
        } else if (key == "DateSent<") {
            day(query.sent_until);
        } else if (key == "PageSize") {
            const auto size = whole_number<std::size_t>(value);
            is_good = size && *size >= 1 && *size <= kMostPerPage;
            if (is_good) query.page_size = *size;
        } else if (key == "Page") {
            const auto page = whole_number<std::size_t>(value);
            is_good = page.has_value();
            query.page = page.value_or(0);
        } else if (key == "PageToken") {
            query.page_token = value;
        }
        if (!is_good) return key;
    }
    return query;
}

std::uint64_t MessageStore::add(Message message) {
    message.number = next_number_++;
    numbers_[message.sid] = message.number;
    messages_.push_back(std::move(message));
    if (keep_ > 0 && messages_.size() > keep_) {
        numbers_.erase(messages_.front().sid);
        messages_.pop_front();
    }
    return next_number_ - 1;
}

const Message* MessageStore::find(std::string_view sid) const {
    const auto found = numbers_.find(std::string{sid});
    if (found == numbers_.end()) return nullptr;
    return &messages_[found->second - messages_.front().number];
}

Message* MessageStore::find(std::uint64_t number) {
    if (messages_.empty() || number < messages_.front().number) return nullptr;
    const std::uint64_t index = number - messages_.front().number;
    return index < messages_.size() ? &messages_[index] : nullptr;
}

void MessageStore::clear() {
    messages_.clear();
    numbers_.clear();
}

Page MessageStore::list(const ListQuery& query, WallTime visible_until) const {
    std::vector<const Message*> found;
    for (auto message = messages_.rbegin(); message != messages_.rend(); ++message) {
        if (message->created <= visible_until && matches(query, *message))
            found.push_back(&*message);
    }
    std::sort(found.begin(), found.end(), is_newer);

    // The token holds a place between messages, so that one that arrives meanwhile shifts no page.
    std::size_t begin = std::min(query.page * query.page_size, found.size());
    if (query.page_token.size() > kNext.size()) {
        const std::string_view token{query.page_token};
        const auto place = std::find_if(found.begin(), found.end(), [&](const Message* message) {
            return message->sid == token.substr(kNext.size());
        });
        if (place != found.end()) {
            const auto index = static_cast<std::size_t>(place - found.begin());
            begin =
                token.starts_with(kPrevious) ? index - std::min(index, query.page_size) : index + 1;
        }
    }

    const std::size_t end = std::min(begin + query.page_size, found.size());
    Page page;
    for (std::size_t i = begin; i < end; ++i) page.messages.push_back(*found[i]);
    if (end < found.size()) page.next_token.append(kNext).append(found[end - 1]->sid);
    if (begin > 0 && begin < end) page.previous_token.append(kPrevious).append(found[begin]->sid);
    return page;
}

std::string to_json(const Page& page, const ListQuery& query, const twilio::Params& params,
                    std::string_view account_sid) {
    twilio::Params filters;
    for (const auto& [key, value] : params) {
        if (!key.starts_with("Page")) filters.emplace_back(key, value);
    }
    filters.emplace_back("PageSize", std::to_string(query.page_size));
    const auto uri_of = [&](std::size_t number, const std::string& token) {
        twilio::Params all = filters;
        all.emplace_back("Page", std::to_string(number));
        if (!token.empty()) all.emplace_back("PageToken", token);
        return messages_path(account_sid) + ".json?" + twilio::encode_form(all);
    };
    const auto neighbour = [&](std::size_t number, const std::string& token) {
        return token.empty() ? std::string{} : uri_of(number, token);
    };

    std::string items;
    for (const Message& message : page.messages) {
        if (!items.empty()) items += ',';
        items += to_json(message, account_sid);
    }
    const std::size_t start = query.page * query.page_size;
    const std::size_t end = start + std::max<std::size_t>(page.messages.size(), 1) - 1;
    return JsonObject{}
        .number("end", static_cast<long long>(end))
        .text("first_page_uri", uri_of(0, {}))
        .raw("messages", "[" + items + "]")
        .text_or_null("next_page_uri", neighbour(query.page + 1, page.next_token))
        .number("page", static_cast<long long>(query.page))
        .number("page_size", static_cast<long long>(query.page_size))
        .text_or_null(
            "previous_page_uri",
            neighbour(query.page - std::min<std::size_t>(query.page, 1), page.previous_token))
        .number("start", static_cast<long long>(start))
        .text("uri", uri_of(query.page, query.page_token))
        .done();
}

}  // namespace pgcourier::sim
