#include "router/decide.hpp"

#include "base/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace pgcourier::router {
namespace {

MessageType message_type(const Claimed& claimed) {
    if (!claimed.tenant) return MessageType::unknown_tenant;
    return claimed.is_seller ? MessageType::seller : MessageType::client;
}

/// Twilio's own verdict, where Advanced Opt-Out gave one, knows the words that the shop configured
/// there.
twilio::OptWord opt_word(const twilio::InboundMessage& message) {
    if (message.opt_out_type == "STOP") return twilio::OptWord::stop;
    if (message.opt_out_type == "START") return twilio::OptWord::start;
    return twilio::opt_word(message.body, message.is_choice);
}

/// Every address under which the person may be written to. From is checked by the parser.
std::vector<std::string> persons(const twilio::InboundMessage& message) {
    std::vector<std::string> found{message.from};
    const auto add = [&found](std::string address) {
        if (std::ranges::find(found, address) == found.end()) found.push_back(std::move(address));
    };
    if (std::string number = "+" + message.wa_id; is_e164(number)) add(std::move(number));
    if (is_user_id(message.external_user_id)) add(message.external_user_id);
    return found;
}

}  // namespace

std::string_view to_text(MessageType type) {
    switch (type) {
        case MessageType::seller:
            return "seller";
        case MessageType::client:
            return "client";
        case MessageType::unknown_tenant:
            break;
    }
    return "";
}

Decision decide(const Claimed& claimed, twilio::Event said) {
    if (claimed.kind == twilio::EventKind::unrecognized) return RecordOnly{};
    if (said.kind != claimed.kind) {
        throw std::logic_error{fmt::format("event {} was stored as {} and reads as {}", claimed.id,
                                           twilio::to_text(claimed.kind),
                                           twilio::to_text(said.kind))};
    }
    if (auto* update = std::get_if<twilio::StatusUpdate>(&said.content))
        return HandOver{std::move(*update)};

    StoreMessage decision{.message = std::get<twilio::InboundMessage>(std::move(said.content)),
                          .type = message_type(claimed),
                          .opt_word = twilio::OptWord::none,
                          .persons = {}};
    // Of which shops it holds is looked up: a seller cannot opt out of their own, and other shops
    // may send from the same number, also from one that nobody has.
    decision.opt_word = opt_word(decision.message);
    if (decision.opt_word != twilio::OptWord::none) decision.persons = persons(decision.message);
    return decision;
}

Decision decide(const Claimed& claimed) {
    if (claimed.kind == twilio::EventKind::unrecognized) return RecordOnly{};
    return decide(claimed, twilio::parse_event(claimed.format, claimed.raw, claimed.query, ""));
}

}  // namespace pgcourier::router
