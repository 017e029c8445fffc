#pragma once
// The numbers that messages are sent from, against those that Twilio lists as WhatsApp senders.
// Pure.

#include "doctor/finding.hpp"
#include "twilio/account.hpp"

#include <string>
#include <vector>

namespace pgcourier::doctor {

struct Wanted {
    std::vector<std::string> numbers;  // of the tenants, and TWILIO_WHATSAPP_NUMBER
    bool has_common_number = false;    // that is set
    std::size_t without_number = 0;    // tenants without one of their own
    std::string why_tenants_unread{};  // empty: all of them are known
    bool is_list_whole = true;         // Twilio has listed all its senders
};

/// The listed ones that have one of these numbers.
std::vector<twilio::WhatsappSender> those_of_ours(
    const std::vector<std::string>& numbers, const std::vector<twilio::WhatsappSender>& listed);

/// What is wrong, a verdict each, or one that all is well.
///
/// ours  those_of_ours()
std::vector<Verdict> judge_senders(const Wanted& wanted,
                                   const std::vector<twilio::WhatsappSender>& ours);

}  // namespace pgcourier::doctor
