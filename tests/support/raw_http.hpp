#pragma once
// HTTP by hand over a plain socket: for requests that no client library would send, and for what
// exactly came back.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgcourier::test {

struct RawReply {
    int status = 0;    // 0: the connection ended without an answer
    std::string head;  // status line and fields
    std::string body;
    std::chrono::milliseconds took{0};
    /// A field's value, its name in any case; empty when there is none.
    std::string field(std::string_view name) const;
};

class RawHttp {
  public:
    /// Connects to 127.0.0.1.
    explicit RawHttp(std::uint16_t port);
    ~RawHttp();
    RawHttp(const RawHttp&) = delete;
    RawHttp& operator=(const RawHttp&) = delete;

    /// Sends these bytes as they are and reads one answer.
    RawReply exchange(std::string_view bytes);
    /// Whether the server has closed the connection (waits up to 2 s for it).
    bool is_closed();

  private:
    int socket_;
    std::string input_;
};

}  // namespace pgcourier::test
