#include "doctor/twilio.hpp"

#include "doctor/judge.hpp"
#include "doctor/senders.hpp"
#include "doctor/twilio_calls.hpp"
#include "doctor/webhook_url.hpp"
#include "twilio/account.hpp"
#include "twilio/message_list.hpp"

#include <fmt/format.h>

#include <array>

namespace pgcourier::doctor {
namespace {

constexpr std::array<const char*, 5> kChecks{"account", "clock", "sending", "senders",
                                             "webhook at Twilio"};
constexpr int kMostWebhooks = 5;

std::string advice_when_silent(const std::string& url) {
    return fmt::format(
        "Let this host reach {} (firewall, DNS, TLS certificates); TWILIO_API_BASE_URL says where",
        url);
}

class Examination {
  public:
    Examination(const Config& config, const FromDatabase& database, const Limits& limits,
                const Clock& clock, const Tell& tell)
        : config_{config},
          database_{database},
          limits_{limits},
          part_{"twilio", tell},
          calls_{limits, clock} {}

    std::vector<std::string> run() {
        if (config_.is_production && !config_.calls_twilio()) {
            part_.warn("api",
                       fmt::format("{} is not Twilio's: credentials and messages go there",
                                   config_.twilio_api_base_url),
                       "Unset TWILIO_API_BASE_URL, unless that is a proxy of your own or the "
                       "simulated Twilio (PGCOURIER_ENV=development says so)");
        }
        look("account", [this] { check_account(); });
        look("clock", [this] { check_clock(); });
        if (!config_.twilio_auth_token_secondary.empty())
            look("secondary token", [this] { check_secondary(); });
        look("sending", [this] { check_sending(); });
        look("senders", [this] { check_senders(); });
        look("webhook at Twilio", [this] { check_webhooks(); });
        std::vector<std::string> urls;
        for (const twilio::WhatsappSender& sender : senders_) {
            if (!sender.callback_url.empty()) urls.push_back(sender.callback_url);
        }
        return urls;
    }

  private:
    template <class Body>
    void look(const char* check, Body body) {
        if (!why_not_.empty()) return part_.skip(check, why_not_);
        body();
    }
    void say(const char* check, Verdict verdict) {
        part_.add(check, verdict.state, std::move(verdict.found), std::move(verdict.advice));
    }

    Credentials token(const Secret& secret, const char* variable) const {
        return {config_.twilio_account_sid, secret, variable};
    }
    /// As the sender takes them.
    Credentials sending() const {
        if (!config_.twilio_api_key_sid.empty())
            return {config_.twilio_api_key_sid, config_.twilio_api_key_secret,
                    "TWILIO_API_KEY_SECRET"};
        return token(config_.twilio_auth_token, "TWILIO_AUTH_TOKEN");
    }

    /// returns  whether something came; when not, nobody is asked again
    bool has_answered(const char* check, const Answer& answer) {
        if (answer.is_there()) return true;
        part_.fail(check,
                   fmt::format("no answer from {}: {}", config_.twilio_api_base_url, answer.why),
                   advice_when_silent(config_.twilio_api_base_url));
        why_not_ = "Twilio did not answer";
        return false;
    }

    std::string missing_credentials() const {
        const bool has_sid = !config_.twilio_account_sid.empty();
        const bool has_token = !config_.twilio_auth_token.empty();
        return has_sid     ? "TWILIO_AUTH_TOKEN is not set"
               : has_token ? "TWILIO_ACCOUNT_SID is not set"
                           : "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are not set";
    }

    void check_account();
    void check_clock();
    void check_secondary();
    void check_sending();
    void check_senders();
    void check_webhooks();

