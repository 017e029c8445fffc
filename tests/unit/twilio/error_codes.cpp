#include "twilio/error_codes.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;
using enum ErrorClass;
using enum ErrorScope;

BOOST_AUTO_TEST_CASE(each_code_has_its_class) {
    const std::pair<ErrorClass, std::vector<int>> classes[] = {
        {ambiguous, {20500}},
        {transient, {20503, 14107, 63017, 63009, 63010, 63012, 63019}},
        {rate_limited, {20429, 63018, 21611, 30001}},
        {permanent,
         {21211, 21217, 21421, 21614, 21266, 63031, 21408, 21601, 21612, 21602, 21603, 21604, 21609,
          21619, 21610, 21617, 21618, 21620, 21622, 21623, 21654, 21655, 21656, 30003, 30004, 30005,
          30006, 30007, 30008, 30410, 63003, 63024, 63005, 63006, 63013, 63021, 63014, 63033, 63016,
          63027, 63028, 63029, 63030, 63041, 63042, 63032, 63034, 63037, 63049, 63015}},
        {systemic,
         {20003, 20004, 20005, 20006, 20008, 20404, 30002, 21606, 21607, 21608, 21212, 21701,
          21703, 63007, 63001, 63002, 63008, 63020, 63022, 63026, 63038, 63051, 63101}},
    };
    std::size_t count = 0;
    for (const auto& [error_class, codes] : classes) {
        count += codes.size();
        for (const int code : codes) {
            BOOST_REQUIRE_MESSAGE(find_error(code), code);
            BOOST_TEST(to_text(find_error(code)->error_class) == to_text(error_class), code);
            BOOST_TEST(find_error(code)->code == code);
            BOOST_TEST(!find_error(code)->words.empty());
        }
    }
    BOOST_TEST(count == error_codes().size());  // no code beside these
}

BOOST_AUTO_TEST_CASE(errors_of_one_sender_do_not_concern_the_account) {
    for (const int code : {63001, 63002, 63007, 63018, 63020, 63022, 63026, 63051, 21606}) {
        BOOST_TEST(to_text(find_error(code)->scope) == "sender", code);
    }
    for (const int code : {20003, 20005, 20429, 20503, 30002, 63038}) {
        BOOST_TEST(to_text(find_error(code)->scope) == "account", code);
    }
    for (const ErrorCode& error : error_codes()) {
        if (error.error_class == permanent)
            BOOST_TEST(to_text(error.scope) == "message", error.code);
        if (error.error_class == systemic)
            BOOST_TEST(to_text(error.scope) != "message", error.code);
    }
}

BOOST_AUTO_TEST_CASE(what_has_no_code_is_nobodys_refusal_but_the_accounts) {
    for (const int status : {400, 401, 403, 404, 413, 422, 302})
        BOOST_TEST(to_text(judge(0, status).scope) == "account", status);
    BOOST_TEST(judge(0, 400).words == "refused by something that is not Twilio's API");
}

BOOST_AUTO_TEST_CASE(a_code_that_nobody_knows_is_not_found) {
    for (const int code : {0, -1, 1, 21212 + 1, 63102, 2147483647})
        BOOST_TEST(find_error(code) == nullptr, code);
}

BOOST_AUTO_TEST_CASE(the_code_is_judged_before_the_http_status) {
    struct Case {
        int code;
        int http_status;
        ErrorClass error_class;
        bool is_guess;
    };
    const Case cases[] = {
        {21211, 400, permanent, false},
        {21610, 400, permanent, false},
        {21408, 403, permanent, false},
        {20003, 401, systemic, false},
        {20429, 429, rate_limited, false},
        {63038, 429, systemic, false},
        {20503, 503, transient, false},
        {20500, 500, ambiguous, false},
        {20500, 400, ambiguous, false},
        {63016, 0, permanent, false},
        // 429 is never ambiguous.
        {20500, 429, rate_limited, false},
        {0, 429, rate_limited, false},
        {99999, 429, rate_limited, false},
        // A server that failed half way cannot promise that nothing was sent.
        {20503, 500, ambiguous, true},
        {20503, 502, ambiguous, true},
        {20429, 504, ambiguous, true},
        {21211, 500, permanent, false},
        // No known code: the status decides.
        {99999, 400, permanent, true},
        {99999, 422, permanent, true},
        // No code at all: not Twilio's API, but a proxy before it, and no message's fault.
        {0, 400, systemic, true},
        {0, 405, systemic, true},
        {0, 413, systemic, true},
        {0, 422, systemic, true},
        {0, 451, systemic, true},
        {0, 499, systemic, true},
        {0, 401, systemic, false},
        {99999, 403, systemic, true},
        {0, 404, systemic, true},
        {0, 302, systemic, true},
        {0, 308, systemic, true},
        {0, 408, ambiguous, true},
        {99999, 408, ambiguous, true},
        {0, 500, ambiguous, true},
        {0, 502, ambiguous, true},
        {0, 503, ambiguous, true},
        {99999, 503, ambiguous, true},
        {0, 504, ambiguous, true},
        {0, 0, ambiguous, true},
        {0, 600, ambiguous, true},
    };
    for (const Case& c : cases) {
        const Verdict verdict = judge(c.code, c.http_status);
        BOOST_TEST(to_text(verdict.error_class) == to_text(c.error_class),
                   c.code << " with HTTP " << c.http_status);
        BOOST_TEST(verdict.is_guess == c.is_guess, c.code << " with HTTP " << c.http_status);
        BOOST_TEST(!verdict.words.empty());
    }
}
