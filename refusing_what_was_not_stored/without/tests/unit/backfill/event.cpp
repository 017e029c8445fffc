#include "backfill/event.hpp"

#include "twilio/event.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace std::chrono;

namespace {

constexpr const char* kAccount = "AC00000000000000000000000000000001";
constexpr const char* kSid = "MM00000000000000000000000000000001";
constexpr sys_seconds kSent = sys_days{year{2026} / 11 / 24} + 17h + 44min + 46s;

twilio::ListedMessage inbound() {
    twilio::ListedMessage m;
    m.sid = kSid;
    m.from = "+33698765432";
    m.to = "+33700000001";
    m.body = "Ça coûte 1+1 € ? & = %";
    m.direction = "inbound";
    m.status = "received";
    m.sent = kSent;
    return m;
}

twilio::ListedMessage outbound(const std::string& status) {
    twilio::ListedMessage m = inbound();
    std::swap(m.from, m.to);
    m.direction = "outbound-api";
    m.status = status;
    m.updated = kSent + 3s;
    return m;
}

twilio::InboundMessage read(const inbox::NewEvent& event) {
    twilio::Event read = twilio::parse_event(event.format, event.raw, event.query, "");
    return std::get<twilio::InboundMessage>(read.content);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_listed_message_is_the_event_that_its_webhook_would_have_been) {
    const auto event = backfill::message_event(inbound(), {}, kAccount);
    BOOST_REQUIRE(event);
    BOOST_TEST(event->key == "msg:MM00000000000000000000000000000001");
    BOOST_TEST((event->kind == twilio::EventKind::inbound));
    BOOST_TEST((event->source == inbox::Source::backfill));
    BOOST_TEST(event->from == "+33698765432");
    BOOST_TEST(event->to == "+33700000001");
    BOOST_TEST((event->occurred == kSent));
    const twilio::InboundMessage message = read(*event);
    BOOST_TEST(message.body == "Ça coûte 1+1 € ? & = %");
    BOOST_TEST(message.account_sid == kAccount);
    BOOST_TEST(message.media.empty());
    BOOST_TEST(message.details_json == R"({"date_sent":"2026-11-24T17:44:46.000Z"})");
}

BOOST_AUTO_TEST_CASE(its_media_come_in_their_order) {
    const std::vector<twilio::Media> media{{"https://api.twilio.com/a", "image/jpeg"},
                                           {"https://api.twilio.com/b", "audio/ogg"}};
    BOOST_TEST((read(*backfill::message_event(inbound(), media, kAccount)).media == media));
}

BOOST_AUTO_TEST_CASE(a_person_who_hides_the_number_is_known_by_the_user_id) {
    twilio::ListedMessage hidden = inbound();
    hidden.from = "FR.1349ab";
    BOOST_TEST(backfill::message_event(hidden, {}, kAccount)->from == "FR.1349ab");
}

BOOST_AUTO_TEST_CASE(without_a_sender_or_a_receiver_it_is_none) {
    for (const char* address : {"", "+33 6", "a b", "&x=y"}) {
        twilio::ListedMessage bad = inbound();
        bad.from = address;
        BOOST_TEST(!backfill::message_event(bad, {}, kAccount), address);
    }
    twilio::ListedMessage bad = inbound();
    bad.to = "shop";
    BOOST_TEST(!backfill::message_event(bad, {}, kAccount));
}

BOOST_AUTO_TEST_CASE(a_state_is_the_callback_that_was_missed_at_the_time_of_the_change) {
    twilio::ListedMessage failed = outbound("undelivered");
    failed.error_code = 63016;
    const auto event = backfill::status_event(failed, kAccount);
    BOOST_REQUIRE(event);
    BOOST_TEST(event->key == "status:MM00000000000000000000000000000001:undelivered");
    BOOST_TEST((event->occurred == kSent + 3s));
    const twilio::Event read = twilio::parse_event(event->format, event->raw, event->query, "");
    const auto& update = std::get<twilio::StatusUpdate>(read.content);
    BOOST_TEST(update.error_code.value() == 63016);
    BOOST_TEST(update.from == "+33700000001");
    BOOST_TEST(update.to == "+33698765432");
    BOOST_TEST(!update.outbound_attempt);
}

BOOST_AUTO_TEST_CASE(what_says_nothing_yet_is_no_news) {
    for (const char* status : {"accepted", "scheduled", "queued", "sending", "received", "", "x"})
        BOOST_TEST(!backfill::status_event(outbound(status), kAccount), status);
    for (const char* status : {"sent", "delivered", "read", "failed", "undelivered", "canceled"})
        BOOST_TEST(backfill::status_event(outbound(status), kAccount).has_value(), status);
}
