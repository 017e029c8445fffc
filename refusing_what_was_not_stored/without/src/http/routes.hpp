#pragma once
// Which handler answers what, and the promise to answer. A handler runs on the server's thread and
// must not wait: it keeps the Responder, gives the work away and returns; the answer may come
// later, from any thread.

#include "http/request.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::http {

/// Where answers go. The server's own is thread-safe and outlives the server.
class ReplySink {
  public:
    virtual ~ReplySink() = default;
    /// `response` is nullopt when the handler gave up: a 500 is due.
    virtual void reply(std::uint64_t connection, std::uint64_t ticket,
                       std::optional<Response> response) = 0;
};

/// An answer that has begun and goes on piece by piece, from any thread, until the client leaves or
/// this ends.
class Stream {
  public:
    Stream(std::shared_ptr<ReplySink> sink, std::uint64_t connection, std::uint64_t ticket,
           const std::shared_ptr<Streaming>& streaming)
        : sink_{std::move(sink)}, connection_{connection}, ticket_{ticket}, streaming_{streaming} {}
    Stream(Stream&&) noexcept = default;
    Stream& operator=(Stream&& other) noexcept;
    /// Nothing more will come: the connection is closed.
    ~Stream();

    /// Sends a piece. Where the client is too slow to have taken the one before, this one stands in
    /// its place.
    void write(std::string piece);
    /// Whether somebody still listens, as far as is known: who has left is noticed by writing.
    bool is_open() const { return !streaming_.expired(); }

  private:
    void end() noexcept;
    std::shared_ptr<ReplySink> sink_;
    std::uint64_t connection_;
    std::uint64_t ticket_;
    std::weak_ptr<Streaming> streaming_;
};

/// The right to answer one request, once, from any thread. Dropped without a call it answers 500.
/// An answer that comes too late (deadline passed, connection or server gone) is ignored.
class Responder {
  public:
    Responder(std::shared_ptr<ReplySink> sink, std::uint64_t connection, std::uint64_t ticket)
        : sink_{std::move(sink)}, connection_{connection}, ticket_{ticket} {}
    /// For tests of handlers: the answer goes to `receive`; nothing for one that was given up.
    explicit Responder(std::function<void(std::optional<Response>)> receive);
    Responder(Responder&& other) noexcept = default;
    Responder& operator=(Responder&& other) noexcept;
    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;
    ~Responder();

    /// Answers. Calling it a second time is our own bug: std::logic_error.
    void operator()(Response response);
    /// Begins an answer that goes on: `head`, whose body is its first piece. Instead of an answer.
    Stream begin(Response head);

  private:
    void give_up() noexcept;
    std::shared_ptr<ReplySink> sink_;  // null: moved from, or answered
    std::uint64_t connection_ = 0;
    std::uint64_t ticket_ = 0;
};

using Handler = std::function<void(Request, Responder)>;
/// Looks at a request whose header is complete and whose body was not read (`body` is empty); an
/// answer refuses it.
using BeforeBody = std::function<std::optional<Response>(const Request& head)>;
/// How a refusal by the server itself (404, 405, 413, 500…) looks.
using ErrorRenderer = std::function<Response(int status)>;

/// `text/plain`, the reason phrase.
Response plain_error(int status);

struct RouteOptions {
    Handler handler{};
    std::optional<std::size_t> max_body_bytes{};  // nullopt: Limits::body_bytes
    BeforeBody before_body{};                     // empty: none
    std::chrono::milliseconds deadline{0};        // from the call of the handler; 0 = none
    Response on_deadline{.status = 503};          // the answer when the deadline passes
    std::function<Response()> late{};             // makes that answer then, instead of on_deadline
    ErrorRenderer error{};                        // empty: ServerOptions::error
};

class Routes {
  public:
    /// Adds a route. A GET route answers HEAD too, unless HEAD has its own.
    ///
    /// path     compared byte by byte with the request's; one that ends in `*` matches every path
    /// that begins with
    ///          what stands before it. An exact path comes before a prefix, a longer prefix before
    ///          a shorter one.
    /// throws   std::logic_error when there already is this route, or no handler
    Routes& add(std::string method, std::string path, RouteOptions options);
    Routes& add(std::string method, std::string path, Handler handler);

    struct Match {
        const RouteOptions* route = nullptr;    // null: 404, or 405 when `allow` is not empty
        std::string allow{};                    // the methods that the path has
        const RouteOptions* of_path = nullptr;  // one of these: how a 405 looks
    };
    Match find(std::string_view method, std::string_view path) const;

  private:
    using Methods = std::map<std::string, RouteOptions, std::less<>>;
    const Methods* methods_of(std::string_view path) const;
    std::map<std::string, Methods, std::less<>> exact_;
    std::map<std::string, Methods, std::less<>> prefixes_;
};

}  // namespace pgcourier::http
