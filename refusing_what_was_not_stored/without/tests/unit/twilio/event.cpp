#include "twilio/event.hpp"

#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "twilio/form.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::twilio;

namespace {

const std::string kSid = "SM00000000000000000000000000000001";
const std::string kAccount = "AC00000000000000000000000000000001";

/// What Twilio posts for a text on WhatsApp; `more` comes on top, a key of it replaces the same key
/// here.
Params a_message(const Params& more = {}) {
    Params params{{"SmsMessageSid", kSid},
                  {"NumMedia", "0"},
                  {"ProfileName", "Zoé"},
                  {"MessageType", "text"},
                  {"SmsSid", kSid},
                  {"WaId", "33612345678"},
                  {"SmsStatus", "received"},
                  {"Body", "Bonjour"},
                  {"To", "whatsapp:+33700000001"},
                  {"NumSegments", "1"},
                  {"ReferralNumMedia", "0"},
                  {"MessageSid", kSid},
                  {"AccountSid", kAccount},
                  {"From", "whatsapp:+33612345678"},
                  {"ApiVersion", "2010-04-01"}};
    for (const auto& [key, value] : more) {
        std::erase_if(params, [&](const auto& pair) { return pair.first == key; });
        params.emplace_back(key, value);
    }
    return params;
}

Params a_callback(const std::string& status, const Params& more = {}) {
    Params params{{"ChannelPrefix", "whatsapp"},
                  {"ApiVersion", "2010-04-01"},
                  {"MessageStatus", status},
                  {"SmsSid", kSid},
                  {"SmsStatus", status},
                  {"ChannelInstallSid", "XE00000000000000000000000000000001"},
                  {"To", "whatsapp:+33612345678"},
                  {"From", "whatsapp:+33700000001"},
                  {"MessageSid", kSid},
                  {"AccountSid", kAccount},
                  {"ChannelToAddress", "+3361234XXXX"}};
    params.insert(params.end(), more.begin(), more.end());
    return params;
}

Event parsed(const Params& params, std::string_view query = {}) {
    return parse_event(BodyFormat::form, encode_form(params), query, {});
}

InboundMessage message_of(const Event& event) {
    BOOST_REQUIRE(event.kind == EventKind::inbound);
    return std::get<InboundMessage>(event.content);
}

StatusUpdate update_of(const Event& event) {
    BOOST_REQUIRE(event.kind == EventKind::status);
    return std::get<StatusUpdate>(event.content);
}

std::string details_of(const Params& more) {
    Params params = a_message(more);
    std::erase_if(params, [](const auto& pair) { return pair.first == "MessageType"; });
    return message_of(parsed(params)).details_json;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_text_is_an_inbound_message) {
    const Event event = parsed(a_message());
    BOOST_TEST(event.key == "msg:" + kSid);
    BOOST_TEST(event.from == "+33612345678");
    BOOST_TEST(event.to == "+33700000001");

    const InboundMessage message = message_of(event);
    BOOST_TEST(message.message_sid == kSid);
    BOOST_TEST(message.account_sid == kAccount);
    BOOST_TEST(message.from == "+33612345678");
    BOOST_TEST(message.to == "+33700000001");
    BOOST_TEST(message.body == "Bonjour");
    BOOST_TEST(message.profile_name == "Zoé");
    BOOST_TEST(message.wa_id == "33612345678");
    BOOST_TEST(message.external_user_id == "");
    BOOST_TEST(message.opt_out_type == "");
    BOOST_TEST(message.media.empty());
    BOOST_TEST(message.details_json == R"({"message_type":"text"})");
}

BOOST_AUTO_TEST_CASE(a_message_needs_little) {
    const Event event = parsed(
        {{"MessageSid", kSid}, {"From", "whatsapp:+33612345678"}, {"To", "whatsapp:+33700000001"}});
    BOOST_TEST(message_of(event).body == "");
    BOOST_TEST(message_of(event).details_json == "");
}

BOOST_AUTO_TEST_CASE(all_media_are_kept_in_order) {
    const Event event = parsed(a_message({{"NumMedia", "2"},
                                          {"Body", ""},
                                          {"MediaContentType1", "audio/ogg"},
                                          {"MediaUrl0", "https://api.twilio.com/m/ME0"},
                                          {"MediaContentType0", "image/jpeg"},
                                          {"MediaUrl1", "https://api.twilio.com/m/ME1"}}));
    const std::vector<Media> expected{{"https://api.twilio.com/m/ME0", "image/jpeg"},
                                      {"https://api.twilio.com/m/ME1", "audio/ogg"}};
    BOOST_TEST((message_of(event).media == expected));
}

BOOST_AUTO_TEST_CASE(a_wrong_number_of_media_harms_nothing) {
    BOOST_TEST(message_of(parsed(a_message({{"NumMedia", "999999999"}}))).media.empty());
    BOOST_TEST(
        message_of(parsed(a_message({{"NumMedia", "-1"}, {"MediaUrl0", "u"}}))).media.size() == 1U);
    BOOST_TEST(
        message_of(parsed(a_message({{"NumMedia", "x"}, {"MediaUrl0", "u"}}))).media.size() == 1U);
    BOOST_TEST(
        message_of(parsed(a_message({{"NumMedia", "2"}, {"MediaUrl1", "u"}}))).media.size() == 1U);
}

BOOST_AUTO_TEST_CASE(buttons_lists_locations_and_quotes_are_kept) {
    BOOST_TEST(details_of({}) == "");
    BOOST_TEST(details_of({{"ButtonText", "Oui \"oui\""},
                           {"ButtonPayload", "yes_1"},
                           {"ButtonType", "QUICK_REPLY"}}) ==
               R"({"button":{"text":"Oui \"oui\"","payload":"yes_1","type":"QUICK_REPLY"}})");
    BOOST_TEST(details_of({{"ListId", "l1"}, {"ListTitle", "Taille M"}, {"ListDescription", ""}}) ==
               R"({"list":{"id":"l1","title":"Taille M"}})");
    BOOST_TEST(
        details_of({{"Latitude", "48.8566"},
                    {"Longitude", "2.3522"},
                    {"Address", "Paris"},
                    {"Label", "Hôtel de Ville"}}) ==
        R"({"location":{"latitude":"48.8566","longitude":"2.3522","address":"Paris","label":"Hôtel de Ville"}})");
    BOOST_TEST(
        details_of({{"OriginalRepliedMessageSid", "SM00000000000000000000000000000002"},
                    {"OriginalRepliedMessageSender", "whatsapp:+33700000001"}}) ==
        R"({"quoted":{"message_sid":"SM00000000000000000000000000000002","sender":"+33700000001"}})");
    BOOST_TEST(details_of({{"Forwarded", "true"}, {"FrequentlyForwarded", "true"}}) ==
               R"({"forwarded":true,"frequently_forwarded":true})");
    BOOST_TEST(details_of({{"Forwarded", "false"}}) == "");
}

