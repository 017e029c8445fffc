#include "doctor/signature.hpp"

#include "doctor/guesses.hpp"
#include "doctor/url.hpp"
#include "twilio/body_format.hpp"
#include "twilio/digest.hpp"
#include "twilio/form.hpp"
#include "twilio/sid.hpp"
#include "twilio/signature.hpp"
#include "webhook/signed_url.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pgcourier::doctor {
namespace {

using webhook::masked_url;

bool is_json(const http::Request& request) {
    return twilio::body_format(request.header("Content-Type")) == twilio::BodyFormat::json;
}

twilio::Params signed_params(const http::Request& request) {
    return is_json(request) ? twilio::Params{} : twilio::decode_form(request.body);
}

std::optional<Signed> find_among(const SignatureQuestion& question,
                                 const std::vector<std::string>& urls) {
    const std::string_view signature = question.request.header("X-Twilio-Signature");
    const twilio::Params params = signed_params(question.request);
    for (const std::string& url : urls) {
        for (const std::string& variant : twilio::url_variants(url)) {
            for (const SigningKey& key : question.keys) {
                if (!key.key.empty() && twilio::sign(key.key, variant, params) == signature)
                    return Signed{variant, key.variable};
            }
        }
    }
    return std::nullopt;
}

/// What a JSON request's URL says of its body; nullopt: nothing.
std::optional<std::string> claimed_hash(const http::Request& request) {
    for (const auto& [key, value] : twilio::decode_form(request.query())) {
        if (key == "bodySHA256") return value;
    }
    return std::nullopt;
}

/// What makes the signature not worth looking at.
std::optional<Verdict> unreadable(const http::Request& request) {
    const std::string_view signature = request.header("X-Twilio-Signature");
    if (signature.empty()) {
        return Verdict{State::fail, "the request has no X-Twilio-Signature",
                       "Twilio signs every webhook: this one is not Twilio's, or a proxy takes the "
                       "header away"};
    }
    if (!twilio::is_well_formed_signature(signature)) {
        return Verdict{State::fail,
                       fmt::format("X-Twilio-Signature has {} characters and is no signature, "
                                   "expected 28 of base64",
                                   signature.size()),
                       "Save the header as it was received, on one line"};
    }
    const std::string_view type = request.header("Content-Type");
    if (!twilio::body_format(type)) {
        return Verdict{
            State::fail,
            fmt::format("Content-Type is {}",
                        type.empty() ? std::string{"not there"} : std::string{type}),
            "Expected application/x-www-form-urlencoded: set the webhook's method to POST in "
            "Twilio's console; the service answers 415 to this"};
    }
    const auto hash = claimed_hash(request);
    if (is_json(request) && !hash) {
        return Verdict{State::fail, "the body is JSON and the URL has no bodySHA256",
                       "Nothing says that this body is Twilio's: the service answers 415 to it"};
    }
    if (hash && *hash != twilio::sha256_hex(request.body)) {
        return Verdict{State::fail, "the body's SHA-256 is not the bodySHA256 of the URL",
                       "The body was changed on its way, or when the file was saved: a proxy must "
                       "pass it on byte for byte"};
    }
    return std::nullopt;
}

/// What WEBHOOK_PUBLIC_URL must be for this URL to be tried; nullopt: no value makes it so, since
/// the path that arrives is another one.
std::optional<std::string> public_url_for(const std::string& url, const std::string& target) {
    if (!url.ends_with(target)) return std::nullopt;
    std::string base = url.substr(0, url.size() - target.size());
    if (split_url(base).host.empty()) return std::nullopt;
    return base;
}

std::string advice_for(const SignatureQuestion& question, const std::string& url) {
    if (const auto base = public_url_for(url, question.request.target)) {
        return fmt::format("Set WEBHOOK_PUBLIC_URL={}{}", *base,
                           question.public_url.empty()
                               ? ""
                               : ", or put the URL that it has now into Twilio's console");
    }
    const UrlParts parts = split_url(url);
    const std::string called = parts.path + (parts.has_query ? "?" + parts.query : "");
    return fmt::format(
        "Twilio calls {} and the service receives {}: let the proxy pass path and query on "
        "unchanged, or correct the URL in Twilio's console",
        called.empty() ? "no path" : masked_url(called), masked_url(question.request.target));
}

Verdict other_url(const SignatureQuestion& question, const Signed& other) {
    std::vector<std::string> best;
    std::string nearest;
    for (const std::string& candidate : candidates(question)) {
        std::vector<std::string> found = differences(other.url, candidate);
        if (!nearest.empty() && found.size() >= best.size()) continue;
        best = std::move(found);
        nearest = candidate;
    }
    if (nearest.empty()) {
        return {State::fail,
                fmt::format("Twilio signed {} ({}), and the request has no Host to build it from",
                            masked_url(other.url), other.variable),
                advice_for(question, other.url)};
    }
    return {State::fail,
            fmt::format("Twilio signed {} ({}), the service tries {}: {}", masked_url(other.url),
                        other.variable, masked_url(nearest), fmt::join(best, ", ")),
            advice_for(question, other.url)};
}

Verdict no_fit(const SignatureQuestion& question) {
    const twilio::Params params = twilio::decode_form(question.request.body);
    const std::string_view account = twilio::value_or_empty(params, "AccountSid");
    if (!account.empty() && !question.account_sid.empty() && account != question.account_sid) {
        return {State::fail,
                fmt::format("the request is of {}, TWILIO_ACCOUNT_SID is {}",
                            twilio::is_account_sid(account) ? account : "another account",
                            question.account_sid),
                "Take TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN of the account that owns the number "
                "(a subaccount has its own)"};
    }
    std::vector<std::string> variables;
    for (const SigningKey& key : question.keys) variables.push_back(key.variable);
    return {State::fail,
            fmt::format("no URL fits with {}: of the {} that the service tries ({}), and of all "
                        "others that the request hints at",
                        fmt::join(variables, ", "), candidates(question).size(),
                        candidates(question).empty() ? std::string{"none"}
                                                     : masked_url(candidates(question).front())),
            "Either the token is not the one that signed (rotated, or of another account: see "
            "twilio account), or the body or query was changed on its way or when it was saved, or "
            "Twilio calls another host: give the URL of its console with --url"};
}

}  // namespace

std::vector<std::string> candidates(const SignatureQuestion& question) {
    std::vector<std::string> all;
    for (const std::string& url :
         webhook::signed_urls(question.request, question.public_url, question.has_trusted_proxy)) {
        for (std::string& variant : twilio::url_variants(url)) all.push_back(std::move(variant));
    }
    return all;
}

std::optional<Signed> find_among_candidates(const SignatureQuestion& question) {
    return find_among(question, candidates(question));
}

std::optional<Signed> find_elsewhere(const SignatureQuestion& question) {
    std::vector<std::string> known =
        webhook::signed_urls(question.request, question.public_url, question.has_trusted_proxy);
    known.insert(known.end(), question.other_urls.begin(), question.other_urls.end());
    return find_among(question, guessed_urls(question.request, known));
}

Verdict judge_signature(const SignatureQuestion& question) {
    if (const auto verdict = unreadable(question.request)) return *verdict;
    if (const auto found = find_among_candidates(question)) {
        return {State::ok, fmt::format("fits {} with {}", masked_url(found->url), found->variable)};
    }
    if (const auto other = find_elsewhere(question)) return other_url(question, *other);
    return no_fit(question);
}

}  // namespace pgcourier::doctor
