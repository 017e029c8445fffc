#pragma once
// Why a webhook's signature fits, or why it does not: the URLs that the service would try, and,
// when none of them was signed, every other one that Twilio may have called. Pure.

#include "base/secret.hpp"
#include "doctor/finding.hpp"
#include "http/request.hpp"

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::doctor {

struct SigningKey {
    std::string variable;  // that it comes from
    Secret key;
};

struct SignatureQuestion {
    http::Request request;
    std::string public_url;               // WEBHOOK_PUBLIC_URL
    bool has_trusted_proxy = false;       // X-Forwarded-* would be believed
    std::vector<SigningKey> keys;         // in the order in which they are tried
    std::string account_sid;              // TWILIO_ACCOUNT_SID; empty: not known
    std::vector<std::string> other_urls;  // that Twilio may have called besides, whole ones
};

/// The URLs that the service tries, with both spellings of the port, the likeliest first.
std::vector<std::string> candidates(const SignatureQuestion& question);

struct Signed {
    std::string url;
    std::string variable;  // whose key signed it
};

/// What was signed, among the service's candidates.
std::optional<Signed> find_among_candidates(const SignatureQuestion& question);

/// What was signed, among everything that the request, its proxies' fields and `other_urls` hint
/// at: either scheme, each host and port, with and without a slash at the end, a query, a prefix.
std::optional<Signed> find_elsewhere(const SignatureQuestion& question);

/// ok: the service takes this request. fail: it refuses it; which URL was signed and in what that
/// one differs, or what is left to suspect when none fits.
Verdict judge_signature(const SignatureQuestion& question);

}  // namespace pgcourier::doctor
