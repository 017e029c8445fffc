#include "twilio/signature.hpp"

#include "base/rng.hpp"
#include "twilio/digest.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <set>
#include <thread>

using namespace pgcourier;
using namespace pgcourier::twilio;

namespace {

const Secret kToken{"12345678901234567890123456789012"};
const Secret kOther{"abcdefabcdefabcdefabcdefabcdefab"};
const std::string kUrl = "https://shop.example.test/webhooks/twilio";
const Params kMessage{{"MessageSid", "SM00000000000000000000000000000001"},
                      {"From", "whatsapp:+33612345678"},
                      {"To", "whatsapp:+33700000001"},
                      {"Body", "Ça coûte 1+1 € ? 🛍️"},
                      {"NumMedia", "0"}};

struct Vector {
    Secret token;
    std::string url;
    Params params;
    std::string signature;
};

// Computed with twilio-node 6.2.0; the first is Twilio's own.
const Vector kVectors[] = {
    {Secret{"12345"},
     "https://mycompany.com/myapp.php?foo=1&bar=2",
     {{"CallSid", "CA1234567890ABCDE"},
      {"Caller", "+12349013030"},
      {"Digits", "1234"},
      {"From", "+12349013030"},
      {"To", "+18005551212"}},
     "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
    {kToken, kUrl, kMessage, "n4k6oHu9mNDoaNTwDYo4KIWdkjg="},
    {kToken, "https://shop.example.test:443/webhooks/twilio", kMessage,
     "nw0S984XLs9BXgXksZpPkmMdfFM="},
    {kToken,
     kUrl,
     {{"From", "whatsapp:+33612345678"},
      {"FromCity", "PARIS"},
      {"Body", ""},
      {"zlow", "a"},
      {"Zup", "b"}},
     "aMHvtvBJbCM3GK5S8BZOOzWDP04="},
    {kToken,
     kUrl,
     {{"Tag", "b"}, {"Tag", "a"}, {"Tag", "b"}, {"Tag", ""}, {"Body", "x"}},
     "IHcSvVNb5BW4icxc+eEnlFfTUd0="},
    {kToken, kUrl + "?name=a%20b&c=%C3%A9+d", {{"Body", "x"}}, "RvCCXCo4N9eG4MUVO5ZLMTsYCzQ="},
};

const std::string kJson = R"({"MessageSid":"SM00000000000000000000000000000001","Body":"été"})";
const std::string kJsonQuery =
    "bodySHA256=2ef7713eceb3e3e760e8bb0657d43eaa6564433259fc61acd48fe7a86b502b65";
const std::string kJsonSignature = "aVGoQW1SJCMsLcj9+sUrrtJX8sw=";

std::string query_of(const std::string& url) {
    const std::size_t mark = url.find('?');
    return mark == std::string::npos ? "" : url.substr(mark + 1);
}

std::optional<std::size_t> verify_form(const std::string& url, const std::string& body,
                                       const std::string& signature,
                                       const std::vector<Secret>& keys) {
    const std::string query = query_of(url);
    return verify({.urls = {url},
                   .format = BodyFormat::form,
                   .body = body,
                   .query = query,
                   .signature = signature},
                  keys);
}

std::optional<std::size_t> verify_json(const std::string& query, const std::string& body,
                                       const std::string& signature) {
    return verify({.urls = {kUrl + "?" + query},
                   .format = BodyFormat::json,
                   .body = body,
                   .query = query,
                   .signature = signature},
                  std::vector{kToken});
}

/// What is signed, written a second time in the plainest way.
std::string signed_text(const std::string& url, const std::string& body) {
    std::map<std::string, std::set<std::string>> params;
    for (const auto& [key, value] : decode_form(body)) params[key].insert(value);
    std::string text = url;
    for (const auto& [key, values] : params) {
        for (const std::string& value : values) text += key + value;
    }
    return text;
}

const std::optional<std::size_t> kRefused;
const std::optional<std::size_t> kFirst{0};

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(std::optional<std::size_t>)

BOOST_AUTO_TEST_CASE(every_vector_is_signed_and_verified) {
    for (const Vector& vector : kVectors) {
        BOOST_TEST(sign(vector.token, vector.url, vector.params) == vector.signature);
        BOOST_TEST(verify_form(vector.url, encode_form(vector.params), vector.signature,
                               {vector.token}) == kFirst);
        BOOST_TEST(verify_form(vector.url, encode_form(vector.params), vector.signature,
                               {kOther}) == kRefused);
    }
}

BOOST_AUTO_TEST_CASE(the_json_vector_is_signed_and_verified) {
    BOOST_TEST(sha256_hex(kJson) == kJsonQuery.substr(11));
    BOOST_TEST(sign(kToken, kUrl + "?" + kJsonQuery, {}) == kJsonSignature);
    BOOST_TEST(verify_json(kJsonQuery, kJson, kJsonSignature) == kFirst);
}

BOOST_AUTO_TEST_CASE(a_json_body_without_its_one_true_hash_is_refused) {
    const auto signed_query = [](const std::string& query) {
        return sign(kToken, kUrl + "?" + query, {});
    };
    const std::string hash = kJsonQuery.substr(11);
    const std::string other_hash = sha256_hex("other");
    const std::string upper =
        "bodySHA256=2EF7713ECEB3E3E760E8BB0657D43EAA6564433259FC61ACD48FE7A86B502B65";

    BOOST_TEST(verify_json(kJsonQuery, kJson + " ", kJsonSignature) == kRefused);
    BOOST_TEST(verify_json(kJsonQuery, "", kJsonSignature) == kRefused);
    for (const std::string& query :
         {std::string{}, std::string{"a=1"}, std::string{"bodySHA256="}, std::string{"bodySHA256"},
          upper, "bodysha256=" + hash, "bodySHA256=" + other_hash, kJsonQuery + "&" + kJsonQuery,
          kJsonQuery + "&bodySHA256=" + other_hash, "bodySHA256=" + other_hash + "&" + kJsonQuery,
          kJsonQuery + "&body%53HA256=" + other_hash, kJsonQuery + "0",
          "bodySHA256=" + hash.substr(1)}) {
        BOOST_TEST(verify_json(query, kJson, signed_query(query)) == kRefused, query);
    }
    const std::string with_more = "m=1&" + kJsonQuery + "&a=2";
    BOOST_TEST(verify_json(with_more, kJson, signed_query(with_more)) == kFirst);
}

BOOST_AUTO_TEST_CASE(a_signed_json_request_cannot_be_replayed_as_a_form) {
    BOOST_TEST(verify_form(kUrl + "?" + kJsonQuery, "", kJsonSignature, {kToken}) == kRefused);
    // A form whose query tells its true hash is fine.
    const std::string url = kUrl + "?bodySHA256=" + sha256_hex("Body=x");
    BOOST_TEST(verify_form(url, "Body=x", sign(kToken, url, {{"Body", "x"}}), {kToken}) == kFirst);
}

BOOST_AUTO_TEST_CASE(the_order_and_encoding_of_the_body_do_not_matter) {
    const std::string signature = "n4k6oHu9mNDoaNTwDYo4KIWdkjg=";
    for (const char* body :
         {"MessageSid=SM00000000000000000000000000000001&From=whatsapp%3A%2B33612345678&To="
          "whatsapp%3A%2B33700000001&"
          "Body=%C3%87a+co%C3%BBte+1%2B1+%E2%82%AC+%3F+%F0%9F%9B%8D%EF%B8%8F&NumMedia=0",
          "&&NumMedia=0&Body=%c3%87a%20co%c3%bbte%201%2b1%20%e2%82%ac%20?%20%f0%9f%9b%8d%ef%b8%8f&"
          "To=whatsapp:%2B33700000001&"
          "NumMedia=0&MessageSid=SM00000000000000000000000000000001&From=whatsapp:%"
          "2B33612345678&"}) {
        BOOST_TEST(verify_form(kUrl, body, signature, {kToken}) == kFirst, body);
    }
}

BOOST_AUTO_TEST_CASE(either_spelling_of_the_port_is_accepted_and_no_other) {
    const std::string body = "Body=x";
    const auto accepts = [&](const std::string& received, const std::string& configured) {
        return verify_form(received, body, sign(kToken, configured, {{"Body", "x"}}), {kToken}) ==
               kFirst;
    };
    BOOST_TEST(accepts("https://h.test/p?q=1", "https://h.test/p?q=1"));
    BOOST_TEST(accepts("https://h.test/p?q=1", "https://h.test:443/p?q=1"));
    BOOST_TEST(accepts("https://h.test:443/p?q=1", "https://h.test/p?q=1"));
    BOOST_TEST(accepts("http://h.test/p", "http://h.test:80/p"));
    BOOST_TEST(accepts("https://h.test:8443/p", "https://h.test/p"));
    BOOST_TEST(accepts("https://h.test:8443/p", "https://h.test:8443/p"));
    BOOST_TEST(!accepts("https://h.test:8443/p", "https://h.test:443/p"));
    BOOST_TEST(!accepts("https://h.test/p", "https://h.test:80/p"));
    BOOST_TEST(!accepts("https://h.test/p", "https://h.test:8443/p"));
    BOOST_TEST(!accepts("https://h.test/p", "http://h.test/p"));
    BOOST_TEST(!accepts("https://h.test/p", "https://h.test/p/"));
    BOOST_TEST(!accepts("https://h.test/p?a=%20", "https://h.test/p?a=+"));
}

BOOST_AUTO_TEST_CASE(a_url_has_two_spellings_of_its_port) {
    const std::pair<const char*, std::vector<std::string>> cases[] = {
        {"https://h.test/p:1?a=b:2", {"https://h.test/p:1?a=b:2", "https://h.test:443/p:1?a=b:2"}},
        {"http://h.test", {"http://h.test", "http://h.test:80"}},
        {"https://h.test?a=1", {"https://h.test?a=1", "https://h.test:443?a=1"}},
        {"HTTPS://h.test:9/p", {"HTTPS://h.test:9/p", "HTTPS://h.test/p"}},
        {"https://user:pa@ss@h.test/p",
         {"https://user:pa@ss@h.test/p", "https://user:pa@ss@h.test:443/p"}},
        {"https://user:pass@h.test:8/p",
         {"https://user:pass@h.test:8/p", "https://user:pass@h.test/p"}},
        {"https://[::1]/p", {"https://[::1]/p", "https://[::1]:443/p"}},
        {"https://[::1]:8443/p", {"https://[::1]:8443/p", "https://[::1]/p"}},
        {"ftp://h.test/p", {"ftp://h.test/p"}},
        {"", {""}},
    };
    for (const auto& [url, expected] : cases)
        BOOST_TEST(url_variants(url) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_key_is_tried_and_the_one_that_signed_is_named) {
    const std::string body = encode_form(kMessage);
    const std::string signature = sign(kToken, kUrl, kMessage);
    BOOST_TEST(
        (verify_form(kUrl, body, signature, {kOther, kToken}) == std::optional<std::size_t>{1}));
    BOOST_TEST((verify_form(kUrl, body, signature, {kToken, kOther, kToken}) == kFirst));
    BOOST_TEST(verify_form(kUrl, body, signature, {}) == kRefused);
}

BOOST_AUTO_TEST_CASE(an_empty_key_never_fits) {
    const std::string body = encode_form(kMessage);
    // A signature by kToken before it, so that a key kept from the call before would show.
    BOOST_TEST(sign(kToken, kUrl, kMessage) != sign(Secret{}, kUrl, kMessage));
    BOOST_TEST(verify_form(kUrl, body, sign(Secret{}, kUrl, kMessage), {Secret{}, kOther}) ==
               kRefused);
    BOOST_TEST((verify_form(kUrl, body, sign(kToken, kUrl, kMessage), {Secret{}, kToken}) ==
                std::optional<std::size_t>{1}));
}

BOOST_AUTO_TEST_CASE(several_candidate_urls_are_all_tried) {
    const std::string body = encode_form(kMessage);
    const std::string signature = sign(kToken, kUrl, kMessage);
    const SignedRequest request{.urls = {"http://10.0.0.1/webhooks/twilio", kUrl},
                                .format = BodyFormat::form,
                                .body = body,
                                .query = {},
                                .signature = signature};
    BOOST_TEST((verify(request, std::vector{kToken}) == kFirst));
}

BOOST_AUTO_TEST_CASE(a_signature_has_28_characters_of_base64) {
    BOOST_TEST(is_well_formed_signature("n4k6oHu9mNDoaNTwDYo4KIWdkjg="));
    BOOST_TEST(is_well_formed_signature("aVGoQW1SJCMsLcj9+sUrrtJX8/w="));
    for (const char* text :
         {"", "=", "n4k6oHu9mNDoaNTwDYo4KIWdkj==", "n4k6oHu9mNDoaNTwDYo4KIWdkjgA",
          "n4k6oHu9mNDoaNTwDYo4KIWdkjg=\n", " n4k6oHu9mNDoaNTwDYo4KIWdkjg=",
          "n4k6oHu9mNDoaNTwDYo4KIWdkj-=", "n4k6oHu9mNDoaNTwDYo4KIWdkjg"}) {
        BOOST_TEST(!is_well_formed_signature(text), text);
    }
}

BOOST_AUTO_TEST_CASE(the_unused_bits_of_the_last_character_are_compared_too) {
    // The same 20 bytes when decoded; only one spelling is Twilio's.
    const std::string body = encode_form(kMessage);
    for (const char* other : {"n4k6oHu9mNDoaNTwDYo4KIWdkjh=", "n4k6oHu9mNDoaNTwDYo4KIWdkji=",
                              "n4k6oHu9mNDoaNTwDYo4KIWdkjj="}) {
        BOOST_TEST(verify_form(kUrl, body, other, {kToken}) == kRefused, other);
    }
}

BOOST_AUTO_TEST_CASE(a_thousand_random_tamperings_are_all_refused) {
    constexpr std::uint64_t kSeed = 20261125;
    BOOST_TEST_MESSAGE("seed " << kSeed);
    Rng rng{kSeed};
    const std::string url = kUrl + "?m=7d5c&a=1";
    const std::string body = encode_form(kMessage) +
                             "&AccountSid=AC00000000000000000000000000000001&ProfileName=Zo%C3%A9";
    const std::string signature = sign(kToken, url, decode_form(body));
    BOOST_REQUIRE(verify_form(url, body, signature, {kToken}) == kFirst);

    const auto tamper = [&rng](std::string text) {
        const std::size_t at = rng.between(0, text.size() - 1);
        const auto byte = static_cast<char>(rng.between(1, 255));
        switch (rng.between(0, 4)) {
            case 0:
                text[at] = byte;
                break;
            case 1:
                text.erase(at, rng.between(1, 20));
                break;
            case 2:
                text.insert(at, 1, byte);
                break;
            case 3:
                std::swap(text[at], text[rng.between(0, text.size() - 1)]);
                break;
            default:
                text += "&x=" + std::to_string(rng());
                break;
        }
        return text;
    };
    int tampered = 0;
    int same = 0;
    int kinds[3] = {};
    while (tampered < 1000) {
        std::string bad_url = url;
        std::string bad_body = body;
        std::string bad_signature = signature;
        const std::size_t kind = rng.between(0, 2);
        if (kind == 0) bad_body = tamper(body);
        if (kind == 1) bad_url = tamper(url);
        if (kind == 2) bad_signature = tamper(signature);
        // Some changes are none: `%2b` for `%2B`, `Body` + `=x` for `Bod` + `y=x`. The signed text
        // decides.
        if (signed_text(bad_url, bad_body) == signed_text(url, body) &&
            bad_signature == signature) {
            ++same;
            continue;
        }
        ++tampered;
        ++kinds[kind];
        BOOST_TEST(verify_form(bad_url, bad_body, bad_signature, {kToken, kOther}) == kRefused,
                   bad_url << "\n"
                           << bad_body << "\n"
                           << bad_signature);
    }
    BOOST_TEST_MESSAGE(kinds[0] << " bodies, " << kinds[1] << " URLs, " << kinds[2]
                                << " signatures; " << same << " changes changed nothing");
    BOOST_TEST((kinds[0] > 200 && kinds[1] > 200 && kinds[2] > 200));
    BOOST_TEST(same < 500);
}

BOOST_AUTO_TEST_CASE(threads_sign_at_the_same_time) {
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&wrong] {
                for (int i = 0; i < 500; ++i) {
                    for (const Vector& vector : kVectors) {
                        if (sign(vector.token, vector.url, vector.params) != vector.signature)
                            ++wrong;
                    }
                }
            });
        }
    }
    BOOST_TEST(wrong == 0);
}
