#include "console/gate.hpp"

#include "support/fake_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace pgcourier::console {
namespace {

using std::chrono::minutes;

struct Door {
    test::FakeClock clock;
    Gate gate{{.token = Secret{"token"},
               .token_readonly = {},
               .link_code = Secret{"code"},
               .trusted_proxies = *webhook::TrustedProxies::parse({"127.0.0.1"}),
               .version = "1"},
              clock};

    http::Response follow(const std::string& code, const std::string& peer = "127.0.0.1",
                          const std::string& forwarded_for = "") {
        http::Request request{
            .method = "GET", .target = "/ops/sign-in?token=" + code, .peer_address = peer};
        if (!forwarded_for.empty()) request.headers.add("X-Forwarded-For", forwarded_for);
        return gate.follow_link(request);
    }
};

std::string field(const http::Response& response, std::string_view name) {
    for (const auto& [one, value] : response.headers) {
        if (one == name) return value;
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_link_signs_in_once) {
    Door door;
    const http::Response first = door.follow("code");
    BOOST_TEST(first.status == 303);
    BOOST_TEST(field(first, "Location") == "/ops");
    const std::string cookie = field(first, "Set-Cookie");
    http::Request request{.method = "GET", .target = "/ops/api/session"};
    request.headers.add("Cookie", cookie.substr(0, cookie.find(';')));
    BOOST_REQUIRE(door.gate.visitor(request).has_value());
    BOOST_TEST((door.gate.visitor(request)->role == Role::operates));

    const http::Response second = door.follow("code");
    BOOST_TEST(second.status == 401);
    BOOST_TEST(field(second, "Set-Cookie").empty());
}

// Whoever reads a terminal over a shoulder, or a log, is elsewhere.
BOOST_AUTO_TEST_CASE(
    a_link_is_good_only_on_its_machine_and_a_try_from_elsewhere_does_not_use_it_up) {
    Door door;
    BOOST_TEST(door.follow("code", "192.0.2.7").status == 401);
    BOOST_TEST(door.follow("code", "127.0.0.1", "192.0.2.8").status == 401);
    BOOST_TEST(door.follow("code", "127.0.0.1", "127.0.0.1").status == 401);
    BOOST_TEST(door.follow("code", "::1").status == 303);
}

BOOST_AUTO_TEST_CASE(wrong_links_are_limited_as_wrong_tokens_are) {
    Door door;
    for (int i = 0; i < 5; ++i) BOOST_TEST(door.follow("guess").status == 401);
    BOOST_TEST(door.follow("code").status == 401);
    door.clock.advance(minutes{2});
    BOOST_TEST(door.follow("").status == 401);
    BOOST_TEST(door.follow("code").status == 303);
}

BOOST_AUTO_TEST_CASE(without_a_code_there_is_no_link) {
    test::FakeClock clock;
    Gate gate{{.token = Secret{"token"},
               .token_readonly = {},
               .link_code = {},
               .trusted_proxies = *webhook::TrustedProxies::parse({}),
               .version = "1"},
              clock};
    for (const char* target : {"/ops/sign-in", "/ops/sign-in?token=", "/ops/sign-in?token=token"})
        BOOST_TEST(
            gate.follow_link({.method = "GET", .target = target, .peer_address = "127.0.0.1"})
                .status == 401);
}

}  // namespace pgcourier::console