    const Config& config_;
    const FromDatabase& database_;
    const Limits& limits_;
    Part part_;
    TwilioCalls calls_;
    std::string why_not_;
    std::optional<Answer::Ahead> ahead_;
    std::string why_no_list_;  // not even asked for the senders; empty: they can be
    bool are_senders_read_ = false;
    bool is_any_number_known_ = false;
    std::vector<twilio::WhatsappSender> senders_;  // of ours, those that Twilio lists
};

void Examination::check_account() {
    if (config_.twilio_account_sid.empty() || config_.twilio_auth_token.empty()) {
        return part_.skip("account", missing_credentials());
    }
    const Answer answer =
        calls_.get(config_.twilio_api_base_url + twilio::account_path(config_.twilio_account_sid),
                   token(config_.twilio_auth_token, "TWILIO_AUTH_TOKEN"));
    if (!has_answered("account", answer)) return;
    ahead_ = answer.ahead;
    if (answer.is_refusal()) {
        return part_.fail(
            "account",
            fmt::format("Twilio refuses TWILIO_AUTH_TOKEN for {}: {}", config_.twilio_account_sid,
                        answer.why),
            "Copy the account SID and its auth token from Twilio's console, Account info: no "
            "webhook's signature fits with another one");
    }
    if (!answer.is_good()) {
        return part_.fail("account", fmt::format("Twilio says {}", answer.why),
                          "Try again; https://status.twilio.com tells of outages");
    }
    const auto account = twilio::read_account(answer.body);
    if (!account) {
        return part_.fail("account", account.error().what,
                          "Is TWILIO_API_BASE_URL Twilio's, and no proxy's page?");
    }
    const std::string found =
        fmt::format("{} is {} ({})", config_.twilio_account_sid, account->status,
                    account->type.empty() ? "no type" : account->type);
    if (account->status != "active") {
        return part_.fail("account", found,
                          "Nothing is sent or received meanwhile: Twilio's console says why");
    }
    if (account->type == "Trial") {
        return part_.warn("account", found,
                          "A trial account writes to verified numbers only: upgrade it");
    }
    part_.ok("account", found);
}

void Examination::check_clock() {
    if (!ahead_) {
        const bool was_asked =
            !config_.twilio_account_sid.empty() && !config_.twilio_auth_token.empty();
        return part_.skip("clock",
                          was_asked ? "no answer of Twilio had a Date" : missing_credentials());
    }
    say("clock", judge_clock(ahead_->by, ahead_->uncertainty, "Twilio's clock", limits_));
}

void Examination::check_secondary() {
    const Answer answer =
        calls_.get(config_.twilio_api_base_url + twilio::account_path(config_.twilio_account_sid),
                   token(config_.twilio_auth_token_secondary, "TWILIO_AUTH_TOKEN_SECONDARY"));
    if (!has_answered("secondary token", answer)) return;
    if (answer.is_good()) return part_.ok("secondary token", "Twilio takes it");
    part_.warn("secondary token",
               fmt::format("Twilio does not take TWILIO_AUTH_TOKEN_SECONDARY: {}", answer.why),
               "Correct it, or leave it out when the rotation is over");
}

void Examination::check_sending() {
    const Credentials credentials = sending();
    if (config_.twilio_account_sid.empty() || credentials.password.empty()) {
        why_no_list_ = "the credentials of the sender are not set";
        return part_.skip("sending", why_no_list_);
    }
    const Answer answer =
        calls_.get(config_.twilio_api_base_url +
                       twilio::list_messages_path(config_.twilio_account_sid, {.page_size = 1}),
                   credentials);
    if (!has_answered("sending", answer)) return;
    if (!answer.is_good())
        why_no_list_ = answer.is_refusal() ? "Twilio refuses the credentials"
                                           : "Twilio does not answer as it should";
    const bool has_key = !config_.twilio_api_key_sid.empty();
    if (answer.is_good()) {
        return part_.ok("sending",
                        has_key ? fmt::format("with the API key {}", config_.twilio_api_key_sid)
                                : "with the auth token; an API key could be revoked alone");
    }
    if (answer.is_refusal()) {
        return part_.fail(
            "sending",
            fmt::format("Twilio refuses {} for the messages of {}: {}", credentials.variable,
                        config_.twilio_account_sid, answer.why),
            has_key ? "Make a standard API key of this very account; a restricted one must read "
                      "and create messages"
                    : "Correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN");
    }
    part_.fail("sending", fmt::format("Twilio says {}", answer.why),
               "Try again; https://status.twilio.com tells of outages");
}

void Examination::check_senders() {
    std::vector<std::string> wanted = database_.numbers;
    if (!config_.twilio_whatsapp_number.empty()) wanted.push_back(config_.twilio_whatsapp_number);
    is_any_number_known_ = !wanted.empty();
    if (!why_no_list_.empty()) return part_.skip("senders", why_no_list_);
    const Answer answer = calls_.get(twilio::senders_url(config_.twilio_api_base_url), sending());
    if (!has_answered("senders", answer)) return;
    if (!answer.is_good()) {
        return part_.warn(
            "senders", fmt::format("the list of WhatsApp senders cannot be read: {}", answer.why),
            "A standard API key or the auth token may read it; else look in Twilio's console, "
            "Messaging, Senders, whether each number is online");
    }
    auto page = twilio::read_sender_page(answer.body);
    if (!page) {
        return part_.warn("senders", page.error().what,
                          "Look in Twilio's console, Messaging, Senders, whether each number is "
                          "online");
    }
    are_senders_read_ = true;
    senders_ = those_of_ours(wanted, page->senders);
    for (Verdict& verdict : judge_senders({.numbers = std::move(wanted),
                            .has_common_number = !config_.twilio_whatsapp_number.empty(),
                            .without_number = database_.without_number,
                            .why_tenants_unread = database_.why_unread,
                            .is_list_whole = !page->has_more},
                                          senders_))
        say("senders", std::move(verdict));
}

void Examination::check_webhooks() {
    constexpr const char* kCheck = "webhook at Twilio";
    if (!are_senders_read_) return part_.skip(kCheck, "the list of senders cannot be read");
    if (senders_.empty()) {
        return part_.skip(kCheck, is_any_number_known_ ? "Twilio lists none of these numbers"
                                  : database_.why_unread.empty()
                                      ? "there is no number to send from"
                                      : "no number to send from is known");
    }
    if (config_.webhook_public_url.empty())
        return part_.skip(kCheck, "WEBHOOK_PUBLIC_URL is not set, with which it is compared");
    int told = 0;
    std::optional<Verdict> good;
    for (const twilio::WhatsappSender& sender : senders_) {
        Verdict verdict = judge_configured_webhook(sender, config_.webhook_public_url);
        if (verdict.state == State::ok) {
            good = std::move(verdict);
        } else if (++told <= kMostWebhooks) {
            say(kCheck, std::move(verdict));
        }
    }
    if (told > kMostWebhooks) {
        return part_.warn(kCheck, fmt::format("{} more like these", told - kMostWebhooks),
                          "Correct these first, then run it again");
    }
    if (told > 0) return;
    if (senders_.size() > 1)
        good->found = fmt::format("{} senders call {} and repeat what failed", senders_.size(),
                                  webhook_url(config_.webhook_public_url));
    say(kCheck, std::move(*good));
}

}  // namespace

std::vector<std::string> examine_twilio(const std::optional<Config>& config,
                                        const FromDatabase& database, const Limits& limits,
                                        const Clock& clock, const Tell& tell) {
    if (config) return Examination{*config, database, limits, clock, tell}.run();
    Part part{"twilio", tell};
    for (const char* check : kChecks) part.skip(check, "the configuration cannot be read");
    return {};
}

}  // namespace pgcourier::doctor
