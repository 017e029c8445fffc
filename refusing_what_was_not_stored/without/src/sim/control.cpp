#include "sim/control.hpp"

#include "http/client.hpp"
#include "sim/json_object.hpp"

#include <memory>
#include <utility>

namespace pgcourier::sim {
namespace {

// A thousand repeats, one after the other, to a service that answers none of them in time.
constexpr std::chrono::hours kPatience{5};

http::Response json(int status, std::string body) {
    return {.status = status, .content_type = "application/json", .body = std::move(body) + "\n"};
}

http::Response bad(const Problem& problem) {
    return json(400, JsonObject{}.text("error", problem.what).done());
}

std::optional<http::Response> refuse_strangers(const http::Request& head) {
    if (head.peer_address.starts_with("127.") || head.peer_address == "::1") return std::nullopt;
    return json(403, JsonObject{}.text("error", "only from this machine").done());
}

void receive(Account& account, const http::Request& request, http::Responder responder) {
    const bool is_json = request.body.find_first_not_of(" \t\r\n") != std::string::npos &&
                         request.body[request.body.find_first_not_of(" \t\r\n")] == '{';
    const auto inbound = read_inbound(is_json ? twilio::json_fields(request.body)
                                              : twilio::decode_form(request.body));
    if (!inbound) return responder(bad(inbound.error()));
    // Shared, since a std::function must be able to copy what it holds.
    const auto held = std::make_shared<http::Responder>(std::move(responder));
    const auto begun = account.receive(
        *inbound, [held](const InboundResult& result) { (*held)(json(200, to_json(result))); });
    if (!begun) (*held)(bad(begun.error()));
}

http::Response add_rules(Account& account, const http::Request& request) {
    auto rules = read_rules(request.body);
    if (!rules) return bad(rules.error());
    for (Rule& rule : *rules) account.script().add(std::move(rule));
    const auto count = static_cast<long long>(account.script().size());
    return json(200, JsonObject{}.number("rules", count).done());
}

http::Response health(const Account& account, std::uint64_t accepted) {
    return json(200, JsonObject{}
                         .text("status", "ok")
                         .number("messages", static_cast<long long>(account.size()))
                         .number("accepted", static_cast<long long>(accepted))
                         .done());
}

}  // namespace

std::string to_json(const InboundResult& result) {
    std::string statuses;
    for (const int status : result.statuses) {
        statuses.append(statuses.empty() ? "" : ",").append(std::to_string(status));
    }
    return JsonObject{}.text("sid", result.sid).raw("statuses", "[" + statuses + "]").done();
}

void add_control_routes(http::Routes& routes, Account& account) {
    const auto add = [&](const char* method, const char* path, http::Handler handler) {
        routes.add(method, path, {.handler = std::move(handler), .before_body = refuse_strangers});
    };
    const auto answer = [&](const char* method, const char* path,
                            std::function<http::Response(const http::Request&)> make) {
        add(method, path,
            [make = std::move(make)](const http::Request& request, http::Responder responder) {
                responder(make(request));
            });
    };
    add("POST", "/sim/inbound",
        [&account](const http::Request& request, http::Responder responder) {
            receive(account, request, std::move(responder));
        });
    answer("GET", "/sim/ledger", [&account](const http::Request&) {
        return http::Response{.status = 200,
                              .content_type = "application/x-ndjson",
                              .body = account.ledger().json_lines()};
    });
    answer("POST", "/sim/script",
           [&account](const http::Request& request) { return add_rules(account, request); });
    answer("DELETE", "/sim/script", [&account](const http::Request&) {
        account.script().clear();
        return json(200, JsonObject{}.number("rules", 0).done());
    });
    answer("POST", "/sim/reset", [&account](const http::Request&) {
        account.reset();
        return health(account, 0);
    });
    answer("GET", "/sim/health", [&account](const http::Request&) {
        return health(account, account.ledger().accepted());
    });
}

Result<std::string> control(const std::string& base_url, const std::string& method,
                            const std::string& path, const std::string& body) {
    http::ClientOptions options;
    options.max_connections = 1;
    options.response_bytes = std::size_t{256} * 1024 * 1024;  // a whole ledger
    http::Client client{options};
    const bool is_json = body.starts_with('{');
    client.start(0, {.method = method,
                     .url = base_url + path,
                     .headers = {is_json ? "Content-Type: application/json"
                                         : "Content-Type: application/x-www-form-urlencoded"},
                     .body = body,
                     .user = {},
                     .password = {},
                     .timeout = kPatience});
    for (;;) {
        const auto finished = client.poll(std::chrono::seconds{1});
        if (finished.empty()) continue;
        const http::Outcome& outcome = finished.front().outcome;
        if (outcome.kind != http::Outcome::Kind::response) {
            return Problem{"no simulated Twilio answers at " + base_url + " (" + outcome.error +
                           "): pgcourier dev and pgcourier twilio-sim run one, --url says where "
                           "it listens"};
        }
        if (outcome.status == 200) return {boost::system::in_place_value, outcome.body};
        const auto fields = twilio::json_fields(outcome.body);
        const std::string_view error = twilio::value_or_empty(fields, "error");
        return Problem{error.empty()
                           ? base_url + path + " answered " + std::to_string(outcome.status)
                           : std::string{error}};
    }
}

}  // namespace pgcourier::sim
