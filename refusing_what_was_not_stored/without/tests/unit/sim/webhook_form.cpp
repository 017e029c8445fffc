#include "sim/webhook_form.hpp"

#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::sim;
using twilio::find;
using twilio::Params;

namespace {

const std::string kAccount = "AC00000000000000000000000000005151";
const std::string kSid = "MM0123456789abcdef0123456789abcdef";

Message a_message() {
    Message message;
    message.sid = kSid;
    message.from = "whatsapp:+33612345678";
    message.to = "whatsapp:+33700000001";
    message.body = "Bonjour";
    return message;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_inbound_form_has_all_that_twilio_sends) {
    Message message = a_message();
    message.media = {{"ME1", "https://x.test/a.jpg", "image/jpeg"},
                     {"ME2", "https://x.test/b.pdf", "application/pdf"}};
    const Params form = inbound_form({}, message, kAccount);

    const Params expected{{"MediaContentType0", "image/jpeg"},
                          {"MediaContentType1", "application/pdf"},
                          {"SmsMessageSid", kSid},
                          {"NumMedia", "2"},
                          {"ProfileName", "Simulated Person"},
                          {"MessageType", "image"},
                          {"SmsSid", kSid},
                          {"WaId", "33612345678"},
                          {"SmsStatus", "received"},
                          {"Body", "Bonjour"},
                          {"To", "whatsapp:+33700000001"},
                          {"MediaUrl0", "https://x.test/a.jpg"},
                          {"MediaUrl1", "https://x.test/b.pdf"},
                          {"NumSegments", "1"},
                          {"ReferralNumMedia", "0"},
                          {"MessageSid", kSid},
                          {"AccountSid", kAccount},
                          {"From", "whatsapp:+33612345678"},
                          {"ApiVersion", "2010-04-01"}};
    BOOST_TEST((form == expected));
}

BOOST_AUTO_TEST_CASE(a_person_without_a_number_has_a_user_id) {
    Message message = a_message();
    message.from = "whatsapp:FR.1349abc";
    const Params form = inbound_form({}, message, kAccount);
    BOOST_TEST(*find(form, "From") == "whatsapp:FR.1349abc");
    BOOST_TEST(*find(form, "ExternalUserId") == "whatsapp:FR.1349abc");
    BOOST_TEST(!find(form, "WaId"));
}

BOOST_AUTO_TEST_CASE(twilios_own_parameters_win_over_what_is_derived) {
    const Inbound inbound{.more = {{"ProfileName", "Zoé"}, {"ButtonPayload", "yes"}}};
    const Params form = inbound_form(inbound, a_message(), kAccount);
    BOOST_TEST(*find(form, "ProfileName") == "Zoé");
    BOOST_TEST(*find(form, "ButtonPayload") == "yes");
    BOOST_TEST(std::count_if(form.begin(), form.end(),
                             [](const auto& field) { return field.first == "ProfileName"; }) == 1);
}

BOOST_AUTO_TEST_CASE(an_inbound_message_is_read_from_json_and_from_a_form) {
    for (const Params& fields :
         {twilio::json_fields(
              R"({"from":"+33612345678","body":"a+b","media":"https://x.test/a.ogg",)"
              R"("media":"https://x.test/b","media_type":"image/webp","times":3,)"
              R"("concurrently":true,"post":false,"sent_at_ms":1500,"Latitude":"48.8"})"),
          twilio::decode_form(
              "from=%2B33612345678&body=a%2Bb&media=https://x.test/a.ogg&"
              "media=https://x.test/b&media_type=image/webp&times=3&concurrently=true&"
              "post=false&sent_at_ms=1500&Latitude=48.8")}) {
        const auto inbound = read_inbound(fields);
        BOOST_REQUIRE(inbound);
        BOOST_TEST(inbound->from == "+33612345678");
        BOOST_TEST(inbound->body == "a+b");
        BOOST_REQUIRE(inbound->media.size() == 2u);
        BOOST_TEST(inbound->media[0].content_type == "audio/ogg");
        BOOST_TEST(inbound->media[1].content_type == "image/webp");
        BOOST_TEST(inbound->times == 3);
        BOOST_TEST(inbound->is_concurrent);
        BOOST_TEST(!inbound->is_posted);
        BOOST_TEST(inbound->sent_at->time_since_epoch().count() == 1500);
        BOOST_TEST((inbound->more == Params{{"Latitude", "48.8"}}));
    }
}

BOOST_AUTO_TEST_CASE(wrong_inbound_messages_are_refused) {
    for (const char* text :
         {"", "body=x", "from=%2B1&times=0", "from=%2B1&times=x", "from=%2B1&post=no",
          "from=%2B1&media_type=image/png", "from=%2B1&colour=red"}) {
        BOOST_TEST(!read_inbound(twilio::decode_form(text)), text);
    }
}

BOOST_AUTO_TEST_CASE(a_status_form_says_both_names_of_the_status) {
    Message message = a_message();
    std::swap(message.from, message.to);
    const Params form = status_form(message, "read", 0, kAccount);
    BOOST_TEST(*find(form, "MessageStatus") == "read");
    BOOST_TEST(*find(form, "SmsStatus") == "read");
    BOOST_TEST(*find(form, "MessageSid") == kSid);
    BOOST_TEST(*find(form, "SmsSid") == kSid);
    BOOST_TEST(*find(form, "AccountSid") == kAccount);
    BOOST_TEST(*find(form, "To") == "whatsapp:+33612345678");
    BOOST_TEST(*find(form, "From") == "whatsapp:+33700000001");
    BOOST_TEST(*find(form, "ChannelPrefix") == "whatsapp");
    BOOST_TEST(*find(form, "ChannelToAddress") == "+33612345678");
    BOOST_TEST(*find(form, "EventType") == "READ");
    BOOST_TEST(!find(form, "ErrorCode"));
}

BOOST_AUTO_TEST_CASE(only_a_failed_message_carries_an_error) {
    BOOST_TEST(!find(status_form(a_message(), "sent", 63016, kAccount), "ErrorCode"));
    for (const char* status : {"failed", "undelivered"}) {
        const Params form = status_form(a_message(), status, 63016, kAccount);
        BOOST_TEST(*find(form, "ErrorCode") == "63016");
        BOOST_TEST(!find(form, "ErrorMessage")->empty());
    }
}
