#pragma once
// The HTTP client: many calls at once on one thread (libcurl multi) over kept-alive connections.
// Its one speciality is the truth about a failed call: whether the request surely never got out, or
// may have been carried out. It never repeats a request with a body, follows no redirect, and
// queues nothing.

#include "base/secret.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::http {

struct ClientOptions {
    std::size_t max_connections = 64;                  // and calls in flight
    std::chrono::milliseconds connect_timeout{5'000};  // name, TCP and TLS together
    std::size_t response_bytes = 1024 * 1024;
    std::string user_agent = "pgcourier";
    std::chrono::seconds idle{
        30};  // an older idle connection is not used again: the provider may be closing it
    std::chrono::milliseconds unacknowledged{10'000};  // TCP_USER_TIMEOUT
    std::string ca_file{};                             // empty: the system's certificates
    bool verifies_peer = true;  // off only for what is on this machine and is told nothing
    bool proxy_from_environment =
        false;  // whether http(s)_proxy counts; off: a stray variable diverts no message
};

struct Call {
    std::string method{};                // GET, POST, DELETE…
    std::string url{};                   // http or https
    std::vector<std::string> headers{};  // `Name: value`
    std::string body{};
    std::string user{};  // basic authentication; empty: none
    Secret password{};
    std::chrono::milliseconds timeout{10'000};  // for all of it
    /// By CLOCK_BOOTTIME: the body is not begun after this, however long the process was stopped or
    /// the machine suspended meanwhile. libcurl looks at its own timeout before it asks for the
    /// body, and by a clock that stands still with the machine.
    std::optional<std::chrono::nanoseconds> not_after{};
};

struct Outcome {
    enum class Kind {
        response,  // a whole answer: status and body are set
        not_sent,  // surely not carried out: no connection, or nothing of the body had been handed
                   // over
        unknown    // may have been carried out; status and body are what arrived, if anything
    };
    Kind kind = Kind::unknown;
    bool is_too_late = false;  // not_sent, because Call::not_after had passed: nobody's fault
    int status = 0;
    std::string body{};  // at most ClientOptions::response_bytes
    std::string content_type{};
    std::optional<std::string> retry_after{};        // the field's text
    std::optional<std::chrono::sys_seconds> date{};  // the other side's clock, when it answered
    std::string error{};  // why there is no whole answer, libcurl's words
};

struct Finished {
    std::uint64_t tag;
    Outcome outcome;
};

/// Belongs to one thread, wake() excepted. Destruction cuts off what is in flight.
class Client {
  public:
    explicit Client(ClientOptions options = {});
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Begins a call at once; its outcome comes from poll() under `tag`.
    /// throws   std::logic_error when `max_connections` calls are in flight, or libcurl refuses the
    /// call's form; std::bad_alloc, which says nothing about the call
    void start(std::uint64_t tag, Call call);
    std::size_t in_flight() const;
    /// How many calls start() takes now.
    std::size_t free_slots() const;

    /// Moves all calls on. When none has finished, waits once, up to `wait`, for the network or for
    /// wake(). returns  what has finished, each call once; may be empty before `wait` is over
    std::vector<Finished> poll(std::chrono::milliseconds wait);

    /// Ends a poll() that waits, or the next one. From any thread.
    void wake();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pgcourier::http
