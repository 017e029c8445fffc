#include "twilio/digest.hpp"

#include "base/handle.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <memory>
#include <stdexcept>

namespace pgcourier::twilio {
namespace {

using MdAlgorithm = std::unique_ptr<EVP_MD, FreeWith<EVP_MD_free>>;
using MdContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using MacAlgorithm = std::unique_ptr<EVP_MAC, FreeWith<EVP_MAC_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeWith<EVP_MAC_CTX_free>>;

constexpr std::size_t kSha1Bytes = 20;
constexpr std::size_t kSha1Base64Chars = 28;
constexpr std::size_t kSha256Bytes = 32;

void require(bool ok, const char* what) {
    if (!ok) throw std::runtime_error{std::string{"OpenSSL: "} + what + " is not available"};
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

MacContext new_hmac_sha1() {
    static const MacAlgorithm hmac{EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr)};
    require(hmac != nullptr, "HMAC");
    MacContext context{EVP_MAC_CTX_new(hmac.get())};
    require(context != nullptr, "an HMAC context");
    // The digest is named once: later inits with a key alone keep it, without another fetch.
    char sha1[] = OSSL_DIGEST_NAME_SHA1;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
                                 OSSL_PARAM_construct_end()};
    require(EVP_MAC_CTX_set_params(context.get(), params) == 1, "SHA-1");
    return context;
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
    static const MdAlgorithm sha256{EVP_MD_fetch(nullptr, OSSL_DIGEST_NAME_SHA2_256, nullptr)};
    thread_local const MdContext context{EVP_MD_CTX_new()};
    std::array<unsigned char, kSha256Bytes> digest{};
    require(sha256 && context && EVP_DigestInit_ex2(context.get(), sha256.get(), nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
                EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1,
            "SHA-256");
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * digest.size());
    for (const unsigned char byte : digest) {
        hex += kDigits[byte >> 4];
        hex += kDigits[byte & 0xF];
    }
    return hex;
}

std::string hmac_sha1_base64(std::string_view key, std::string_view first,
                             std::string_view second) {
    thread_local const MacContext context = new_hmac_sha1();
    // A null key would mean "the one before".
    const unsigned char* key_bytes = key.empty() ? bytes_of("") : bytes_of(key);
    std::array<unsigned char, kSha1Bytes> digest{};
    std::size_t length = 0;
    require(EVP_MAC_init(context.get(), key_bytes, key.size(), nullptr) == 1 &&
                EVP_MAC_update(context.get(), bytes_of(first), first.size()) == 1 &&
                EVP_MAC_update(context.get(), bytes_of(second), second.size()) == 1 &&
                EVP_MAC_final(context.get(), digest.data(), &length, digest.size()) == 1 &&
                length == digest.size(),
            "HMAC-SHA1");
    std::array<unsigned char, kSha1Base64Chars + 1>
        base64{};  // EVP_EncodeBlock ends it with a zero
    EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
    return std::string{reinterpret_cast<const char*>(base64.data()), kSha1Base64Chars};
}

}  // namespace pgcourier::twilio
