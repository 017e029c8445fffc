#include "router/decide.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <deque>
#include <stdexcept>

using namespace pgcourier;
using router::Claimed;
using router::MessageType;
using twilio::OptWord;

namespace {

constexpr const char* kMessage =
    "MessageSid=SM00000000000000000000000000000001&From=whatsapp%3A%2B33612345678&To=whatsapp%3A%"
    "2B33700000001";
constexpr const char* kCallback =
    "MessageSid=SM00000000000000000000000000000002&MessageStatus=delivered&From=whatsapp%3A%"
    "2B33700000001"
    "&To=whatsapp%3A%2B33612345678";

Claimed an_event(std::string_view raw, std::string_view more = "") {
    static std::deque<std::string> texts;  // events only look at theirs
    texts.push_back(fmt::format("{}{}", raw, more));
    return {.id = 7,
            .kind = twilio::EventKind::inbound,
            .format = twilio::BodyFormat::form,
            .raw = texts.back(),
            .query = {},
            .correlation_id = "c-1",
            .tenant = "shop",
            .is_seller = false};
}

router::StoreMessage stored(const Claimed& event) {
    return std::get<router::StoreMessage>(router::decide(event));
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_is_a_sellers_a_clients_or_of_an_unknown_tenant) {
    Claimed event = an_event(kMessage);
    BOOST_TEST((stored(event).type == MessageType::client));

    event.is_seller = true;
    BOOST_TEST((stored(event).type == MessageType::seller));

    event.tenant.reset();
    BOOST_TEST((stored(event).type == MessageType::unknown_tenant));
}

BOOST_AUTO_TEST_CASE(the_message_type_has_the_word_that_the_table_holds) {
    BOOST_TEST(router::to_text(MessageType::seller) == "seller");
    BOOST_TEST(router::to_text(MessageType::client) == "client");
    BOOST_TEST(router::to_text(MessageType::unknown_tenant) == "");
}

BOOST_AUTO_TEST_CASE(the_opt_out_word_is_the_body_or_twilios_own_verdict) {
    struct Case {
        const char* parameters;
        OptWord expected;
    };
    const Case cases[] = {
        {"&Body=Bonjour", OptWord::none},
        {"&Body=STOP", OptWord::stop},
        {"&Body=Arr%C3%AAt+merci", OptWord::stop},
        {"&Body=stop+by+the+shop+tomorrow", OptWord::none},
        {"&Body=start", OptWord::start},
        {"&Body=Plus+de+messages&OptOutType=STOP", OptWord::stop},
        {"&Body=Je+reviens&OptOutType=START", OptWord::start},
        {"&Body=aide&OptOutType=HELP", OptWord::none},
        {"&Body=STOP&OptOutType=HELP", OptWord::stop},
    };
    for (const Case& c : cases) {
        BOOST_TEST_CONTEXT(c.parameters) {
            const router::StoreMessage decision = stored(an_event(kMessage, c.parameters));
            BOOST_TEST((decision.opt_word == c.expected));
            BOOST_TEST(decision.persons.empty() == (c.expected == OptWord::none));
        }
    }
}

// Of which shops it holds is the statement's to look up.
BOOST_AUTO_TEST_CASE(a_word_is_read_whoever_wrote_it_to_whomever) {
    Claimed event = an_event(kMessage, "&Body=STOP");
    event.is_seller = true;
    BOOST_TEST((stored(event).opt_word == OptWord::stop));

    event.tenant.reset();
    BOOST_TEST((stored(event).opt_word == OptWord::stop));
    BOOST_TEST(stored(event).persons.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_shops_own_button_cancels_an_order_and_opts_nobody_out) {
    for (const char* choice : {"&ButtonText=x", "&ButtonPayload=order_42", "&ListId=row_1"}) {
        const auto word = [choice](const char* body) {
            return stored(an_event(kMessage, fmt::format("&Body={}{}", body, choice).c_str()))
                .opt_word;
        };
        BOOST_TEST_CONTEXT(choice) {
            BOOST_TEST((word("Cancel") == OptWord::none));
            BOOST_TEST((word("Start") == OptWord::none));
            BOOST_TEST((word("Stop") == OptWord::stop));
            BOOST_TEST((word("Cancel&OptOutType=STOP") == OptWord::stop));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_word_holds_for_every_address_of_the_person) {
    const std::vector<std::string> only_from{"+33612345678"};
    BOOST_TEST(stored(an_event(kMessage, "&Body=STOP&WaId=33612345678")).persons == only_from,
               boost::test_tools::per_element());
    BOOST_TEST(
        stored(an_event(kMessage, "&Body=STOP&WaId=none&ExternalUserId=x")).persons == only_from,
        boost::test_tools::per_element());

    const std::vector<std::string> all{"FR.1349", "+33612345678", "FR.7777"};
    BOOST_TEST(
        stored(an_event("MessageSid=SM00000000000000000000000000000001&From=whatsapp%3AFR.1349"
                        "&To=whatsapp%3A%2B33700000001&Body=STOP&WaId=33612345678"
                        "&ExternalUserId=whatsapp%3AFR.7777"))
                .persons == all,
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_callback_is_handed_over_with_what_our_own_url_says) {
    Claimed event = an_event(kCallback);
    event.kind = twilio::EventKind::status;
    event.query = "m=out-1&a=2";

    const auto handed = std::get<router::HandOver>(router::decide(event));

    BOOST_TEST(handed.update.status == "delivered");
    BOOST_TEST(handed.update.outbound_id == "out-1");
    BOOST_TEST(handed.update.outbound_attempt.value() == 2);
}

BOOST_AUTO_TEST_CASE(an_unrecognized_event_is_only_recorded_and_never_read) {
    Claimed event = an_event(kMessage);
    event.kind = twilio::EventKind::unrecognized;

    BOOST_TEST(std::holds_alternative<router::RecordOnly>(router::decide(event)));
}

BOOST_AUTO_TEST_CASE(an_event_that_reads_as_something_else_than_it_was_stored_as_is_poison) {
    Claimed event = an_event(kCallback);
    BOOST_CHECK_THROW(router::decide(event), std::logic_error);

    event.raw = "nonsense";
    BOOST_CHECK_THROW(router::decide(event), std::logic_error);
}
