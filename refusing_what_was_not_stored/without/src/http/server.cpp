#include "http/server.hpp"

#include "http/event_loop.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <future>
#include <optional>
#include <utility>
#include <vector>

namespace pgcourier::http {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});
constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kAcceptPause{
    50};  // out of descriptors or memory: let some be closed

std::string text_of(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

tcp::endpoint resolve(asio::io_context& context, const std::string& host, std::uint16_t port,
                      error_code& failed) {
    const auto address = asio::ip::make_address(host, failed);
    if (!failed) return {address, port};
    tcp::resolver resolver{context};
    const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, failed);
    return failed || found.empty() ? tcp::endpoint{} : found.begin()->endpoint();
}

}  // namespace

struct Server::State {
    State(ServerOptions given, Routes table)
        : options{std::move(given)}, routes{std::move(table)} {}

    Result<void> listen();
    Awaitable<> accept_all();

    const ServerOptions options;
    const Routes routes;
    Counters counters;
    std::vector<std::unique_ptr<EventLoop>> loops;
    std::optional<Acceptor> acceptor;  // lives on the first loop
    std::uint16_t port = 0;
};

Result<void> Server::State::listen() {
    error_code failed;
    const auto endpoint = resolve(loops.front()->context(), options.host, options.port, failed);
    acceptor.emplace(loops.front()->context());
    const auto step = [&failed](auto&& act) {
        if (!failed) act();
    };
    step([&] { acceptor->open(endpoint.protocol(), failed); });
    // Only addresses that wait for stray packets are used again (no SO_REUSEPORT): a second server
    // is an error.
    step([&] { acceptor->set_option(tcp::acceptor::reuse_address{true}, failed); });
    if (endpoint.address().is_v6()) {
        step([&] { acceptor->set_option(asio::ip::v6_only{false}, failed); });
    }
    step([&] { acceptor->bind(endpoint, failed); });
    step([&] { acceptor->listen(kBacklog, failed); });
    step([&] { port = acceptor->local_endpoint(failed).port(); });
    if (failed) {
        return Problem{"cannot listen on " + options.host + ":" + std::to_string(options.port) +
                       ": " + failed.message() + "; stop what uses it or change " +
                       options.port_setting};
    }
    return {};
}

Awaitable<> Server::State::accept_all() {
    Timer pause{loops.front()->context()};
    for (std::size_t turn = 0; acceptor->is_open(); ++turn) {
        EventLoop& loop = *loops[turn % loops.size()];
        auto [failed, socket] = co_await acceptor->async_accept(loop.context(), kAwait);
        if (failed) {
            if (failed != asio::error::connection_aborted && acceptor->is_open()) {
                pause.expires_after(kAcceptPause);
                co_await pause.async_wait(kAwait);
            }
            continue;
        }
        ++counters.accepted;
        const auto peer = socket.remote_endpoint(failed);
        if (!failed) loop.adopt(std::move(socket), text_of(peer.address()));
    }
}

Server::Server(ServerOptions options, Routes routes)
    : state_{std::make_unique<State>(std::move(options), std::move(routes))} {}

Server::~Server() {
    drain(std::chrono::milliseconds{0});
}

Result<void> Server::start() {
    State& state = *state_;
    for (int i = 0; i < state.options.threads; ++i) {
        state.loops.push_back(
            std::make_unique<EventLoop>(state.options, state.routes, state.counters));
    }
    if (auto listening = state.listen(); !listening) {
        state.acceptor.reset();
        state.loops.clear();
        return listening;
    }
    asio::co_spawn(state.loops.front()->context(), state.accept_all(), asio::detached);
    for (const auto& loop : state.loops) loop->start();
    return {};
}

std::uint16_t Server::port() const {
    return state_->port;
}

void Server::stop_accepting() {
    State& state = *state_;
    if (state.loops.empty()) return;
    asio::post(state.loops.front()->context(), [&state] {
        error_code ignored;
        state.acceptor->close(ignored);
    });
}

void Server::drain(std::chrono::milliseconds timeout) {
    State& state = *state_;
    if (state.loops.empty()) return;
    // No loop may end while the acceptor can still give it a connection.
    stop_accepting();
    std::promise<void> closed;
    asio::post(state.loops.front()->context(), [&closed] { closed.set_value(); });
    closed.get_future().wait();
    for (const auto& loop : state.loops) loop->drain(timeout);
    for (const auto& loop : state.loops) loop->join();
    state.acceptor.reset();
    state.loops.clear();
}

ServerStats Server::stats() const {
    const Counters& counters = state_->counters;
    return {.connections = counters.connections,
            .accepted = counters.accepted,
            .over_limit = counters.over_limit,
            .requests = counters.requests,
            .malformed = counters.malformed,
            .timed_out = counters.timed_out,
            .deadlines = counters.deadlines,
            .handshakes = counters.handshakes};
}

}  // namespace pgcourier::http
