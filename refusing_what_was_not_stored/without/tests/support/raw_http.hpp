#pragma once
// HTTP by hand over a plain socket: for requests that no client library would send, cut as none
// would cut them, and for what exactly came back.

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
    /// Sends these bytes as they are, at once.
    void send(std::string_view bytes);
    /// Tells the server that nothing more comes, and goes on reading.
    void end_sending();
    /// The next answer.
    RawReply reply();
    /// All that comes up to this text and with it; empty when the connection ended before.
    std::string until(std::string_view text);
    /// All that comes until the server closes the connection, or for 20 s says nothing.
    std::string rest();
    /// Whether the server closed it, once rest() has returned.
    bool has_ended() const { return has_ended_; }
    /// Our own port.
    std::uint16_t port() const;
    /// Whether the server has closed the connection (waits up to 2 s for it).
    bool is_closed();

  private:
    bool receive();

    int socket_;
    std::string input_;
    bool has_ended_ = false;
};

}  // namespace pgcourier::test
