#include "console/console.hpp"

#include "console/acts.hpp"
#include "console/assets.hpp"
#include "console/questions.hpp"
#include "console/reply.hpp"
#include "sql/console.hpp"

#include <utility>

namespace pgcourier::console {
namespace {

using http::Request;
using http::Responder;
using std::chrono::milliseconds;

constexpr std::size_t kBodyBytes = 64 * 1024;
constexpr std::size_t kSignInBytes = 4 * 1024;
// Beyond what the desk needs for a question: connecting, and a statement that is given up.
constexpr milliseconds kDeadline{15'000};
constexpr milliseconds kActTimeout{5'000};
constexpr milliseconds kAnswerTimeout{8'000};

pg::ConnectOptions bounded(pg::ConnectOptions options) {
    options.statement_timeout = kActTimeout;
    options.answer_timeout = kAnswerTimeout;
    return options;
}

constexpr std::string_view kHttps = "https://";

http::Response nothing_there() {
    return error_reply(404, "not_found", "there is no such page: the console is at /ops");
}

}  // namespace

Result<GateOptions> gate_options(const Config& config, std::string version) {
    auto proxies = webhook::TrustedProxies::parse(config.trusted_proxies);
    if (!proxies) return Problem{"TRUSTED_PROXIES: " + proxies.error().what};
    return GateOptions{.token = config.ops_token,
                       .token_readonly = config.ops_token_readonly,
                       .link_code = {},
                       .trusted_proxies = std::move(*proxies),
                       .has_tls = !config.tls_cert_file.empty(),
                       .https_host = config.webhook_public_url.starts_with(kHttps)
                                         ? config.webhook_public_url.substr(kHttps.size())
                                         : std::string{},
                       .version = std::move(version)};
}

// cppcheck-suppress passedByValue  ; what it holds is moved out of it
Console::Console(ConsoleOptions options, const Clock& clock)
    : acknowledged_in_{std::move(options.acknowledged_in)},
      clock_{clock},
      gate_{std::move(options.gate), clock},
      live_{clock},
      desk_{bounded(std::move(options.connect)), live_, overview(),
            [this] {
                if (acknowledged_in_) acknowledged_in_();
            },
            clock} {}

Work Console::overview() const {
    return [this](pg::Connection& db) {
        const auto acknowledged = acknowledged_in_ ? acknowledged_in_() : std::nullopt;
        return reading(sql::console::overview, pg::Params{acknowledged})(db);
    };
}

void Console::add_routes(http::Routes& routes) {
    add_page(routes);
    add_sign_in(routes);
    add_questions(routes);
    add_acts(routes);
}

// What all routes have: the security fields also on what the server itself answers.
void Console::add_route(http::Routes& routes, const char* method, std::string path,
                        http::RouteOptions route) {
    const std::size_t most_bytes = route.max_body_bytes.value_or(kBodyBytes);
    route.max_body_bytes = most_bytes;
    route.error = [most_bytes](int status) { return server_error_reply(status, most_bytes); };
    if (route.before_body) {
        route.before_body = [look = std::move(route.before_body)](const Request& head) {
            auto refusal = look(head);
            return refusal ? std::optional{secured(std::move(*refusal))} : std::nullopt;
        };
    }
    routes.add(method, std::move(path), std::move(route));
}

void Console::add_page(http::Routes& routes) {
    const auto page = [this](const Request& request, Responder respond) {
        if (auto session = gate_.session_json(request)) {
            // The page is about to ask it: the database answers while the browser reads the page.
            desk_.ask(kOverviewKey, overview(), Responder{[](const auto&) {}});
            return respond(secured(signed_in_page(*session)));
        }
        const auto reply = asset_reply(request, "index.html");
        respond(secured(reply ? *reply : nothing_there()));
    };
    add_route(routes, "GET", "/ops", {.handler = page});
    add_route(routes, "GET", "/ops/", {.handler = page});
    add_route(routes, "GET", "/ops/assets/*",
              {.handler = [](const Request& request, Responder respond) {
                  constexpr std::size_t kPrefix = std::string_view{"/ops/assets/"}.size();
                  const auto reply = asset_reply(request, request.path().substr(kPrefix));
                  respond(secured(reply ? *reply : nothing_there()));
              }});
    add_route(routes, "GET", "/ops/*", {.handler = [](const Request&, Responder respond) {
                  respond(secured(nothing_there()));
              }});
}

void Console::add_sign_in(http::Routes& routes) {
    add_route(routes, "POST", "/ops/sign-in",
              {.handler = [this](const Request& request,
                                 Responder respond) { respond(secured(gate_.sign_in(request))); },
               .max_body_bytes = kSignInBytes});
    add_route(routes, "GET", "/ops/sign-in",
              {.handler = [this](const Request& request, Responder respond) {
                  respond(secured(gate_.follow_link(request)));
              }});
    add_route(
        routes, "POST", "/ops/sign-out",
        {.handler =
             [this](const Request& request, Responder respond) {
                 const std::string cookie{gate_.cookie_of(request)};
                 auto reply = gate_.sign_out(request);
                 live_.sign_out(cookie);
                 respond(secured(std::move(reply)));
             },
         .before_body = [this](const Request& head) { return gate_.refuse_act(head, true); }});
    add_route(routes, "GET", "/ops/api/session",
              {.handler = [this](const Request& request, Responder respond) {
                  respond(secured(gate_.session(request)));
              }});
}

void Console::add_questions(http::Routes& routes) {
    const auto refuse = [this](const Request& head) { return gate_.refuse_stranger(head); };
    const auto late = secured(error_reply(503, "too_slow", "the database did not answer in time"));
    add_route(routes, "GET", "/ops/api/overview",
              {.handler =
                   [this](const Request&, Responder respond) {
                       desk_.ask(kOverviewKey, overview(), std::move(respond));
                   },
               .before_body = refuse,
               .deadline = kDeadline,
               .on_deadline = late});
    add_route(routes, "GET", "/ops/api/live",
              {.handler =
                   [this](const Request& request, Responder respond) {
                       const auto who = gate_.visitor(request);
                       live_.join(std::move(respond), std::string{gate_.cookie_of(request)},
                                  who ? who->expires : WallTime{});
                       desk_.look_up();
                   },
               .before_body = refuse});
    for (const Question& question : questions()) {
        add_route(routes, "GET", "/ops/api/" + std::string{question.name},
                  {.handler =
                       [this, &question](const Request& request, Responder respond) {
                           auto params = question.params(request.query());
                           if (auto* problem = std::get_if<http::Response>(&params))
                               return respond(secured(std::move(*problem)));
                           desk_.ask(
                               request.target,
                               reading(question.statement, std::move(std::get<pg::Params>(params))),
                               std::move(respond));
                       },
                   .before_body = refuse,
                   .deadline = kDeadline,
                   .on_deadline = late});
    }
}

void Console::add_acts(http::Routes& routes) {
    const auto late = secured(error_reply(
        503, "too_slow", "the database did not answer in time: look whether it was done"));
    for (const Act& act : acts()) {
        add_route(routes, "POST", "/ops/api/" + std::string{act.name},
                  {.handler =
                       [this, &act](const Request& request, Responder respond) {
                           const auto who = gate_.visitor(request);
                           if (!request.header("Content-Type").starts_with("application/json"))
                               return respond(secured(error_reply(
                                   415, "bad_request", "expected Content-Type: application/json")));
                           auto work = act.work(request.body, who ? who->by() : "console");
                           if (auto* problem = std::get_if<http::Response>(&work))
                               return respond(secured(std::move(*problem)));
                           desk_.act(std::move(std::get<Work>(work)), std::move(respond));
                       },
                   .before_body =
                       [this, &act](const Request& head) {
                           return gate_.refuse_act(head, act.is_for_viewers);
                       },
                   .deadline = kDeadline,
                   .on_deadline = late});
    }
}

}  // namespace pgcourier::console
