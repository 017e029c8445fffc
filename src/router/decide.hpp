#pragma once
// What becomes of an event: a pure function of the event as claimed and of what it says. Which
// tenant has the number and whether a seller wrote is looked up by the claim.

#include "twilio/event.hpp"
#include "twilio/opt_out.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pgcourier::router {

/// An event as the claim returns it. Its texts live as long as the claim.
struct Claimed {
    std::int64_t id = 0;
    twilio::EventKind kind = twilio::EventKind::unrecognized;
    twilio::BodyFormat format = twilio::BodyFormat::form;
    std::string_view raw;  // empty when unrecognized
    std::string_view query;
    std::int64_t said_at = 0;  // at Twilio or when it came, microseconds since 2000-01-01 UTC
    std::string_view correlation_id;
    std::chrono::microseconds age{0};  // when it was claimed, by the database's clock
    // Who has the number: for a message the receiver's, for a callback the sender's.
    std::optional<std::string_view> tenant;
    bool is_seller = false;  // a phone of this tenant's sellers wrote it
};

enum class MessageType { unknown_tenant, seller, client };

/// `seller`, `client`; empty when the tenant is unknown.
std::string_view to_text(MessageType type);

/// A message to be stored, and the opt-out word that it is, whoever wrote it.
struct StoreMessage {
    twilio::InboundMessage message;
    MessageType type = MessageType::unknown_tenant;
    twilio::OptWord opt_word = twilio::OptWord::none;
    std::vector<std::string> persons;  // the addresses for which the word holds; empty without one
};

/// News of a sent message, which is the outbox's business.
struct HandOver {
    twilio::StatusUpdate update;
};

/// An event that nothing follows from.
struct RecordOnly {};

/// Its shop's rows are locked by somebody else: it goes back into the queue.
struct Postpone {
    std::chrono::milliseconds wait{0};
};

/// Nothing is written about the event. No event is decided so; for benches.
struct NoEffect {};

using Decision = std::variant<StoreMessage, HandOver, RecordOnly, Postpone, NoEffect>;

/// The whole routing policy. `said` is what `claimed.raw` says.
///
/// throws  std::logic_error when the event was stored as something else than what its body says: a
/// poison event
Decision decide(const Claimed& claimed, twilio::Event said);

/// Reads the event and decides.
Decision decide(const Claimed& claimed);

}  // namespace pgcourier::router
