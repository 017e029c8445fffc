#include "http/routes.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using namespace pgcourier::http;

namespace {

Handler answering(std::string name) {
    return [name](const Request&, Responder respond) { respond({.body = name}); };
}

Routes some_routes() {
    Routes routes;
    routes.add("POST", "/webhooks/twilio", answering("webhook"));
    routes.add("GET", "/healthz", answering("health"));
    routes.add("GET", "/2010-04-01/*", answering("api"));
    routes.add("GET", "/2010-04-01/Accounts/*", answering("account"));
    routes.add("POST", "/2010-04-01/Accounts/*", answering("create"));
    return routes;
}

std::string asked(std::string_view method, std::string_view path) {
    const Routes routes = some_routes();
    const auto match = routes.find(method, path);
    if (!match.route) return match.allow.empty() ? "404" : "405 " + match.allow;
    std::string body;
    match.route->handler(Request{}, Responder{[&](std::optional<Response> r) { body = r->body; }});
    return body;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_exact_path_comes_before_a_prefix_and_a_long_prefix_before_a_short_one) {
    BOOST_TEST(asked("POST", "/webhooks/twilio") == "webhook");
    BOOST_TEST(asked("GET", "/2010-04-01/Other") == "api");
    BOOST_TEST(asked("GET", "/2010-04-01/Accounts/AC1") == "account");
    BOOST_TEST(asked("POST", "/2010-04-01/Accounts/AC1/Messages.json") == "create");
}

BOOST_AUTO_TEST_CASE(head_is_answered_as_get) {
    BOOST_TEST(asked("HEAD", "/healthz") == "health");
}

BOOST_AUTO_TEST_CASE(an_unknown_path_is_404_and_an_unknown_method_405) {
    BOOST_TEST(asked("GET", "/") == "404");
    BOOST_TEST(asked("GET", "/webhooks/twilio/") == "404");
    BOOST_TEST(asked("GET", "/webhooks/twilio") == "405 POST");
    BOOST_TEST(asked("HEAD", "/webhooks/twilio") == "405 POST");
    BOOST_TEST(asked("DELETE", "/healthz") == "405 GET, HEAD");
    BOOST_TEST(asked("get", "/healthz") == "405 GET, HEAD");
}

BOOST_AUTO_TEST_CASE(a_route_stands_once_and_has_a_handler) {
    Routes routes = some_routes();
    BOOST_CHECK_THROW(routes.add("GET", "/healthz", answering("again")), std::logic_error);
    BOOST_CHECK_THROW(routes.add("GET", "/none", RouteOptions{}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_responder_answers_once) {
    std::vector<std::string> answers;
    const auto receive = [&](std::optional<Response> r) {
        answers.push_back(r ? r->body : "given up");
    };
    {
        Responder respond{receive};
        respond({.body = "one"});
        BOOST_CHECK_THROW(respond({.body = "two"}), std::logic_error);
    }
    { const Responder dropped{receive}; }
    {
        Responder first{receive};
        Responder second = std::move(first);
        second({.body = "moved"});
    }
    {
        Responder replaced{receive};
        replaced = Responder{receive};
        replaced({.body = "replacement"});
    }
    const std::vector<std::string> expected = {"one", "given up", "moved", "given up",
                                               "replacement"};
    BOOST_TEST(answers == expected, boost::test_tools::per_element());
}
