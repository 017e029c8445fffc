#include "console/gate.hpp"

#include "support/fake_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

namespace pgcourier::console {
namespace {

using std::chrono::minutes;

struct Door {
    test::FakeClock clock;
    Gate gate;

    explicit Door(const char* token = "token", const char* token_readonly = "")
        : gate{{.token = Secret{token},
                .token_readonly = Secret{token_readonly},
                .link_code = Secret{"code"},
                .trusted_proxies = *webhook::TrustedProxies::parse({"127.0.0.1"}),
                .version = "1"},
               clock} {}

    http::Response follow(const std::string& code, const std::string& peer = "127.0.0.1",
                          const std::string& forwarded_for = "") {
        http::Request request{
            .method = "GET", .target = "/ops/sign-in?token=" + code, .peer_address = peer};
        if (!forwarded_for.empty()) request.headers.add("X-Forwarded-For", forwarded_for);
        return gate.follow_link(request);
    }
    http::Response try_token(const std::string& token, const std::string& peer,
                             const std::vector<std::pair<std::string, std::string>>& fields = {}) {
        http::Request request{.method = "POST",
                              .target = "/ops/sign-in",
                              .body = "{\"token\":\"" + token + "\"}",
                              .peer_address = peer};
        request.headers.add("Content-Type", "application/json");
        for (const auto& [name, value] : fields) request.headers.add(name, value);
        return gate.sign_in(request);
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

BOOST_AUTO_TEST_CASE(who_follows_a_used_link_in_a_browser_gets_to_the_page) {
    Door door;
    http::Request request{
        .method = "GET", .target = "/ops/sign-in?token=guess", .peer_address = "127.0.0.1"};
    request.headers.add("Accept", "text/html,application/xhtml+xml");
    const http::Response answer = door.gate.follow_link(request);
    BOOST_TEST(answer.status == 303);
    BOOST_TEST(field(answer, "Location") == "/ops");
    BOOST_TEST(field(answer, "Set-Cookie").empty());
}

// A page elsewhere can have a browser on this machine ask for anything, and anybody can ask.
BOOST_AUTO_TEST_CASE(links_from_elsewhere_keep_nobody_out) {
    Door door;
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(door.follow("guess", "192.0.2.7").status == 401);
        BOOST_TEST(door.follow("guess", "127.0.0.1", "127.0.0.1").status == 401);
        http::Request forged{
            .method = "GET", .target = "/ops/sign-in?token=code", .peer_address = "127.0.0.1"};
        forged.headers.add("Sec-Fetch-Site", "cross-site");
        BOOST_TEST(door.gate.follow_link(forged).status == 401);
        BOOST_TEST(door.gate
                       .follow_link({.method = "HEAD",
                                     .target = "/ops/sign-in?token=code",
                                     .peer_address = "127.0.0.1"})
                       .status == 401);
    }
    BOOST_TEST(door.try_token("token", "192.0.2.7").status == 200);
    BOOST_TEST(door.follow("code").status == 303);
}

// Another host of the same domain can set one of the same name, and it may come first.
BOOST_AUTO_TEST_CASE(a_cookie_of_another_host_keeps_nobody_out) {
    Door door;
    const std::string cookie = field(door.try_token("token", "192.0.2.7"), "Set-Cookie");
    http::Request request{.method = "GET", .target = "/ops/api/session"};
    request.headers.add("Cookie",
                        "pgcourier_ops=junk; " + cookie.substr(0, cookie.find(';')) + "; x=1");
    BOOST_TEST(door.gate.visitor(request).has_value());
    BOOST_TEST(door.gate.session(request).status == 200);
    BOOST_TEST(door.gate.sign_out(request).status == 204);
    BOOST_TEST(!door.gate.visitor(request).has_value());
}

BOOST_AUTO_TEST_CASE(who_has_the_token_gets_in_whatever_others_try) {
    Door door;
    for (int i = 0; i < 200; ++i) door.try_token("guess", "198.51.100." + std::to_string(i));
    BOOST_TEST(door.try_token("token", "192.0.2.7").status == 200);
}

// Behind a proxy that is not trusted all have its address.
BOOST_AUTO_TEST_CASE(a_long_token_gets_in_whatever_others_try_from_the_same_address) {
    Door door{"0123456789abcdef", "0123456789abcdeg"};
    for (int i = 0; i < 5; ++i) BOOST_TEST(door.try_token("guess", "192.0.2.7").status == 401);
    for (const char* wrong : {"guess", "0123456789abcde", "0123456789abcdeh", ""}) {
        const http::Response refused = door.try_token(wrong, "192.0.2.7");
        BOOST_TEST(refused.status == 429);
        BOOST_TEST(field(refused, "Retry-After") == "60");
    }
    BOOST_TEST(door.try_token("0123456789abcdef", "192.0.2.7").status == 200);
    BOOST_TEST(door.try_token("0123456789abcdeg", "192.0.2.7").status == 200);
    // That one was right changes nothing for those who guess.
    BOOST_TEST(door.try_token("guess", "192.0.2.7").status == 429);
}

// Else each try at a short one would tell whether it was right.
BOOST_AUTO_TEST_CASE(over_the_limit_a_short_token_is_refused_as_a_wrong_one_is) {
    Door door{"0123456789abcde", "0123456789abcdef"};
    for (int i = 0; i < 5; ++i) BOOST_TEST(door.try_token("guess", "192.0.2.7").status == 401);
    BOOST_TEST(door.try_token("0123456789abcde", "192.0.2.7").status == 429);
    BOOST_TEST(door.try_token("0123456789abcdef", "192.0.2.7").status == 200);  // the other's
    door.clock.advance(minutes{2});
    BOOST_TEST(door.try_token("0123456789abcde", "192.0.2.7").status == 200);
}

BOOST_AUTO_TEST_CASE(the_addresses_of_one_ipv6_network_are_one_client) {
    Door door;
    for (int i = 1; i <= 5; ++i)
        BOOST_TEST(door.try_token("guess", "2001:db8:1:2::" + std::to_string(i)).status == 401);
    BOOST_TEST(door.try_token("token", "2001:db8:1:2:aaaa::9").status == 429);
    BOOST_TEST(door.try_token("token", "2001:db8:1:3::1").status == 200);
}

// A form of another site could sign somebody in under a name that is not theirs.
BOOST_AUTO_TEST_CASE(a_sign_in_that_another_site_sends_is_refused) {
    const auto sent = [](const char* field, const char* value) {
        Door door;
        return door.try_token("token", "192.0.2.7", {{field, value}}).status;
    };
    BOOST_TEST(sent("Sec-Fetch-Site", "cross-site") == 403);
    BOOST_TEST(sent("Sec-Fetch-Site", "same-site") == 403);
    BOOST_TEST(sent("Sec-Fetch-Site", "same-origin") == 200);
}

// A browser says less where the connection is not safe; Safari said nothing else before 16.4.
BOOST_AUTO_TEST_CASE(without_that_word_the_origin_has_to_be_the_host) {
    const auto sent = [](const char* origin) {
        Door door;
        return door
            .try_token("token", "192.0.2.7", {{"Host", "ops.shop.test:8080"}, {"Origin", origin}})
            .status;
    };
    BOOST_TEST(sent("http://ops.shop.test:8080") == 200);
    BOOST_TEST(sent("https://OPS.shop.test:8080") == 200);  // what stands before us speaks HTTPS
    BOOST_TEST(sent("http://ops.shop.test") == 403);
    BOOST_TEST(sent("http://evil.test") == 403);
    BOOST_TEST(sent("http://ops.shop.test:8080.evil.test") == 403);
    BOOST_TEST(sent("null") == 403);
    Door door;  // no browser
    BOOST_TEST(door.try_token("token", "192.0.2.7", {{"Host", "ops.shop.test"}}).status == 200);
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
