#include "doctor/signature.hpp"

#include "twilio/digest.hpp"
#include "twilio/form.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::doctor;

namespace {

const Secret kToken{"0123456789abcdef0123456789abcdef"};
const Secret kSecond{"fedcba9876543210fedcba9876543210"};
constexpr const char* kAccount = "AC00000000000000000000000000000001";
constexpr const char* kPublic = "https://shop.test";

/// A webhook that Twilio signed for `url` and that arrived as `target` under `host`.
struct Case {
    std::string url;
    std::string target = "/webhooks/twilio";
    std::string host = "shop.test";
    Secret key = kToken;
    std::string body = "AccountSid=AC00000000000000000000000000000001&Body=Bonjour+%C3%A9&To=%2B1";
    std::vector<std::pair<std::string, std::string>> fields{};
    std::string public_url = kPublic;
    bool has_trusted_proxy = false;
    std::vector<std::string> other_urls{};

    SignatureQuestion question() const {
        SignatureQuestion question{
            .request = {},
            .public_url = public_url,
            .has_trusted_proxy = has_trusted_proxy,
            .keys = {{"TWILIO_AUTH_TOKEN", kToken}, {"TWILIO_AUTH_TOKEN_SECONDARY", kSecond}},
            .account_sid = kAccount,
            .other_urls = other_urls};
        question.request.method = "POST";
        question.request.target = target;
        question.request.headers.add("Host", host);
        question.request.headers.add("Content-Type", "application/x-www-form-urlencoded");
        question.request.headers.add("X-Twilio-Signature",
                                     twilio::sign(key, url, twilio::decode_form(body)));
        for (const auto& [name, value] : fields) question.request.headers.add(name, value);
        question.request.body = body;
        return question;
    }
    Verdict verdict() const { return judge_signature(question()); }
    std::string signed_url() const {
        const auto found = find_elsewhere(question());
        return found ? found->url : "none";
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_candidates_are_those_of_the_service_with_both_ports) {
    const std::vector<std::string> configured = candidates(Case{.url = "x"}.question());
    BOOST_TEST(configured == (std::vector<std::string>{"https://shop.test/webhooks/twilio",
                                                       "https://shop.test:443/webhooks/twilio"}),
               boost::test_tools::per_element());
    Case rebuilt{.url = "x", .host = "inside:8080"};
    rebuilt.public_url.clear();
    BOOST_TEST(candidates(rebuilt.question()) ==
                   (std::vector<std::string>{
                       "https://inside:8080/webhooks/twilio", "https://inside/webhooks/twilio",
                       "http://inside:8080/webhooks/twilio", "http://inside/webhooks/twilio"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_signature_that_fits_is_ok_with_the_url_and_the_key) {
    const Verdict plain = Case{.url = "https://shop.test/webhooks/twilio"}.verdict();
    BOOST_TEST((plain.state == State::ok));
    BOOST_TEST(plain.found == "fits https://shop.test/webhooks/twilio with TWILIO_AUTH_TOKEN");
    const Verdict port =
        Case{.url = "https://shop.test:443/webhooks/twilio", .key = kSecond}.verdict();
    BOOST_TEST(port.found ==
               "fits https://shop.test:443/webhooks/twilio with TWILIO_AUTH_TOKEN_SECONDARY");
}

BOOST_AUTO_TEST_CASE(values_of_a_query_are_not_shown) {
    const Verdict verdict = Case{.url = "https://shop.test/webhooks/twilio?who=%2B33612345678",
                                 .target = "/webhooks/twilio?who=%2B33612345678"}
                                .verdict();
    BOOST_TEST(verdict.found ==
               "fits https://shop.test/webhooks/twilio?who=… with "
               "TWILIO_AUTH_TOKEN");
}

BOOST_AUTO_TEST_CASE(another_scheme_host_or_port_is_found_and_named) {
    struct Expected {
        const char* signed_url;
        const char* why;
        const char* public_url;
    };
    for (const Expected& one :
         {Expected{"http://shop.test/webhooks/twilio", "scheme http instead of https",
                   "http://shop.test"},
          Expected{"https://www.shop.test/webhooks/twilio",
                   "host www.shop.test instead of shop.test", "https://www.shop.test"},
          Expected{"https://shop.test:8443/webhooks/twilio", "port 8443 instead of 443",
                   "https://shop.test:8443"}}) {
        const Verdict verdict = Case{
            .url = one.signed_url,
            .host = "inside:3000",
            .fields = {{"X-Forwarded-Host", "www.shop.test, other.test"},
                       {"X-Forwarded-Port",
                        "8443"}}}.verdict();
        BOOST_TEST((verdict.state == State::fail), one.signed_url);
        BOOST_TEST(has(verdict.found, one.why), verdict.found);
        BOOST_TEST(has(verdict.found, "the service tries https://shop.test/webhooks/twilio:"),
                   verdict.found);
        BOOST_TEST(has(verdict.advice, std::string{"Set WEBHOOK_PUBLIC_URL="} + one.public_url),
                   verdict.advice);
    }
}

BOOST_AUTO_TEST_CASE(another_path_or_query_is_found_and_cannot_be_configured_away) {
    const Verdict slash = Case{.url = "https://shop.test/webhooks/twilio/"}.verdict();
    BOOST_TEST(has(slash.found, "a slash at the end of the path"), slash.found);
    BOOST_TEST(slash.advice ==
               "Twilio calls /webhooks/twilio/ and the service receives /webhooks/twilio: let the "
               "proxy pass path and query on unchanged, or correct the URL in Twilio's console");
    const Verdict path = Case{.url = "https://shop.test/api/webhooks/twilio"}.verdict();
    BOOST_TEST(has(path.found, "path /api/webhooks/twilio instead of /webhooks/twilio"),
               path.found);
    const Verdict query = Case{.url = "https://shop.test/webhooks/twilio",
                               .target = "/webhooks/twilio?added=by-proxy"}
                              .verdict();
    BOOST_TEST(has(query.found, "no query"), query.found);

    const std::vector<Case> rewritten{
        {.url = "https://shop.test/webhooks/twilio?a=b%20c", .target = "/webhooks/twilio?a=b+c"},
        {.url = "https://shop.test/hook/webhooks/twilio",
         .fields = {{"X-Forwarded-Prefix", "/hook"}}},
        {.url = "https://shop.test/in?x", .fields = {{"X-Original-URI", "/in?x"}}}};
    for (const Case& one : rewritten) BOOST_TEST(one.signed_url() == one.url);
}

BOOST_AUTO_TEST_CASE(without_a_public_url_it_is_host_that_differs) {
    Case one{.url = "https://shop.test/webhooks/twilio", .host = "inside"};
    one.public_url.clear();
    one.fields = {{"Forwarded", "for=1.2.3.4;host=\"shop.test\";proto=https"}};
    const Verdict verdict = one.verdict();
    BOOST_TEST(has(verdict.found, "host shop.test instead of inside"), verdict.found);
    BOOST_TEST(verdict.advice == "Set WEBHOOK_PUBLIC_URL=https://shop.test");

    one.fields = {{"X-Forwarded-Host", "shop.test"}};
    one.has_trusted_proxy = true;
    BOOST_TEST((one.verdict().state == State::ok));
}

BOOST_AUTO_TEST_CASE(a_url_that_nothing_in_the_request_hints_at_is_found_when_it_is_given) {
    Case one{.url = "https://tunnel.example/webhooks/twilio"};
    BOOST_TEST(one.signed_url() == "none");
    one.other_urls = {"https://tunnel.example/webhooks/twilio#rc=5&rp=ct"};
    BOOST_TEST(one.signed_url() == "https://tunnel.example/webhooks/twilio");
}

BOOST_AUTO_TEST_CASE(when_none_fits_the_account_and_then_the_token_are_suspected) {
    const Secret foreign{"ffffffffffffffffffffffffffffffff"};
    const Verdict token =
        Case{.url = "https://shop.test/webhooks/twilio", .key = foreign}.verdict();
    BOOST_TEST((token.state == State::fail));
    BOOST_TEST(has(token.found, "no URL fits with TWILIO_AUTH_TOKEN, TWILIO_AUTH_TOKEN_SECONDARY"),
               token.found);
    BOOST_TEST(has(token.advice, "--url"), token.advice);
    BOOST_TEST(!has(token.found + token.advice, kToken.reveal()));

    const Verdict account = Case{.url = "https://shop.test/webhooks/twilio",
                                 .key = foreign,
                                 .body = "AccountSid=AC00000000000000000000000000000002"}
                                .verdict();
    BOOST_TEST(account.found ==
               "the request is of AC00000000000000000000000000000002, TWILIO_ACCOUNT_SID is "
               "AC00000000000000000000000000000001");

    Case changed{.url = "https://shop.test/webhooks/twilio"};
    SignatureQuestion question = changed.question();
    question.request.body += "&Added=1";
    BOOST_TEST((judge_signature(question).state == State::fail));
}

BOOST_AUTO_TEST_CASE(what_is_not_worth_looking_at_is_said_first) {
    const auto verdict = [](auto change) {
        SignatureQuestion question = Case{.url = "https://shop.test/webhooks/twilio"}.question();
        http::Headers headers;
        for (std::size_t i = 0; i < question.request.headers.size(); ++i) {
            const auto [name, value] = question.request.headers.at(i);
            std::string changed{value};
            if (change(name, changed)) headers.add(name, changed);
        }
        question.request.headers = headers;
        return judge_signature(question);
    };
    BOOST_TEST(verdict([](std::string_view name, std::string&) {
                   return name != "X-Twilio-Signature";
               }).found == "the request has no X-Twilio-Signature");
    BOOST_TEST(has(verdict([](std::string_view name, std::string& value) {
                       if (name == "X-Twilio-Signature") value.resize(20);
                       return true;
                   }).found,
                   "has 20 characters"));
    BOOST_TEST(verdict([](std::string_view name, std::string& value) {
                   if (name == "Content-Type") value = "text/plain";
                   return true;
               }).found == "Content-Type is text/plain");
    BOOST_TEST(verdict([](std::string_view name, std::string&) {
                   return name != "Content-Type";
               }).found == "Content-Type is not there");
}

BOOST_AUTO_TEST_CASE(a_json_body_is_covered_by_its_hash_in_the_url) {
    SignatureQuestion question = Case{.url = "x"}.question();
    http::Request& request = question.request;
    request.body = R"({"a":1})";
    request.target = "/webhooks/twilio?bodySHA256=" + twilio::sha256_hex(request.body);
    request.headers.clear();
    request.headers.add("Content-Type", "application/json");
    request.headers.add("X-Twilio-Signature",
                        twilio::sign(kToken, "https://shop.test" + request.target, {}));
    BOOST_TEST((judge_signature(question).state == State::ok));
    request.body += ' ';
    BOOST_TEST(judge_signature(question).found ==
               "the body's SHA-256 is not the bodySHA256 of the URL");
    request.target = "/webhooks/twilio";
    BOOST_TEST(judge_signature(question).found == "the body is JSON and the URL has no bodySHA256");
}