BOOST_AUTO_TEST_CASE(an_advertisement_is_kept_and_its_everlasting_zero_is_not) {
    BOOST_TEST(
        details_of({{"ReferralNumMedia", "1"},
                    {"ReferralBody", "Soldes"},
                    {"ReferralHeadline", "-50 %"},
                    {"ReferralSourceId", "120"},
                    {"ReferralSourceType", "ad"},
                    {"ReferralSourceUrl", "https://fb.me/x"},
                    {"ReferralMediaId", "9"},
                    {"ReferralMediaContentType", "image/jpeg"},
                    {"ReferralMediaUrl", "https://m"},
                    {"ReferralCtwaClid", "clid"}}) ==
        R"({"referral":{"body":"Soldes","headline":"-50 %","source_id":"120","source_type":"ad","source_url":"https://fb.me/x",)"
        R"("media_id":"9","media_content_type":"image/jpeg","media_url":"https://m","ctwa_clid":"clid","num_media":"1"}})");
}

BOOST_AUTO_TEST_CASE(embedded_json_stays_json) {
    BOOST_TEST(details_of({{"InteractiveData", R"({"a": [1, "\u0000"]})"},
                           {"FlowData", "no json"},
                           {"ChannelMetadata", "{\"type\":\"x\"}"}}) ==
               "{\"interactive_data\":{\"a\":[1,\"\uFFFD\"]},\"flow_data\":\"no "
               "json\",\"channel_metadata\":{\"type\":\"x\"}}");
}

BOOST_AUTO_TEST_CASE(a_person_who_hides_the_number_writes_by_user_id) {
    const Event event = parsed(a_message({{"From", "whatsapp:FR.13491208655302741918"},
                                          {"ExternalUserId", "whatsapp:FR.13491208655302741918"},
                                          {"WaId", ""}}));
    BOOST_TEST(event.from == "FR.13491208655302741918");
    BOOST_TEST(message_of(event).external_user_id == "FR.13491208655302741918");
    BOOST_TEST(message_of(event).wa_id == "");
}

BOOST_AUTO_TEST_CASE(an_opt_out_type_is_kept) {
    BOOST_TEST(message_of(parsed(a_message({{"OptOutType", "STOP"}}))).opt_out_type == "STOP");
}

BOOST_AUTO_TEST_CASE(a_callback_is_a_status_update) {
    const Event event = parsed(a_callback("delivered"));
    BOOST_TEST(event.key == "status:" + kSid + ":delivered");
    BOOST_TEST(event.from == "+33700000001");
    BOOST_TEST(event.to == "+33612345678");

    const StatusUpdate update = update_of(event);
    BOOST_TEST(update.message_sid == kSid);
    BOOST_TEST(update.status == "delivered");
    BOOST_TEST(!update.error_code.has_value());
    BOOST_TEST(update.outbound_id == "");
    BOOST_TEST(!update.outbound_attempt.has_value());
}

BOOST_AUTO_TEST_CASE(a_callback_tells_which_message_and_attempt_it_belongs_to) {
    const StatusUpdate update =
        update_of(parsed(a_callback("sent"), "m=0f8fad5b-d9cb-469f-a165-70867728950e&a=3"));
    BOOST_TEST(update.outbound_id == "0f8fad5b-d9cb-469f-a165-70867728950e");
    BOOST_TEST(update.outbound_attempt.value() == 3);

    const StatusUpdate odd =
        update_of(parsed(a_callback("sent"), "m=" + std::string(201, 'x') + "&a=99999999999"));
    BOOST_TEST(odd.outbound_id == "");
    BOOST_TEST(!odd.outbound_attempt.has_value());
    for (const char* query : {"a=0", "a=-1", "a=1x", "a=", "a", "m&a=%00"}) {
        BOOST_TEST(!update_of(parsed(a_callback("sent"), query)).outbound_attempt.has_value(),
                   query);
    }
}

BOOST_AUTO_TEST_CASE(a_failed_callback_says_why) {
    const StatusUpdate update = update_of(
        parsed(a_callback("undelivered", {{"ErrorCode", "63016"}, {"ErrorMessage", "Outside"}})));
    BOOST_TEST(update.error_code.value() == 63016);
    BOOST_TEST(update.error_message == "Outside");

    const StatusUpdate channel = update_of(parsed(a_callback(
        "failed", {{"ErrorCode", "none"}, {"ChannelStatusMessage", "Re-engagement message"}})));
    BOOST_TEST(!channel.error_code.has_value());
    BOOST_TEST(channel.error_message == "Re-engagement message");
}

BOOST_AUTO_TEST_CASE(each_documented_status_is_known_and_no_other) {
    for (const std::string status :
         {"accepted", "scheduled", "queued", "sending", "sent", "delivered", "read", "failed",
          "undelivered", "canceled", "partially_delivered"}) {
        BOOST_TEST(parsed(a_callback(status)).key == "status:" + kSid + ":" + status);
    }
    for (const std::string status : {"", "Delivered", "received", "delivered ", "x:y"}) {
        BOOST_TEST((parsed(a_callback(status)).kind == EventKind::unrecognized), status);
    }
}

BOOST_AUTO_TEST_CASE(a_json_body_is_read_like_a_form) {
    const std::string raw =
        R"({"MessageSid":")" + kSid +
        R"(","From":"whatsapp:+33612345678","To":"whatsapp:+33700000001","Body":"a\u0000\ud83d","NumMedia":1,"MediaUrl0":"u"})";
    const Event event = parse_event(BodyFormat::json, raw, "bodySHA256=x", "");
    BOOST_TEST(event.key == "msg:" + kSid);
    BOOST_TEST(message_of(event).body == "a\uFFFD\uFFFD");
    BOOST_TEST(message_of(event).media.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_does_not_have_the_right_form_is_not_recognised) {
    const Params wrong[] = {
        a_message({{"MessageSid", ""}}),
        a_message({{"MessageSid", "SM0000000000000000000000000000000G"}}),
        a_message({{"MessageSid", "SM0000000000000000000000000000000A"}}),
        a_message({{"MessageSid", kSid + "0"}}),
        a_message({{"MessageSid", " " + kSid}}),
        a_message({{"MessageSid", "XX00000000000000000000000000000001"}}),
        a_message({{"AccountSid", "AC1"}}),
        a_message({{"AccountSid", kAccount + "ApiVersion2010-04-01"}}),
        a_message({{"From", ""}}),
        a_message({{"From", "whatsapp:"}}),
        a_message({{"From", "whatsapp:+33612345678 or 1=1"}}),
        a_message({{"From", "whatsapp:" + std::string(161, '1')}}),
        a_message({{"To", ""}}),
        a_message({{"To", "whatsapp:+33700000001WaId33612345678"}}),
        a_message({{"SmsStatus", "delivered"}}),
        {{"Body", "hello"}},
        {},
    };
    for (const Params& params : wrong) {
        const Event event = parsed(params);
        BOOST_TEST((event.kind == EventKind::unrecognized), encode_form(params));
        BOOST_TEST(event.key.starts_with("raw:"));
        BOOST_TEST(event.key.size() == 68U);
        BOOST_TEST((event.from.empty() && event.to.empty() && event.content.index() == 0));
    }
}

