#pragma once
// The server's certificate and key, from the PEM files that TLS_CERT_FILE and TLS_KEY_FILE name.
// Without one the server speaks plain HTTP, for a proxy in front.

#include "base/result.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace pgcourier::http {

class ServerCertificate {
  public:
    /// Nothing is read yet.
    ///
    /// certificate_file  the certificate, then those of the authorities between, as PEM
    /// key_file          its private key as PEM, without a passphrase
    ServerCertificate(std::string certificate_file, std::string key_file)
        : certificate_file_{std::move(certificate_file)}, key_file_{std::move(key_file)} {}

    /// Reads both files, also again: who connects from then on gets what is in them. Connections
    /// that are open stay as they are. Before the first use, and from any thread.
    /// returns  what is wrong with the files, with the variable's name; nothing has changed then
    Result<void> read();

    /// TLS 1.2 or newer with what was read last. From any thread.
    std::shared_ptr<boost::asio::ssl::context> context() const;

  private:
    const std::string certificate_file_;
    const std::string key_file_;
    mutable std::mutex mutex_;
    std::shared_ptr<boost::asio::ssl::context> context_;  // guarded by mutex_
};

}  // namespace pgcourier::http
