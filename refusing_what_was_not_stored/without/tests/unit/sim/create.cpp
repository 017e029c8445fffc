#include "sim/create.hpp"

#include "twilio/json.hpp"
#include "twilio/request.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::sim;
using twilio::Params;

namespace {

const std::string kService = "MG0123456789abcdef0123456789abcdef";
const std::string kTemplate = "HX0123456789abcdef0123456789abcdef";

Params a_call(const Params& changes = {}) {
    Params params{
        {"To", "whatsapp:+33612345678"}, {"From", "whatsapp:+33700000001"}, {"Body", "hi"}};
    for (const auto& [key, value] : changes) {
        std::erase_if(params, [&](const auto& param) { return param.first == key; });
    }
    for (const auto& [key, value] : changes) {
        if (value != "(none)") params.emplace_back(key, value);
    }
    return params;
}

Message accepted(const Params& params) {
    auto read = read_create(params);
    const auto* error = std::get_if<ApiError>(&read);
    BOOST_REQUIRE_MESSAGE(!error, (error ? error->code : 0));
    return std::get<Message>(read);
}

std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_the_sender_writes_is_accepted) {
    twilio::Outgoing outgoing;
    outgoing.from = "+33700000001";
    outgoing.to = "+33612345678";
    outgoing.body = "1+1 € & more";
    outgoing.media_url = "https://x.test/a.jpg?b=1";
    outgoing.status_callback = "https://shop.test/webhooks/twilio/status?m=1&a=2";
    const Message message = accepted(twilio::decode_form(twilio::create_message_body(outgoing)));

    BOOST_TEST(message.from == "whatsapp:+33700000001");
    BOOST_TEST(message.to == "whatsapp:+33612345678");
    BOOST_TEST(message.body == "1+1 € & more");
    BOOST_TEST(message.media.at(0).url == "https://x.test/a.jpg?b=1");
    BOOST_TEST(message.media.at(0).content_type == "image/jpeg");
    BOOST_TEST(message.status_callback == "https://shop.test/webhooks/twilio/status?m=1&a=2");
    BOOST_TEST(message.status == "queued");
}

BOOST_AUTO_TEST_CASE(wrong_calls_are_refused_with_twilios_codes) {
    const std::tuple<int, int, Params> cases[] = {
        {21604, 400, {{"To", "(none)"}}},
        {21604, 400, {{"To", ""}}},
        {21603, 400, {{"From", "(none)"}}},
        {21211, 400, {{"To", "whatsapp:33612345678"}}},
        {21211, 400, {{"To", "whatsapp:+0612345678"}}},
        {21211, 400, {{"To", "Pierre"}}},
        {21211, 400, {{"To", "FR.1349abc"}}},  // a user id has no other channel
        {21212, 400, {{"From", "whatsapp:Shop"}}},
        {21910, 400, {{"From", "+33700000001"}}},
        {21910, 400, {{"To", "+33612345678"}}},
        {21701, 404, {{"MessagingServiceSid", "MG01"}}},
        {21619, 400, {{"Body", "(none)"}}},
        {21602, 400, {{"Body", ""}}},
        {21617, 400, {{"Body", repeated("x", 1601)}}},
        {21617, 400, {{"Body", repeated("é", 1601)}}},
        {21620, 400, {{"MediaUrl", "file:///etc/passwd"}}},
        {21609, 400, {{"StatusCallback", "ftp://shop.test/"}}},
        {21609, 400, {{"StatusCallback", "https://my_shop.test/status"}}},
        {21655, 400, {{"ContentSid", "HX1"}}},
        {21654, 400, {{"ContentVariables", "{\"1\":\"a\"}"}}},
        {21656, 400, {{"ContentSid", kTemplate}, {"ContentVariables", "a"}}},
        {21656, 400, {{"ContentSid", kTemplate}, {"ContentVariables", "[1]"}}},
    };
    for (const auto& [code, status, changes] : cases) {
        const auto read = read_create(a_call(changes));
        BOOST_REQUIRE_MESSAGE(std::holds_alternative<ApiError>(read), code);
        BOOST_TEST(std::get<ApiError>(read).code == code);
        BOOST_TEST(std::get<ApiError>(read).status == status);
    }
}

BOOST_AUTO_TEST_CASE(calls_at_the_edge_are_accepted) {
    BOOST_TEST(accepted(a_call({{"Body", repeated("é", 1600)}})).body.size() == 3200u);
    BOOST_TEST(accepted(a_call({{"Body", "(none)"}, {"MediaUrl", "https://x.test/a"}})).body == "");
    BOOST_TEST(accepted(a_call({{"To", "whatsapp:FR.1349abc"}})).to == "whatsapp:FR.1349abc");
    BOOST_TEST(accepted(a_call({{"StatusCallback", "http://127.0.0.1:8080/a_b?c_d"}})).status ==
               "queued");
}

BOOST_AUTO_TEST_CASE(a_messaging_service_chooses_the_sender_later) {
    const Message message =
        accepted(a_call({{"From", "(none)"}, {"MessagingServiceSid", kService}}));
    BOOST_TEST(message.from == "");
    BOOST_TEST(message.status == "accepted");
    BOOST_TEST(message.messaging_service_sid == kService);
}

BOOST_AUTO_TEST_CASE(whatsapp_takes_one_media_item_and_ignores_the_rest) {
    const Message message = accepted(
        a_call({{"MediaUrl", "https://x.test/a.png"}, {"MediaUrl", "https://x.test/b.png"}}));
    BOOST_TEST(message.media.size() == 1u);
    BOOST_TEST(message.media.at(0).url == "https://x.test/a.png");
}

BOOST_AUTO_TEST_CASE(an_error_looks_like_twilios) {
    const http::Response response = to_response({400, 21211, "The 'To' number x is not valid."});
    BOOST_TEST(response.status == 400);
    BOOST_TEST(response.content_type == "application/json");
    BOOST_TEST(response.body ==
               "{\"code\":21211,\"message\":\"The 'To' number x is not valid.\","
               "\"more_info\":\"https://www.twilio.com/docs/errors/21211\",\"status\":400}");
}
