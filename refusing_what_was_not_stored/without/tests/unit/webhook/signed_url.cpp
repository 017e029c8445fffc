#include "webhook/signed_url.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::webhook;

namespace {

using Urls = std::vector<std::string>;

http::Request a_request(std::string target,
                        std::vector<std::pair<std::string_view, std::string_view>> fields) {
    http::Request request;
    request.method = "POST";
    request.target = std::move(target);
    for (const auto& [name, value] : fields) request.headers.add(name, value);
    return request;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_configured_url_is_the_only_one_and_keeps_path_and_query_byte_for_byte) {
    const auto request =
        a_request("/webhooks/twilio?a=%c3%A9+d&&b='", {{"Host", "forged.example"}});

    BOOST_TEST(signed_urls(request, "https://shop.example.test", true) ==
                   (Urls{"https://shop.example.test/webhooks/twilio?a=%c3%A9+d&&b='"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(else_it_is_rebuilt_from_host_with_either_scheme) {
    const auto request = a_request(
        "/x?y", {{"Host", "h:8080"}, {"X-Forwarded-Host", "forged"}, {"X-Forwarded-Proto", "ftp"}});

    BOOST_TEST(signed_urls(request, "", false) == (Urls{"https://h:8080/x?y", "http://h:8080/x?y"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_trusted_proxy_tells_scheme_and_host) {
    const auto request = a_request(
        "/x",
        {{"Host", "internal"}, {"X-Forwarded-Host", "shop.test"}, {"X-Forwarded-Proto", "https"}});

    BOOST_TEST(
        signed_urls(request, "", true) == (Urls{"https://shop.test/x", "https://internal/x"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lists_and_a_port_told_apart_give_more_candidates) {
    const auto request = a_request("/x", {{"Host", "i"},
                                          {"X-Forwarded-Host", "a.test, b.test"},
                                          {"X-Forwarded-Proto", "https,http"},
                                          {"X-Forwarded-Port", "8443"}});

    BOOST_TEST(signed_urls(request, "", true) ==
                   (Urls{"https://a.test:8443/x", "http://a.test:8443/x", "https://a.test/x",
                         "http://a.test/x", "https://b.test/x", "http://b.test/x", "https://i/x",
                         "http://i/x"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(endless_lists_are_cut) {
    std::string hosts;
    for (int i = 0; i < 500; ++i) hosts += std::to_string(i) + ".test,";
    const auto request = a_request("/x", {{"Host", "h"},
                                          {"X-Forwarded-Host", hosts},
                                          {"X-Forwarded-Host", hosts},
                                          {"X-Forwarded-Proto", hosts}});

    BOOST_TEST(signed_urls(request, "", true).size() == 12u);
}

BOOST_AUTO_TEST_CASE(without_any_host_there_is_no_url) {
    BOOST_TEST(signed_urls(a_request("/x", {}), "", false).empty());
    BOOST_TEST(signed_urls(a_request("/x", {{"X-Forwarded-Port", "1"}}), "", true).empty());
}

BOOST_AUTO_TEST_CASE(the_log_shows_no_query_values) {
    BOOST_TEST(masked_url("https://h/p") == "https://h/p");
    BOOST_TEST(masked_url("https://h/p?m=abc&a=1&flag") == "https://h/p?m=…&a=…&flag=…");
    BOOST_TEST(masked_url("https://h/" + std::string(5000, 'x')).size() == 200u);
}
