#pragma once
// An nginx of our own as a proxy before a server of a test, as Debian packages it.

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace pgcourier::test {

/// A request that nginx sent on and that was answered 200.
struct Forwarded {
    std::uint16_t client_port;  // of the one who sent it; also its field X-Client-Port
    std::string id;             // also its field X-Request-Id
    std::string body;           // bytes outside of printable ASCII, `"` and `\` as \xHH
};

class Nginx {
  public:
    /// Starts it and waits until it listens. All clients share a few connections to
    /// 127.0.0.1:target, as they do behind any proxy: a request that ends elsewhere for nginx than
    /// for the server would take in another client's.
    ///
    /// throws  std::runtime_error with what it printed
    explicit Nginx(std::uint16_t target);
    ~Nginx();
    Nginx(const Nginx&) = delete;
    Nginx& operator=(const Nginx&) = delete;

    /// As most set it up: it reads a whole body first and sends it on with a length.
    std::uint16_t buffering_port() const { return buffering_port_; }
    /// A body is sent on as it comes, in chunks of nginx's own when it has no length; and fields
    /// with odd names are sent on too.
    std::uint16_t streaming_port() const { return streaming_port_; }

    /// Ends it.
    void finish();
    /// What it has logged, in that order. After finish().
    std::vector<Forwarded> forwarded() const;
    std::string log() const;

  private:
    std::uint16_t buffering_port_;
    std::uint16_t streaming_port_;
    std::string directory_;
    pid_t pid_ = -1;
};

}  // namespace pgcourier::test
