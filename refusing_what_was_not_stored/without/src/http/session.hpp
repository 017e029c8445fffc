#pragma once
// One connection: reads a request, gives it to its route, waits for the answer, writes it, and so
// on until one side has had enough. All of it on its loop's thread.

#include "http/event_loop.hpp"
#include "http/head.hpp"
#include "http/reply_text.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::http {

class Session {
  public:
    Session(EventLoop& loop, std::uint64_t id, Socket socket, std::string peer);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Awaitable<> run();

    std::uint64_t id() const { return id_; }
    /// An answer came. Ignored unless it is for the request that waits now.
    void deliver(std::uint64_t ticket, std::optional<Response> response);
    /// Whether its present step has taken too long.
    bool is_late(SteadyTime now) const;
    /// Cuts the connection off when it is late.
    void check_time(SteadyTime now);
    /// Closes the connection unless a request is on it, or its first bytes wait in the socket.
    void close_if_idle();
    /// Closes the connection unless the client has just done what we wait for.
    /// returns  whether it did
    bool give_way();
    void abort();

  private:
    enum class Next { request, close, linger };

    // g++ 12.2 shifts the frames of some coroutines by 8 bytes and resumes into nowhere; seen with
    // small parameters and `if (!co_await f()) co_return x;` first. So send() is one expression,
    // and every path here is walked by tests/integration/http_server.cpp.
    Awaitable<bool> shake_hands();
    Awaitable<> say_goodbye();
    Awaitable<Next> serve_one();
    Awaitable<Next> refuse(const Response& response, bool is_head, bool has_unread_body);
    Awaitable<int> read_head(Head& head);
    Awaitable<int> read_body(Head& head, std::size_t limit);
    Awaitable<bool> read_some(std::size_t bytes);
    Awaitable<Response> answer_of(const RouteOptions& route, Request request);
    Awaitable<Next> stream(std::shared_ptr<Streaming> streaming);
    void render(const Response& response, const ReplyForm& form);
    Next after_answer(bool keeps_alive, bool has_unread_body) const;
    Awaitable<Next> send(Next next);
    Awaitable<bool> write_out();
    Awaitable<> linger();

    void begin_handshake();
    void end_handshake();
    void begin_wait();
    void begin_last_wait();
    void end_wait();
    void begin_write();
    void end_write();
    Response error(int status, const RouteOptions* route) const;
    /// Whether bytes of the client wait in the socket.
    bool has_arrived() const;
    /// Whether what we wait for has happened, though its handler has not run yet.
    bool has_gone_on();
    std::string_view received() const;
    void limit_step(std::chrono::milliseconds time);

    EventLoop& loop_;
    const std::uint64_t id_;
    Socket socket_;
    const std::shared_ptr<boost::asio::ssl::context> context_;  // null: plain HTTP
    std::optional<boost::asio::ssl::stream<Socket&>> tls_;      // from the client's first byte on
    const std::string peer_;
    boost::beast::flat_buffer input_;
    std::string output_;

    SteadyTime step_ends_ = SteadyTime::max();
    bool is_first_ = true;
    bool is_idle_ = false;
    bool is_aborted_ = false;
    bool is_writing_ = false;                             // and waits until the client has read
    std::optional<std::list<Session*>::iterator> place_;  // in waiting_for_client()
    std::optional<std::list<Session*>::iterator> handshake_place_;

    Timer answer_timer_;  // wakes the wait for an answer, by expiry (deadline) or cancel (answer)
    std::uint64_t ticket_ = 0;  // of the request that waits; an answer with another one is late
    bool is_waiting_ = false;
    bool is_streaming_ = false;  // an answer that has begun: further ones are its pieces
    std::optional<Response> answer_;
    const RouteOptions* route_ = nullptr;  // of the request that waits
};

}  // namespace pgcourier::http
