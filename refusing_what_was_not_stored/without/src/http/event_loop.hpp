#pragma once
// One thread of the server: its io_context, the sessions that live on it, their clock and the way
// in for answers from other threads. Only server.cpp and session.cpp include it: it brings Asio.

#include "base/clock.hpp"
#include "base/rng.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace pgcourier::http {

// The concrete executor instead of Asio's type-erased one: no virtual call and no allocation a
// step.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <class T = void>
using Awaitable = boost::asio::awaitable<T, Executor>;

struct Counters {
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<std::uint64_t> over_limit{0};
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> malformed{0};
    std::atomic<std::uint64_t> timed_out{0};
    std::atomic<std::uint64_t> deadlines{0};
    std::atomic<std::uint64_t> handshakes{0};
};

class EventLoop;
class Session;

/// Brings answers to the loop's thread, many with one wake. Outlives the loop: Responders own it
/// together with it.
class Mailbox : public ReplySink, public std::enable_shared_from_this<Mailbox> {
  public:
    explicit Mailbox(EventLoop& loop) : loop_{&loop} {}
    void reply(std::uint64_t connection, std::uint64_t ticket,
               std::optional<Response> response) override;
    /// From now on answers are dropped.
    void close();

  private:
    struct Letter {
        std::uint64_t connection;
        std::uint64_t ticket;
        std::optional<Response> response;
    };
    void deliver_all();

    std::mutex mutex_;
    EventLoop* loop_;              // guarded by mutex_; null once closed
    std::vector<Letter> letters_;  // guarded by mutex_
};

class EventLoop {
  public:
    EventLoop(const ServerOptions& options, const Routes& routes, Counters& counters);
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Starts the thread.
    void start();
    /// Takes a connection over. From any thread.
    void adopt(Socket socket, std::string peer);
    /// Ends the thread as Server::drain() says. From any thread; join() waits for it.
    void drain(std::chrono::milliseconds timeout);
    void join();

    boost::asio::io_context& context() { return context_; }
    const ServerOptions& options() const { return options_; }
    const Limits& limits() const { return options_.limits; }
    const Routes& routes() const { return routes_; }
    Counters& counters() { return counters_; }

    // The rest is for the loop's own thread.

    bool is_draining() const { return is_draining_; }
    /// The steady clock, as of the last tick (50 ms): exact enough for limits, and free.
    SteadyTime now() const { return now_; }
    const std::string& date() const { return date_; }
    const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
    void deliver(std::uint64_t connection, std::uint64_t ticket, std::optional<Response> response);
    /// The sessions that wait for their client, to send a head or a body or to read an answer, in
    /// the order in which they may be closed to make room.
    std::list<Session*>& waiting_for_client() { return waiting_for_client_; }
    /// The sessions that are in a handshake of TLS.
    std::list<Session*>& in_handshake() { return in_handshake_; }
    Rng& rng() { return rng_; }

  private:
    class Membership;
    Awaitable<> serve(std::unique_ptr<Session> session);
    bool make_room();
    void read_clock();
    void arm_tick();
    void tick();
    void find_late();
    void cut_late();
    bool is_drained_late() const { return is_draining_ && now_ >= drain_ends_; }
    void begin_drain(std::chrono::milliseconds timeout);
    void end_if_drained();

    const ServerOptions& options_;
    const Routes& routes_;
    Counters& counters_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<Executor> work_;
    Timer tick_;
    bool is_ticking_ = false;
    bool is_draining_ = false;
    SteadyTime drain_ends_;
    SteadyTime now_;
    std::int64_t date_second_ = -1;
    std::string date_;
    std::atomic<std::uint64_t> next_connection_{1};
    std::unordered_map<std::uint64_t, Session*> sessions_;
    std::size_t bucket_ = 0;           // of them, that the last tick saw last
    std::vector<std::uint64_t> late_;  // of them, to be cut off
    std::list<Session*> waiting_for_client_;
    std::list<Session*> in_handshake_;
    Rng rng_{random_seed()};
    std::shared_ptr<Mailbox> mailbox_;
    std::jthread thread_;
};

}  // namespace pgcourier::http
