#pragma once
// The HTTP/1.1 server: accepts, reads whole requests within limits, gives them to routes, writes
// their answers. It never waits for a handler. TLS where it is given a certificate; else a proxy in
// front speaks it.

#include "base/result.hpp"
#include "http/certificate.hpp"
#include "http/limits.hpp"
#include "http/routes.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace pgcourier::http {

struct ServerOptions {
    std::string host = "0.0.0.0";  // an address, or a name of this machine
    std::uint16_t port = 8080;     // 0: any free one
    Limits limits{};
    std::shared_ptr<ServerCertificate> certificate{};  // null: plain HTTP
    int threads = 1;                                   // each runs its own connections
    ErrorRenderer error = plain_error;                 // for what no route answers
    std::string port_setting = "PORT";  // what to change when the port is taken, for the message
    /// A connection found no place and was closed unread: what it wanted is not known. From any
    /// thread of the server; returns at once.
    std::function<void()> on_refused{};
};

/// Since the start; for metrics.
struct ServerStats {
    std::uint64_t connections = 0;  // open now
    std::uint64_t accepted = 0;
    std::uint64_t over_limit = 0;  // closed to stay within the limit
    std::uint64_t requests = 0;    // given to a handler
    std::uint64_t malformed = 0;   // answered 400
    std::uint64_t timed_out = 0;   // too slow to send or to read
    std::uint64_t deadlines = 0;   // answered by on_deadline
    std::uint64_t handshakes = 0;  // of TLS that failed otherwise than by time
};

class Server {
  public:
    Server(ServerOptions options, Routes routes);
    /// As drain(0).
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Listens and serves from then on.
    /// returns  what could not be listened on and what to change; nothing runs then
    Result<void> start();
    /// The port that is listened on. After start().
    std::uint16_t port() const;

    /// Closes the listening socket; what is connected goes on. After start(), from any thread.
    void stop_accepting();
    /// stop_accepting(), closes idle connections, lets requests in flight be answered, then ends
    /// the threads. What is not answered after `timeout` is cut off. Waits; the second call does
    /// nothing. Not from a handler.
    void drain(std::chrono::milliseconds timeout);

    ServerStats stats() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pgcourier::http
