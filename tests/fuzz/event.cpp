// A body that verified, read and routed: any bytes give an event whose kind, content and key agree
// and whose texts PostgreSQL can hold; whatever the tenant and the writer, the decision is one of
// those documented, its word is the same, and a word has the persons for whom it holds. A form that
// is decoded and encoded anew is the same event.
#include "twilio/event.hpp"

#include "fuzz/support.hpp"
#include "router/decide.hpp"
#include "twilio/form.hpp"
#include "twilio/sid.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

bool is_object(const std::string& json) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(json.c_str(), json.size());
    return !document.HasParseError() && document.IsObject();
}

void check_texts(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts)
        require(fuzz::is_pg_text(text), "a text of an event is one for PostgreSQL");
}

void check(const Event& event) {
    check_texts({event.key, event.from, event.to});
    require(!event.key.empty() && event.key.size() <= 200 && !fuzz::has_control(event.key),
            "a key is short and readable");
    if (const auto* message = std::get_if<InboundMessage>(&event.content)) {
        require(event.kind == EventKind::inbound, "an inbound message is inbound");
        require(event.key == "msg:" + message->message_sid && is_message_sid(message->message_sid),
                "a message's key is its sid");
        require(event.from == message->from && event.to == message->to,
                "its sides are the event's");
        require(!event.from.empty() && event.from.size() <= 160 && event.to.starts_with('+'),
                "it has a writer and a number of ours");
        check_texts({message->body, message->profile_name, message->wa_id,
                     message->external_user_id, message->opt_out_type, message->details_json});
        require(message->media.size() <= 64, "it has at most 64 media");
        for (const Media& medium : message->media) {
            check_texts({medium.url, medium.content_type});
            require(!medium.url.empty(), "a medium has a URL");
        }
        require(message->details_json.empty() || is_object(message->details_json),
                "details are a JSON object or nothing");
    } else if (const auto* update = std::get_if<StatusUpdate>(&event.content)) {
        require(event.kind == EventKind::status, "a status update is one");
        require(event.key == "status:" + update->message_sid + ":" + update->status &&
                    is_message_sid(update->message_sid) && is_message_status(update->status),
                "its key is its sid and its status");
        check_texts({update->error_message, update->from, update->to, update->outbound_id});
        require(update->outbound_id.size() <= 600, "its reference is short");
        require(!update->outbound_attempt || *update->outbound_attempt > 0, "its attempt counts");
    } else {
        require(event.kind == EventKind::unrecognized && event.key.starts_with("raw:"),
                "anything else is unrecognized");
        require(event.from.empty() && event.to.empty(), "which has no sides");
    }
}

void check_decisions(const Event& event, router::Claimed claimed) {
    std::optional<OptWord> word;
    for (const EventKind kind : {EventKind::inbound, EventKind::status, EventKind::unrecognized}) {
        claimed.kind = kind;
        for (const auto& [has_tenant, is_seller] :
             {std::pair{false, false}, {true, false}, {true, true}}) {
            claimed.tenant = has_tenant ? std::optional{"tenant"} : std::nullopt;
            claimed.is_seller = is_seller;
            const bool is_poison = kind != EventKind::unrecognized && kind != event.kind;
            try {
                const router::Decision decision = router::decide(claimed);
                require(!is_poison, "an event that reads as something else is refused");
                if (const auto* store = std::get_if<router::StoreMessage>(&decision)) {
                    require(kind == EventKind::inbound, "only a message is stored");
                    require(store->type == (!has_tenant ? router::MessageType::unknown_tenant
                                            : is_seller ? router::MessageType::seller
                                                        : router::MessageType::client),
                            "by who wrote it");
                    const bool has_word = store->opt_word != OptWord::none;
                    require(word.value_or(store->opt_word) == store->opt_word,
                            "its word is its own, whoever wrote it to whom");
                    word = store->opt_word;
                    require(has_word != store->persons.empty(), "a word holds for somebody");
                    require(!has_word || store->persons[0] == event.from, "first for who wrote it");
                } else if (std::holds_alternative<router::HandOver>(decision)) {
                    require(kind == EventKind::status, "only a status update is handed over");
                } else {
                    require(kind == EventKind::unrecognized, "only the rest is recorded alone");
                }
            } catch (const std::logic_error&) {
                require(is_poison, "only an event that reads as something else is refused");
            }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const BodyFormat format =
        input.line().starts_with("json") ? BodyFormat::json : BodyFormat::form;
    const std::string query{input.line()};
    const std::string token{input.line()};
    const std::string raw{input.rest()};

    const Event event = parse_event(format, raw, query, token);
    check(event);
    check(parse_event(format, raw, raw, raw));  // the same bytes in every place
    if (format == BodyFormat::form) {
        const Event again = parse_event(format, encode_form(decode_form(raw)),
                                        encode_form(decode_form(query)), token);
        require(again.kind == event.kind && again.from == event.from && again.to == event.to,
                "encoded anew it is the same event");
        require(event.kind == EventKind::unrecognized || again.key == event.key,
                "encoded anew it has the same key");
    }
    router::Claimed claimed;
    claimed.id = 7;
    claimed.format = format;
    claimed.raw = raw;
    claimed.query = query;
    check_decisions(event, claimed);
    return 0;
}
