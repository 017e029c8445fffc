#pragma once
// The operations console: a page, and what it asks and does (docs/console-api.yaml). It shows what
// the views of the schema ops say and calls their functions; it has no figures of its own. Only
// where OPS_TOKEN is set.

#include "base/config.hpp"
#include "console/desk.hpp"
#include "console/gate.hpp"
#include "console/live.hpp"
#include "http/routes.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace pgcourier::console {

struct ConsoleOptions {
    GateOptions gate;
    pg::ConnectOptions connect;
    /// p99 in ms of the time in which this process answers webhooks; nothing without any.
    std::function<std::optional<double>()> acknowledged_in{};
};

/// returns  the gate's part of the configuration, or the trusted proxy that is none
Result<GateOptions> gate_options(const Config& config, std::string version);

class Console {
  public:
    Console(ConsoleOptions options, const Clock& clock);

    /// Adds /ops and all below it. The console outlives the server that serves them.
    void add_routes(http::Routes& routes);
    /// A notification of the database came: something has happened.
    void news() { desk_.news(); }
    /// The loop of its one thread.
    void run(std::stop_token stop) { desk_.run(std::move(stop)); }

  private:
    void add_page(http::Routes& routes);
    void add_sign_in(http::Routes& routes);
    void add_questions(http::Routes& routes);
    void add_acts(http::Routes& routes);
    void add_route(http::Routes& routes, const char* method, std::string path,
                   http::RouteOptions route);
    Work overview() const;

    const std::function<std::optional<double>()> acknowledged_in_;
    const Clock& clock_;
    Gate gate_;
    Live live_;
    Desk desk_;
};

}  // namespace pgcourier::console
