#include "support/receiver.hpp"

#include "http/server.hpp"

#include <list>
#include <mutex>
#include <stdexcept>

namespace pgcourier::test {

struct Receiver::State {
    mutable std::mutex mutex;
    std::vector<http::Request> requests;  // guarded by mutex
    http::Response response;              // guarded by mutex
    bool hangs = false;                   // guarded by mutex
    std::list<http::Responder> kept;      // guarded by mutex
    std::unique_ptr<http::Server> server;

    void receive(http::Request request, http::Responder respond) {
        const std::scoped_lock lock{mutex};
        requests.push_back(std::move(request));
        if (hangs) {
            kept.push_back(std::move(respond));
        } else {
            respond(response);
        }
    }
};

Receiver::Receiver() : state_{std::make_unique<State>()} {
    http::Routes routes;
    routes.add("POST", "/*",
               [state = state_.get()](http::Request request, http::Responder respond) {
                   state->receive(std::move(request), std::move(respond));
               });
    state_->server = std::make_unique<http::Server>(
        http::ServerOptions{.host = "127.0.0.1", .port = 0}, std::move(routes));
    if (const auto started = state_->server->start(); !started)
        throw std::runtime_error{started.error().what};
}

Receiver::~Receiver() = default;

std::uint16_t Receiver::port() const {
    return state_->server->port();
}

std::vector<http::Request> Receiver::requests() const {
    const std::scoped_lock lock{state_->mutex};
    return state_->requests;
}

void Receiver::answer(int status, const std::string& retry_after) {
    const std::scoped_lock lock{state_->mutex};
    state_->hangs = false;
    state_->response = {.status = status};
    if (!retry_after.empty()) state_->response.headers.emplace_back("Retry-After", retry_after);
}

void Receiver::hang() {
    const std::scoped_lock lock{state_->mutex};
    state_->hangs = true;
}

}  // namespace pgcourier::test
