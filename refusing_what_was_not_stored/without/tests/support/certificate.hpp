#pragma once
// Certificates of a test's own, made with OpenSSL, as PEM files.

#include <string>

namespace pgcourier::test {

struct PemFiles {
    std::string certificate;
    std::string key;  // readable by its owner alone, who is PostgreSQL's user where we are root
};

/// A certificate that vouches for itself, so that it is its own authority's as well.
///
/// name  of its files; `<name>.crt` and `<name>.key` in the directory of this process are written
/// host  whom it is for: a name, or an address of version 4
PemFiles make_certificate(const std::string& name, const std::string& host = "127.0.0.1");

}  // namespace pgcourier::test
