#include "ops/probes.hpp"

namespace pgcourier::ops {
namespace {

constexpr const char* kText = "text/plain; charset=utf-8";

http::Response text(int status, std::string body) {
    return {.status = status, .content_type = kText, .body = std::move(body)};
}

}  // namespace

void add_probe_routes(http::Routes& routes, const Readiness& readiness) {
    routes.add("GET", "/healthz",
               [](const http::Request&, http::Responder respond) { respond(text(200, "ok\n")); });
    routes.add("GET", "/readyz", [&readiness](const http::Request&, http::Responder respond) {
        if (readiness.is_stopping) return respond(text(503, "stopping\n"));
        if (!readiness.database_answers)
            return respond(text(503, "the database does not answer\n"));
        respond(text(
            200, readiness.polls ? "ready; polls, since no notifications arrive\n" : "ready\n"));
    });
}

}  // namespace pgcourier::ops
