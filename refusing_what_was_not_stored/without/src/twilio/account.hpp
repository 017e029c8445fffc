#pragma once
// Twilio's account and its WhatsApp senders, as `pgcourier doctor` asks for them: only read, and
// read without trust.
// https://www.twilio.com/docs/iam/api/account https://www.twilio.com/docs/whatsapp/api/senders

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::twilio {

struct AccountState {
    std::string status;  // active, suspended, closed
    std::string type;    // Full, Trial
};

/// `/2010-04-01/Accounts/AC….json`, below TWILIO_API_BASE_URL. Answered to the auth token and to a
/// main API key, not to standard and restricted ones.
std::string account_path(std::string_view account_sid);

/// Reads the body of a 200. It has the auth token in it, which is left there.
/// returns  what is wrong with it instead
Result<AccountState> read_account(std::string_view body);

struct WhatsappSender {
    std::string number;  // bare
    std::string status;  // ONLINE, OFFLINE, CREATING…
    std::string callback_url;
    std::string callback_method;
    std::string fallback_url;

    /// Whether it sends and receives.
    bool is_online() const { return status == "ONLINE" || status == "ONLINE:UPDATING"; }
};

struct SenderPage {
    std::vector<WhatsappSender> senders;
    bool has_more = false;  // it was not the last page
};

/// Where the list of senders is: Twilio has it on another host than the Messages API.
///
/// api_base_url  TWILIO_API_BASE_URL; `https://api.….twilio.com` becomes
///               `https://messaging.….twilio.com`, any other is taken for a stand-in that serves
///               both
std::string senders_url(std::string_view api_base_url);

/// Reads the body of a 200.
/// returns  what is wrong with it instead
Result<SenderPage> read_sender_page(std::string_view body);

}  // namespace pgcourier::twilio