BOOST_AUTO_TEST_CASE(an_unrecognized_event_has_its_token_or_its_hash_as_key) {
    const auto key = [](std::string_view token) {
        return parse_event(BodyFormat::form, "x", "", token).key;
    };
    const std::string hash = "raw:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    BOOST_TEST(key("") == hash);
    BOOST_TEST(key("7d1f0a2b-3c4d:5_e.f") == "raw:7d1f0a2b-3c4d:5_e.f");
    BOOST_TEST(key(std::string(128, 'a')) == "raw:" + std::string(128, 'a'));
    BOOST_TEST(key(std::string(129, 'a')) == hash);
    BOOST_TEST(key("a b") == hash);
    BOOST_TEST(key("é") == hash);
    BOOST_TEST(key(std::string_view("a\0", 2)) == hash);
    // A recognised event is known by its sid, whatever the token.
    BOOST_TEST(parse_event(BodyFormat::form, encode_form(a_message()), "", "token").key ==
               "msg:" + kSid);
}

BOOST_AUTO_TEST_CASE(texts_that_postgres_cannot_hold_are_made_texts) {
    const std::string raw = "MessageSid=" + kSid +
                            "&From=whatsapp:%2B33612345678&To=whatsapp:%2B33700000001&Body=a%00b%"
                            "FF&ProfileName=%ED%A0%80&WaId=%00&MediaUrl0=%C3";
    const InboundMessage message = message_of(parse_event(BodyFormat::form, raw, "", ""));
    BOOST_TEST(message.body == "a\uFFFDb\uFFFD");
    BOOST_TEST(message.profile_name == "\uFFFD\uFFFD\uFFFD");
    BOOST_TEST(message.wa_id == "\uFFFD");
    BOOST_TEST(message.media.at(0).url == "\uFFFD");
    BOOST_TEST(update_of(parsed(a_callback("sent"), "m=%00%FF")).outbound_id == "\uFFFD\uFFFD");
}

