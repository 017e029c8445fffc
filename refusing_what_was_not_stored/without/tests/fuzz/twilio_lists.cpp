// Twilio's lists of messages, media and senders, and its dates: what is read is within its bounds;
// where our credentials go next (the next page, a medium) is below this account's own path and is
// printable ASCII; a date that is written is read again.
#include "base/clock.hpp"
#include "fuzz/support.hpp"
#include "twilio/account.hpp"
#include "twilio/media_list.hpp"
#include "twilio/message_list.hpp"
#include "twilio/sid.hpp"

#include <algorithm>
#include <cstdio>
#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using namespace std::chrono;
using fuzz::require;

namespace {

constexpr std::string_view kAccount = "AC00000000000000000000000000000001";
constexpr std::string_view kMessage = "MM00000000000000000000000000000001";
const std::string kOwn = "/2010-04-01/Accounts/AC00000000000000000000000000000001/";

bool is_url_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

void check_date(const std::optional<sys_seconds>& date) {
    if (!date) return;
    const year_month_day day{floor<days>(*date)};
    require(int{day.year()} >= -1 && int{day.year()} <= 10000, "a date is one of four digits");
}

std::string rfc2822(sys_seconds time) {
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    char text[96];
    std::snprintf(text, sizeof text, "Mon, %02u %s %04d %02d:%02d:%02d +0000", unsigned{date.day()},
                  kMonths[unsigned{date.month()} - 1], int{date.year()},
                  static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text;
}

void check_messages(std::string_view body) {
    const auto page = read_message_page(kAccount, body);
    if (!page) {
        require(!page.error().what.empty() && !fuzz::has_control(page.error().what),
                "a problem is told on one line");
        return;
    }
    require(page->messages.size() <= 1000, "a page has at most 1000 messages");
    for (const ListedMessage& message : page->messages) {
        require(is_message_sid(message.sid), "a message has a readable sid");
        require(message.num_media >= 0 && message.num_media <= 64, "it has at most 64 media");
        for (const std::string_view text :
             {std::string_view{message.to}, std::string_view{message.from},
              std::string_view{message.body}, std::string_view{message.direction},
              std::string_view{message.status}}) {
            require(fuzz::is_pg_text(text), "its texts are texts for PostgreSQL");
        }
        require(!message.is_inbound() || !message.is_outbound(), "it goes one way");
        for (const auto& date : {message.created, message.sent, message.updated}) check_date(date);
    }
    require(page->next_path.empty() || page->next_path.starts_with(kOwn + "Messages.json?"),
            "the next page is of this account");
    require(is_url_text(page->next_path), "the next page's path is printable ASCII");
}

void check_media(std::string_view body) {
    const auto media = read_media_list("https://api.example.test", kAccount, kMessage, body);
    if (!media) {
        require(!fuzz::has_control(media.error().what), "a problem is told on one line");
        return;
    }
    require(media->size() <= 64, "a message has at most 64 media");
    for (const Media& medium : *media) {
        require(medium.url.starts_with("https://api.example.test" + kOwn + "Messages/"),
                "a medium is below its message");
        require(medium.url.find("..") == std::string::npos && is_url_text(medium.url),
                "its URL is printable ASCII and leads nowhere else");
        require(fuzz::is_pg_text(medium.content_type), "its type is a text for PostgreSQL");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::string_view first = input.line();
    const std::string_view body = input.rest();
    check_messages(body);
    check_media(body);
    if (const auto senders = read_sender_page(body)) {
        for (const WhatsappSender& sender : senders->senders)
            require(fuzz::is_pg_text(sender.number) && fuzz::is_pg_text(sender.callback_url),
                    "a sender's texts are texts");
    }
    if (const auto account = read_account(body))
        require(!account->status.empty(), "an account has a status");

    const auto date = read_rfc2822(first);
    check_date(date);
    // One that is read and written again is the same; those at the ends of the calendar need a
    // fifth digit.
    if (date && *date >= sys_days{year{1} / 1 / 1} && *date < sys_days{year{9999} / 12 / 31})
        require(read_rfc2822(rfc2822(*date)) == date, "a date that is written is read again");
    return 0;
}
