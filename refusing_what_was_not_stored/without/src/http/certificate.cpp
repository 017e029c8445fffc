#include "http/certificate.hpp"

#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>
#include <openssl/err.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace pgcourier::http {
namespace {

namespace ssl = boost::asio::ssl;

constexpr const char* kCertificate = "TLS_CERT_FILE";
constexpr const char* kKey = "TLS_KEY_FILE";

// OpenSSL's own words for a file that is not there are about its BIO.
Result<void> check_readable(const char* variable, const std::string& path) {
    errno = 0;
    std::ifstream file{path};
    if (file.peek() != std::ifstream::traits_type::eof()) return {};
    const char* why = errno != 0 ? std::strerror(errno) : "it is empty";
    return Problem{fmt::format("{}: cannot read {}: {}", variable, path, why)};
}

// Nobody is at a terminal to be asked.
int no_passphrase(char*, int, int, void*) {
    return 0;
}

Result<std::shared_ptr<ssl::context>> load(const std::string& certificate_file,
                                           const std::string& key_file) {
    for (const auto& [variable, path] :
         {std::pair{kCertificate, &certificate_file}, {kKey, &key_file}}) {
        if (auto readable = check_readable(variable, *path); !readable) return readable.error();
    }
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX* handle = context->native_handle();
    SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
    SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);  // of idle connections
    SSL_CTX_set_default_passwd_cb(handle, no_passphrase);
    ERR_clear_error();
    const bool has_certificate =
        SSL_CTX_use_certificate_chain_file(handle, certificate_file.c_str()) == 1;
    const bool has_key = has_certificate && SSL_CTX_use_PrivateKey_file(handle, key_file.c_str(),
                                                                        SSL_FILETYPE_PEM) == 1;
    const bool is_other_key = has_certificate && !has_key &&
                              ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    ERR_clear_error();
    if (!has_certificate) {
        return Problem{
            fmt::format("{}: found no certificate in {}, expected PEM, which begins "
                        "with -----BEGIN CERTIFICATE-----",
                        kCertificate, certificate_file)};
    }
    if (is_other_key || (has_key && SSL_CTX_check_private_key(handle) != 1)) {
        return Problem{fmt::format("{}: the key in {} is not that of the certificate in {}", kKey,
                                   key_file, certificate_file)};
    }
    if (!has_key) {
        return Problem{fmt::format(
            "{}: found no private key in {}, expected PEM without a passphrase", kKey, key_file)};
    }
    return context;
}

}  // namespace

Result<void> ServerCertificate::read() {
    auto loaded = load(certificate_file_, key_file_);
    if (!loaded) return loaded.error();
    const std::scoped_lock lock{mutex_};
    context_ = std::move(*loaded);
    return {};
}

std::shared_ptr<ssl::context> ServerCertificate::context() const {
    const std::scoped_lock lock{mutex_};
    return context_;
}

}  // namespace pgcourier::http
