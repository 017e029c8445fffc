#pragma once
// What one connection, and all of them together, may cost. A client that goes over a bound is
// refused, never waited for. The defaults suit webhooks; tests inject short times.

#include <chrono>
#include <cstddef>

namespace pgcourier::http {

struct Limits {
    std::size_t body_bytes = 64 * 1024;    // 413; a route may set its own
    std::size_t header_bytes = 16 * 1024;  // request line and all fields, 431
    std::size_t header_fields = 64;        // 431
    std::size_t target_bytes = 8 * 1024;   // 414
    // Beyond: a new connection takes the place of the one that makes us wait for the longest.
    std::size_t connections = 10'000;
    // Of TLS at the same time, which cost memory and processor before anybody has shown what he
    // wants. Beyond: a new one takes the place of any one of them.
    std::size_t handshakes = 256;

    // Each is for the whole step, not for the next byte: a client that drips gains nothing.
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds header_timeout{10'000};  // from the first byte, or from the accept
    std::chrono::milliseconds body_timeout{10'000};
    std::chrono::milliseconds write_timeout{10'000};
    std::chrono::milliseconds idle_timeout{75'000};  // kept alive without a request
};

}  // namespace pgcourier::http
