#include "webhook/signed_url.hpp"

#include "twilio/form.hpp"

#include <algorithm>

namespace pgcourier::webhook {
namespace {

constexpr std::size_t kMaxElements = 3;  // of a forwarded list; each costs a digest for every key
constexpr std::size_t kMaxShown = 200;

// The elements of a comma-separated field, repeats of the field included, without spaces.
std::vector<std::string_view> elements(const http::Request& request, std::string_view field) {
    std::vector<std::string_view> all;
    for (std::string_view rest : request.headers.all(field)) {
        while (!rest.empty() && all.size() < kMaxElements) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            std::string_view element = rest.substr(0, comma);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
            while (element.starts_with(' ')) element.remove_prefix(1);
            while (element.ends_with(' ')) element.remove_suffix(1);
            if (!element.empty()) all.push_back(element);
        }
    }
    return all;
}

bool has_port(std::string_view host) {
    const std::size_t bracket = host.rfind(']');
    return host.find(':', bracket == std::string_view::npos ? 0 : bracket) !=
           std::string_view::npos;
}

}  // namespace

std::vector<std::string> signed_urls(const http::Request& request, std::string_view public_url,
                                     bool is_from_trusted_proxy) {
    std::vector<std::string> urls;
    if (!public_url.empty()) {
        urls.push_back(std::string{public_url}.append(request.target));
        return urls;
    }

    std::vector<std::string_view> schemes;
    std::vector<std::string> hosts;
    if (is_from_trusted_proxy) {
        schemes = elements(request, "X-Forwarded-Proto");
        const auto ports = elements(request, "X-Forwarded-Port");
        for (const std::string_view host : elements(request, "X-Forwarded-Host"))
            hosts.emplace_back(host);
        hosts.emplace_back(request.header("Host"));
        // A port told apart belongs to a host that has none. twilio::verify tries the schemes' own
        // ports anyway.
        const bool is_told_apart =
            !ports.empty() && ports.front() != "443" && ports.front() != "80";
        if (is_told_apart && !hosts.front().empty() && !has_port(hosts.front())) {
            hosts.insert(hosts.begin(), hosts.front() + ":" + std::string{ports.front()});
        }
    } else {
        hosts.emplace_back(request.header("Host"));
    }
    if (schemes.empty()) schemes = {"https", "http"};

    for (const std::string& host : hosts) {
        if (host.empty()) continue;
        for (const std::string_view scheme : schemes) {
            std::string url;
            url.reserve(scheme.size() + 3 + host.size() + request.target.size());
            url.append(scheme).append("://").append(host).append(request.target);
            if (std::find(urls.begin(), urls.end(), url) == urls.end())
                urls.push_back(std::move(url));
        }
    }
    return urls;
}

std::string masked_url(std::string_view url) {
    const std::size_t question = url.find('?');
    std::string shown{url.substr(0, question)};
    if (question != std::string_view::npos) {
        char separator = '?';
        twilio::for_each_encoded_pair(
            url.substr(question + 1), [&](std::string_view key, std::string_view) {
                shown.append(1, std::exchange(separator, '&')).append(key).append("=…");
            });
    }
    if (shown.size() > kMaxShown) shown.resize(kMaxShown);
    return shown;
}

}  // namespace pgcourier::webhook
