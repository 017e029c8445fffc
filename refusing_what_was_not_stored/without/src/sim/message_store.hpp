#pragma once
// All messages of the simulated account, in memory, and Twilio's way of listing them. Not
// thread-safe: the simulator that owns it has a mutex.

#include "sim/message.hpp"
#include "twilio/form.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace pgcourier::sim {

struct ListQuery {
    std::string to;  // addresses are compared without `whatsapp:`; empty: any
    std::string from;
    // Days in GMT, all inclusive; with any of them a message that is not sent yet is left out.
    std::optional<std::chrono::sys_days> sent_on;
    std::optional<std::chrono::sys_days> sent_from;
    std::optional<std::chrono::sys_days> sent_until;
    std::size_t page_size = 50;  // 1..1000
    std::size_t page = 0;
    std::string page_token;
};

/// Reads the query of a list call: To, From, DateSent, `DateSent>`, `DateSent<`, PageSize, Page,
/// PageToken. Of a date with a time only the day counts, as at Twilio.
///
/// returns  the name of the first parameter that is wrong instead
std::variant<ListQuery, std::string> read_list_query(const twilio::Params& params);

struct Page {
    std::vector<Message> messages;  // newest first
    std::string next_token;         // empty on the last page
    std::string previous_token;     // empty on the first
};

class MessageStore {
  public:
    /// keep  how many are remembered, the newest; 0: all
    explicit MessageStore(std::size_t keep) : keep_{keep} {}

    /// Numbers the message and keeps it; forgets the oldest when there are too many.
    /// returns  its number
    std::uint64_t add(Message message);
    /// returns  nullptr when there is none, or it is forgotten; valid until the next add or clear
    const Message* find(std::string_view sid) const;
    Message* find(std::uint64_t number);
    std::size_t size() const { return messages_.size(); }
    void clear();

    /// visible_until  messages created later are not listed yet
    Page list(const ListQuery& query, WallTime visible_until) const;

  private:
    std::size_t keep_;
    std::uint64_t next_number_ = 0;
    std::deque<Message> messages_;                            // with consecutive numbers
    std::unordered_map<std::string, std::uint64_t> numbers_;  // by sid
};

/// The list resource: the page with its addresses, which repeat the call's filters.
std::string to_json(const Page& page, const ListQuery& query, const twilio::Params& params,
                    std::string_view account_sid);

}  // namespace pgcourier::sim