BOOST_AUTO_TEST_CASE(any_bytes_give_an_event) {
    constexpr std::uint64_t kSeed = 11;
    Rng rng{kSeed};
    const std::string valid = encode_form(
        a_message({{"MediaUrl0", "u"}, {"ButtonText", "b"}, {"InteractiveData", "{}"}}));
    for (int i = 0; i < 5000; ++i) {
        std::string raw = valid;
        for (std::uint64_t n = rng.between(0, 8); n > 0; --n)
            raw[rng.between(0, raw.size() - 1)] = static_cast<char>(rng.between(0, 255));
        raw.resize(rng.between(0, 3) == 0 ? rng.between(0, raw.size()) : raw.size());
        for (const BodyFormat format : {BodyFormat::form, BodyFormat::json}) {
            const Event event = parse_event(format, raw, raw, raw);
            BOOST_TEST_REQUIRE(!event.key.empty());
            BOOST_TEST_REQUIRE(pg_text(event.key) == event.key);
            if (const auto* message = std::get_if<InboundMessage>(&event.content)) {
                for (const std::string& text : {message->body, message->from, message->profile_name,
                                                message->wa_id, message->details_json}) {
                    BOOST_TEST_REQUIRE(pg_text(text) == text, "seed " << kSeed << " round " << i);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(kinds_have_names) {
    for (const EventKind kind : {EventKind::inbound, EventKind::status, EventKind::unrecognized}) {
        BOOST_TEST((event_kind(to_text(kind)) == kind));
    }
    BOOST_TEST(to_text(EventKind::inbound) == "inbound");
    BOOST_TEST(!event_kind("other"));
}
