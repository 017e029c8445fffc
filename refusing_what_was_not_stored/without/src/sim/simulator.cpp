#include "sim/simulator.hpp"

#include "http/server.hpp"
#include "sim/api.hpp"
#include "sim/control.hpp"

#include <future>
#include <utility>

namespace pgcourier::sim {
namespace {

http::ServerOptions server_options(const SimulatorOptions& options, std::uint16_t port) {
    http::ServerOptions server;
    server.host = options.host;
    server.port = port;
    server.error = Api::error;
    server.port_setting = options.port_setting;
    return server;
}

}  // namespace

struct Simulator::Serving {
    Serving(Account& account, std::uint16_t port)
        : api{account}, server{server_options(account.options(), port), routes(account)} {}

    http::Routes routes(Account& account) {
        http::Routes all;
        api.add_routes(all);
        add_control_routes(all, account);
        return all;
    }

    Api api;
    http::Server server;  // last: its thread uses the routes
};

Simulator::Simulator(SimulatorOptions options, const Clock& clock)
    : options_{std::move(options)}, account_{options_, clock}, port_{options_.port} {}

Simulator::~Simulator() = default;

Result<void> Simulator::start() {
    if (!options_.ledger_path.empty()) {
        if (auto opened = account_.ledger().open(options_.ledger_path); !opened) return opened;
    }
    auto serving = std::make_unique<Serving>(account_, port_);
    if (auto started = serving->server.start(); !started) return started;
    port_ = serving->server.port();
    serving_ = std::move(serving);
    return {};
}

void Simulator::stop() {
    serving_.reset();
}

std::string Simulator::base_url() const {
    const bool is_v6 = options_.host.find(':') != std::string::npos;
    const std::string host = is_v6 ? "[" + options_.host + "]" : options_.host;
    return "http://" + host + ":" + std::to_string(port_);
}

Result<InboundResult> Simulator::inbound(const Inbound& inbound) {
    auto answered = std::make_shared<std::promise<InboundResult>>();
    auto result = answered->get_future();
    const auto begun =
        account_.receive(inbound, [answered = std::move(answered)](InboundResult all) {
            answered->set_value(std::move(all));
        });
    if (!begun) return begun.error();
    // The promise belongs to the agenda alone now: where that drops it, the wait ends.
    try {
        return result.get();
    } catch (const std::future_error&) {
        return Problem{"the simulator was reset before the inbound message was answered"};
    }
}

}  // namespace pgcourier::sim
