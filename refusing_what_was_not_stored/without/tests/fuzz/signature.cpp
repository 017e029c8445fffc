// Signatures: a request signed over any spelling of its URL verifies, with the key's index among
// others; the same signature does not fit another key, and a flipped byte of signature, URL or body
// does not fit unless the change says the same (`%2b` for `%2B`). What is signed is written here a
// second time. A JSON body stands and falls with its bodySHA256.
#include "twilio/signature.hpp"

#include "fuzz/support.hpp"
#include "twilio/digest.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

std::string signed_params(std::string_view body) {
    std::map<std::string, std::set<std::string>> params;
    for (const auto& [key, value] : decode_form(body)) params[key].insert(value);
    std::string text;
    for (const auto& [key, values] : params) {
        for (const std::string& value : values) text += key + value;
    }
    return text;
}

std::string query_of(const std::string& url) {
    const std::size_t mark = url.find('?');
    return mark == std::string::npos ? "" : url.substr(mark + 1);
}

/// Whether the form's own rule about bodySHA256 lets the body pass.
bool hash_holds(const std::string& query, std::string_view body, BodyFormat format) {
    std::vector<std::string> claimed;
    for (const auto& [key, value] : decode_form(query)) {
        if (key == "bodySHA256") claimed.push_back(value);
    }
    if (claimed.empty()) return format == BodyFormat::form;
    return claimed.size() == 1 && claimed[0] == sha256_hex(body);
}

bool verifies(const std::string& url, BodyFormat format, std::string_view body,
              std::string_view signature, const std::vector<Secret>& keys, std::size_t expected) {
    const std::string query = query_of(url);
    const auto found = verify(
        {.urls = {url}, .format = format, .body = body, .query = query, .signature = signature},
        keys);
    require(!found || *found < keys.size(), "the key that fits is one of those given");
    return found == expected;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const auto at = static_cast<std::size_t>(fuzz::small_number(input.line()));
    const std::string url{input.line()};
    const std::string body{input.rest()};
    const Secret key{"12345678901234567890123456789012"};
    const Secret other{"abcdefabcdefabcdefabcdefabcdefab"};
    const std::vector<Secret> keys{Secret{}, other, key};
    const std::string query = query_of(url);

    const std::vector<std::string> variants = url_variants(url);
    require(!variants.empty() && variants.size() <= 2 && variants[0] == url,
            "the URL as given is the first of at most two spellings");
    for (const std::string& variant : variants) {
        const std::vector<std::string> back = url_variants(variant);
        if (std::find(variants[0].begin(), variants[0].end(), '@') == variants[0].end() &&
            variants.size() == 2 && url.find(':', 8) == std::string::npos) {
            require(std::find(back.begin(), back.end(), url) != back.end(),
                    "the spelling without a port leads back from the one with");
        }
        const std::string own = sign(key, variant, decode_form(body));
        require(is_well_formed_signature(own), "a signature has the form of one");
        require(own == hmac_sha1_base64(key.reveal(), variant + signed_params(body), ""),
                "signed is what Twilio says is signed");
        require(verifies(url, BodyFormat::form, body, own, keys, 2) ==
                    hash_holds(query, body, BodyFormat::form),
                "a form that was signed verifies");
        require(!verifies(url, BodyFormat::form, body, own, {other}, 0),
                "another key does not fit");

        std::string flipped = own;
        flipped[at % flipped.size()] = static_cast<char>(flipped[at % flipped.size()] ^ 1);
        require(!verifies(url, BodyFormat::form, body, flipped, keys, 2),
                "a flipped byte of the signature does not fit");
    }

    const std::string signature = sign(key, url, decode_form(body));
    if (!body.empty()) {
        std::string changed = body;
        changed[at % changed.size()] = static_cast<char>(changed[at % changed.size()] ^ 1);
        require(verifies(url, BodyFormat::form, changed, signature, keys, 2) ==
                    (signed_params(changed) == signed_params(body) &&
                     hash_holds(query, changed, BodyFormat::form)),
                "a flipped byte of the body fits only where it says the same");
    }
    if (!url.empty()) {
        std::string changed = url;
        changed[at % changed.size()] = static_cast<char>(changed[at % changed.size()] ^ 1);
        const std::vector<std::string> spelled = url_variants(changed);
        const std::string text = signed_params(body);
        const bool says_the_same = std::any_of(
            spelled.begin(), spelled.end(),
            [&](const std::string& other_url) { return other_url + text == url + text; });
        require(verifies(changed, BodyFormat::form, body, signature, keys, 2) ==
                    (says_the_same && hash_holds(query_of(changed), body, BodyFormat::form)),
                "a flipped byte of the URL does not fit");
    }

    const std::string hashed =
        url + (url.find('?') == std::string::npos ? "?" : "&") + "bodySHA256=" + sha256_hex(body);
    const std::string json_signature = sign(key, hashed, {});
    require(verifies(hashed, BodyFormat::json, body, json_signature, keys, 2) ==
                hash_holds(query_of(hashed), body, BodyFormat::json),
            "a JSON body verifies with its hash in the query");
    require(!verifies(hashed, BodyFormat::json, body + "x", json_signature, keys, 2),
            "a JSON body that was changed does not");
    require(verifies(url, BodyFormat::json, body, sign(key, url, {}), keys, 2) ==
                hash_holds(query, body, BodyFormat::json),
            "a JSON body without its hash does not");
    require(!verify({.urls = {url}, .body = body, .query = query, .signature = signature}, {}),
            "without a key nothing fits");
    return 0;
}
