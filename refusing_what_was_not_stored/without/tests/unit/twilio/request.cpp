#include "twilio/request.hpp"

#include "twilio/sid.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;

BOOST_AUTO_TEST_CASE(a_text_message_is_written_as_the_api_takes_it) {
    const Outgoing message{
        .account_sid = "AC00000000000000000000000000000001",
        .from = "+33700000001",
        .to = "+33612345678",
        .body = "Ça coûte 1+1 €",
        .media_url = {},
        .content_sid = {},
        .content_variables = {},
        .status_callback = "https://shop.example.test/webhooks/twilio/status?m=7d&a=1"};
    BOOST_TEST(create_message_path(message.account_sid) ==
               "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json");
    BOOST_TEST(create_message_body(message) ==
               "To=whatsapp%3A%2B33612345678&From=whatsapp%3A%2B33700000001&Body=%C3%87a+co%C3%"
               "BBte+1%2B1+%E2%82%AC&"
               "StatusCallback=https%3A%2F%2Fshop.example.test%2Fwebhooks%2Ftwilio%2Fstatus%3Fm%"
               "3D7d%26a%3D1");
}

BOOST_AUTO_TEST_CASE(media_templates_and_user_ids_are_written_too) {
    BOOST_TEST(create_message_body({.account_sid = {},
                                    .from = "+33700000001",
                                    .to = "FR.1349",
                                    .body = {},
                                    .media_url = "https://m.test/a b.jpg",
                                    .content_sid = {},
                                    .content_variables = {},
                                    .status_callback = {}}) ==
               "To=whatsapp%3AFR.1349&From=whatsapp%3A%2B33700000001&MediaUrl=https%3A%2F%2Fm.test%"
               "2Fa+b.jpg");
    BOOST_TEST(create_message_body({.account_sid = {},
                                    .from = "whatsapp:+33700000001",
                                    .to = "whatsapp:+33612345678",
                                    .body = {},
                                    .media_url = {},
                                    .content_sid = "HX00000000000000000000000000000001",
                                    .content_variables = R"({"1":"Zoé"})",
                                    .status_callback = {}}) ==
               "To=whatsapp%3A%2B33612345678&From=whatsapp%3A%2B33700000001&ContentSid="
               "HX00000000000000000000000000000001&"
               "ContentVariables=%7B%221%22%3A%22Zo%C3%A9%22%7D");
}

BOOST_AUTO_TEST_CASE(a_path_cannot_be_led_elsewhere) {
    BOOST_TEST(create_message_path("../x?y") == "/2010-04-01/Accounts/..%2Fx%3Fy/Messages.json");
}

BOOST_AUTO_TEST_CASE(identifiers_have_their_form) {
    BOOST_TEST(is_message_sid("SM0123456789abcdef0123456789abcdef"));
    BOOST_TEST(is_message_sid("MM0123456789abcdef0123456789abcdef"));
    BOOST_TEST(is_account_sid("AC0123456789abcdef0123456789ABCDEF"));
    BOOST_TEST(is_api_key_sid("SK0123456789abcdef0123456789abcdef"));
    BOOST_TEST(is_content_sid("HX0123456789abcdef0123456789abcdef"));
    BOOST_TEST(is_messaging_service_sid("MG0123456789abcdef0123456789abcdef"));
    for (const char* text :
         {"", "SM", "SM0123456789abcdef0123456789abcdeF", "SM0123456789abcdef0123456789abcde",
          "SM0123456789abcdef0123456789abcdef0", "sm0123456789abcdef0123456789abcdef",
          "AC0123456789abcdef0123456789abcdef", "SM0123456789abcdef0123456789abcdeg",
          "SM0123456789abcdef0123456789abcde\n"}) {
        BOOST_TEST(!is_message_sid(text), text);
    }
    BOOST_TEST(!is_account_sid("SM0123456789abcdef0123456789abcdef"));
}
