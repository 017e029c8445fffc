#include "support/certificate.hpp"

#include "base/handle.hpp"
#include "base/rng.hpp"
#include "support/test_database.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <pwd.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace pgcourier::test {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using File = std::unique_ptr<std::FILE, FreeWith<std::fclose>>;

void require(bool is_done, const char* what) {
    if (!is_done) throw std::runtime_error{fmt::format("OpenSSL: {} failed", what)};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
    const Extension extension{X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str())};
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
            "adding an extension");
}

}  // namespace

PemFiles make_certificate(const std::string& name, const std::string& host) {
    const Key key{EVP_EC_gen("P-256")};
    const Certificate certificate{X509_new()};
    require(key != nullptr && certificate != nullptr, "making a key");
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), random_seed() >> 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 24 * 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
    add_extension(certificate.get(), NID_subject_alt_name, (is_address ? "IP:" : "DNS:") + host);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "signing");

    PemFiles files{fmt::format("{}/{}.crt", scratch_directory(), name),
                   fmt::format("{}/{}.key", scratch_directory(), name)};
    {
        const File file{std::fopen(files.certificate.c_str(), "w")};
        require(file && PEM_write_X509(file.get(), certificate.get()) == 1, "writing");
    }
    {
        const File file{std::fopen(files.key.c_str(), "w")};
        require(file && PEM_write_PrivateKey(file.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                             nullptr) == 1,
                "writing");
    }
    chmod(files.key.c_str(), 0600);
    const passwd* user = geteuid() == 0 ? getpwnam("postgres") : nullptr;
    if (user != nullptr)
        require(chown(files.key.c_str(), user->pw_uid, user->pw_gid) == 0, "giving the key away");
    return files;
}

}  // namespace pgcourier::test
