#include "twilio/signature.hpp"

#include "twilio/digest.hpp"

#include <algorithm>
#include <utility>

namespace pgcourier::twilio {
namespace {

/// What is signed after the URL. Order is by key and then by value, not by the joined texts:
/// `FromCityPARIS` would come before `Fromwhatsapp:…`.
std::string joined(std::vector<Form::Pair> pairs) {
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    std::string text;
    std::size_t size = 0;
    for (const auto& [key, value] : pairs) size += key.size() + value.size();
    text.reserve(size);
    for (const auto& [key, value] : pairs) text.append(key).append(value);
    return text;
}

std::string joined_body(std::string_view body) {
    const Form form{body};
    return joined({form.pairs().begin(), form.pairs().end()});
}

bool body_hash_holds(const SignedRequest& request) {
    const Form query{request.query};
    const auto count = std::ranges::count(query.pairs(), "bodySHA256", &Form::Pair::first);
    if (count == 0) return request.format == BodyFormat::form;
    return count == 1 &&
           equal_in_constant_time(query.value("bodySHA256"), sha256_hex(request.body));
}

std::vector<std::string> with_variants(const std::vector<std::string>& urls) {
    std::vector<std::string> all;
    for (const std::string& url : urls) {
        for (std::string& variant : url_variants(url)) {
            if (std::find(all.begin(), all.end(), variant) == all.end())
                all.push_back(std::move(variant));
        }
    }
    return all;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
    return text.size() >= lower.size() &&
           std::equal(lower.begin(), lower.end(), text.begin(), [](char expected, char c) {
               return (c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) == expected;
           });
}

}  // namespace

std::string sign(const Secret& key, std::string_view url, const Params& params) {
    return hmac_sha1_base64(key.reveal(), url, joined({params.begin(), params.end()}));
}

bool is_well_formed_signature(std::string_view signature) {
    return signature.size() == 28 && signature.back() == '=' &&
           std::all_of(signature.begin(), signature.end() - 1, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
           });
}

std::vector<std::string> url_variants(std::string_view url) {
    std::string_view default_port;
    if (starts_with_ignoring_case(url, "https://")) default_port = ":443";
    if (starts_with_ignoring_case(url, "http://")) default_port = ":80";
    if (default_port.empty()) return {std::string{url}};

    const std::size_t start = url.find("://") + 3;
    const std::size_t end = std::min(url.find_first_of("/?#", start), url.size());
    const std::string_view authority = url.substr(start, end - start);
    // The port's colon is none of a user's name and password, and none within an IPv6 address.
    const std::size_t host = authority.find_last_of("@]");
    const std::size_t colon = authority.find(':', host == std::string_view::npos ? 0 : host);
    const std::size_t host_end = start + std::min(colon, authority.size());

    std::string other{url.substr(0, host_end)};
    if (host_end == end) other += default_port;
    other += url.substr(end);
    return {std::string{url}, std::move(other)};
}

std::optional<std::size_t> verify(const SignedRequest& request, std::span<const Secret> keys) {
    if (!is_well_formed_signature(request.signature)) return std::nullopt;
    const bool body_is_covered = body_hash_holds(request);
    const std::string rest =
        request.format == BodyFormat::form ? joined_body(request.body) : std::string{};
    const std::vector<std::string> urls = with_variants(request.urls);

    std::optional<std::size_t> signer;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i].empty()) continue;  // anyone can sign with an empty key
        bool fits = false;
        for (const std::string& url : urls) {
            // Text with text: the last base64 character has two unused bits, so bytes have several
            // spellings.
            fits |= equal_in_constant_time(hmac_sha1_base64(keys[i].reveal(), url, rest),
                                           request.signature);
        }
        if (fits && !signer) signer = i;
    }
    return body_is_covered ? signer : std::nullopt;
}

}  // namespace pgcourier::twilio
