// Who sent a request, and which URLs may have been signed: without trust no field of the request
// changes the address; an address is an address; the candidates are few, different, and end with
// the target byte for byte; what is logged of a URL has no query value. Lines: peer, proxies,
// target, then the fields.
#include "fuzz/support.hpp"
#include "webhook/client_address.hpp"
#include "webhook/signed_url.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <set>
#include <string>

using namespace pgcourier;
using fuzz::require;

namespace {

bool is_ip(const std::string& text) {
    unsigned char address[16];
    return text.find('\0') == std::string::npos &&
           (inet_pton(AF_INET, text.c_str(), address) == 1 ||
            inet_pton(AF_INET6, text.c_str(), address) == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::string peer{input.line()};
    const std::string proxy{input.line()};
    http::Request request;
    request.target = input.line();
    while (!input.empty() && request.headers.size() < 40) {
        const std::string_view line = input.line();
        const std::size_t colon = std::min(line.find(": "), line.size());
        request.headers.add(line.substr(0, colon), line.substr(std::min(colon + 2, line.size())));
    }
    const auto forwarded = request.headers.all("X-Forwarded-For");

    require(webhook::client_address(peer, forwarded, {}) == peer, "without trust it is the peer");
    const auto proxies = webhook::TrustedProxies::parse({proxy});
    bool is_trusted = false;
    if (proxies) {
        is_trusted = proxies->contains(peer);
        const std::string client = webhook::client_address(peer, forwarded, *proxies);
        require(client == peer || (is_trusted && is_ip(client)),
                "a client's address is an address");
    }

    for (const bool trust : {false, true}) {
        const auto urls = webhook::signed_urls(request, "", trust);
        require(urls.size() <= 24, "the candidates are few");
        require(std::set<std::string>(urls.begin(), urls.end()).size() == urls.size(),
                "no candidate comes twice");
        for (const std::string& url : urls) {
            require(url.ends_with(request.target), "the target stays byte for byte");
            require(trust ||
                        url == "https://" + std::string{request.header("Host")} + request.target ||
                        url == "http://" + std::string{request.header("Host")} + request.target,
                    "without trust it is the Host's");
        }
    }
    require(webhook::signed_urls(request, "https://shop.example.test", true) ==
                std::vector<std::string>{"https://shop.example.test" + request.target},
            "a public URL is the only one");

    // A key may be anything, and is shown.
    const std::string shown =
        webhook::masked_url("https://shop.example.test/w?Body=s3cret&a=" + peer);
    require(peer.find("s3cret") != std::string::npos || shown.find("s3cret") == std::string::npos,
            "a URL is logged without its values");
    require(webhook::masked_url(request.target).size() <= 200, "a URL is logged in 200 bytes");
    return 0;
}
