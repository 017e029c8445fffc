#include "doctor/senders.hpp"

#include "base/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace pgcourier::doctor {
namespace {

constexpr std::size_t kMostTold = 5;
// Everybody's: https://www.twilio.com/docs/whatsapp/sandbox
constexpr const char* kSandbox = "+14155238886";

/// `+336…78, +336…79 and 3 more`
std::string shown_numbers(const std::vector<std::string>& numbers) {
    std::string text;
    for (std::size_t i = 0; i < std::min(numbers.size(), kMostTold); ++i)
        text += (i == 0 ? "" : ", ") + masked(numbers[i]);
    if (numbers.size() > kMostTold) text += fmt::format(" and {} more", numbers.size() - kMostTold);
    return text;
}

}  // namespace

std::vector<twilio::WhatsappSender> those_of_ours(
    const std::vector<std::string>& numbers, const std::vector<twilio::WhatsappSender>& listed) {
    const std::set<std::string> wanted{numbers.begin(), numbers.end()};
    std::vector<twilio::WhatsappSender> ours;
    std::copy_if(
        listed.begin(), listed.end(), std::back_inserter(ours),
        [&wanted](const twilio::WhatsappSender& one) { return wanted.contains(one.number); });
    return ours;
}

std::vector<Verdict> judge_senders(const Wanted& wanted,
                                   const std::vector<twilio::WhatsappSender>& ours) {
    std::vector<Verdict> verdicts;
    const std::set<std::string> numbers{wanted.numbers.begin(), wanted.numbers.end()};
    std::vector<std::string> unknown;
    for (const std::string& number : numbers) {
        const auto found = std::find_if(ours.begin(), ours.end(),
                                        [&](const auto& one) { return one.number == number; });
        if (number == kSandbox) {
            verdicts.push_back({State::warn, "the number is Twilio's sandbox",
                                "Good for trying only: it writes to people who have joined it. "
                                "Register a WhatsApp sender"});
        } else if (found == ours.end()) {
            unknown.push_back(number);
        } else if (!found->is_online()) {
            verdicts.push_back({State::fail,
                                fmt::format("the sender {} is {}", masked(number), found->status),
                                "Nothing is sent or received on it: Twilio's console, Messaging, "
                                "Senders, says why"});
        }
    }
    if (!unknown.empty()) {
        verdicts.push_back(
            {wanted.is_list_whole ? State::fail : State::warn,
             fmt::format("no WhatsApp sender of this account{}: {}",
                         wanted.is_list_whole ? "" : " among the first thousand",
                         shown_numbers(unknown)),
             "Register the number with WhatsApp in Twilio's console, or correct it: pgcourier "
             "tenant list, TWILIO_WHATSAPP_NUMBER. Twilio refuses its messages with 63007"});
    }
    if (wanted.without_number > 0 && !wanted.has_common_number) {
        verdicts.push_back(
            {State::warn,
             fmt::format("{} tenants have no number, and TWILIO_WHATSAPP_NUMBER is not set",
                         wanted.without_number),
             "Give each a number, or set TWILIO_WHATSAPP_NUMBER: else what they write is a dead "
             "letter"});
    } else if (numbers.empty() && wanted.why_tenants_unread.empty()) {
        verdicts.push_back({State::warn, "there is no number to send from",
                            "pgcourier tenant add \"My shop\" --number +33712345678, or set "
                            "TWILIO_WHATSAPP_NUMBER"});
    }
    if (!wanted.why_tenants_unread.empty()) {
        Verdict& unread = verdicts.emplace_back();
        unread.state = State::skip;
        unread.found = "the tenants' own numbers were not looked at: " + wanted.why_tenants_unread;
    }
    if (verdicts.empty()) {
        verdicts.push_back({State::ok, numbers.size() == 1 ? masked(*numbers.begin()) + " is online"
                                                           : fmt::format("{} numbers, all online",
                                                                         numbers.size())});
    }
    return verdicts;
}

}  // namespace pgcourier::doctor
