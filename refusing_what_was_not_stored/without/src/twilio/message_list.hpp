#pragma once
// Twilio's list of messages: the path that asks for it, and one page of its answer, read without
// trust. https://www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources

#include "base/result.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::twilio {

/// Which messages. Addresses are bare, `whatsapp:` is added here; what is empty is left out.
struct ListFilter {
    std::string to;
    std::string from;
    std::size_t page_size = 50;  // 1..1000
    /// That Twilio sent, or received, on this day in GMT; one that it has not sent yet is left out.
    std::optional<std::chrono::sys_days> sent_on{};
};

struct ListedMessage {
    std::string sid;        // SM…, MM…
    std::string to;         // bare
    std::string from;       // bare; empty: a Messaging Service has not chosen one yet
    std::string body;       // as sent: of a template its rendered text
    std::string direction;  // inbound, outbound-api, outbound-reply, outbound-call
    std::string status;
    std::optional<std::chrono::sys_seconds> created;  // date_created; missing or no date: nullopt
    /// date_sent: of an inbound message the time of its webhook.
    std::optional<std::chrono::sys_seconds> sent{};
    std::optional<std::chrono::sys_seconds> updated{};  // date_updated
    int num_media = 0;
    std::optional<int> error_code{};

    bool is_inbound() const { return direction == "inbound"; }
    bool is_outbound() const { return direction.starts_with("outbound"); }
};

struct MessagePage {
    std::vector<ListedMessage> messages;  // newest first
    std::string next_path;                // below the API's base URL; empty: this was the last page
    int skipped = 0;                      // entries that are no message, where these are skipped
};

/// What an entry without a readable sid does: the page cannot be read, since that may be the one
/// which is looked for, or it is left out and counted.
enum class BadEntry { spoils, is_skipped };

/// `/2010-04-01/Accounts/AC…/Messages.json?To=…`, below TWILIO_API_BASE_URL.
std::string list_messages_path(std::string_view account_sid, const ListFilter& filter);

/// Reads the body of a 200.
///
/// returns  what is wrong with it instead: no such JSON, a message without a sid, more than 4 MiB
/// or
///          1000 messages, a next page that is not of this account's list
Result<MessagePage> read_message_page(std::string_view account_sid, std::string_view body,
                                      BadEntry bad_entry = BadEntry::spoils);

/// `Fri, 24 May 2019 17:44:46 +0000` (RFC 2822, section 3.3); the day of the week may be missing
/// and is not checked.
std::optional<std::chrono::sys_seconds> read_rfc2822(std::string_view text);

}  // namespace pgcourier::twilio
