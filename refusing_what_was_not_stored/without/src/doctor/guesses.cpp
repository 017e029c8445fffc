#include "doctor/guesses.hpp"

#include "doctor/url.hpp"
#include "twilio/form.hpp"

#include <algorithm>

namespace pgcourier::doctor {
namespace {

constexpr std::size_t kMostHosts = 12;
constexpr std::size_t kMostPorts = 6;
constexpr std::size_t kMostTargets = 48;

/// A list without repeats that does not grow over its bound.
class Few {
  public:
    explicit Few(std::size_t most) : most_{most} {}
    void add(std::string one) {
        if (all_.size() < most_ && std::find(all_.begin(), all_.end(), one) == all_.end())
            all_.push_back(std::move(one));
    }
    const std::vector<std::string>& all() const { return all_; }

  private:
    std::size_t most_;
    std::vector<std::string> all_;
};

/// `a, b` in one field or in two.
std::vector<std::string> elements(const http::Request& request, std::string_view field) {
    std::vector<std::string> all;
    for (std::string_view rest : request.headers.all(field)) {
        while (!rest.empty()) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            std::string_view one = rest.substr(0, comma);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
            while (one.starts_with(' ')) one.remove_prefix(1);
            while (one.ends_with(' ')) one.remove_suffix(1);
            if (!one.empty()) all.emplace_back(one);
        }
    }
    return all;
}

/// `Forwarded: for=1.2.3.4;host=shop.test;proto=https` (RFC 7239): its hosts.
std::vector<std::string> forwarded_hosts(const http::Request& request) {
    constexpr std::string_view kHost = "host=";
    std::vector<std::string> hosts;
    for (const std::string& element : elements(request, "Forwarded")) {
        const std::size_t at = element.find(kHost);
        if (at == std::string::npos) continue;
        std::string host = element.substr(at + kHost.size());
        host.resize(std::min(host.find(';'), host.size()));
        std::erase(host, '"');
        hosts.push_back(std::move(host));
    }
    return hosts;
}

struct Places {
    Few hosts{kMostHosts};  // without port
    Few ports{kMostPorts};  // empty: none written

    void add(const std::string& scheme_and_host) {
        const UrlParts parts = split_url(scheme_and_host);
        if (parts.host.empty()) return;
        hosts.add(parts.host);
        if (!parts.port.empty()) ports.add(parts.port);
    }
};

Places places_of(const http::Request& request, const std::vector<std::string>& known) {
    Places all;
    all.ports.add("");
    for (const std::string& url : known) all.add(url);
    for (const std::string_view host : request.headers.all("Host"))
        all.add("http://" + std::string{host});
    for (const char* field : {"X-Forwarded-Host", "X-Original-Host", "X-Host"}) {
        for (const std::string& host : elements(request, field)) all.add("http://" + host);
    }
    for (const std::string& host : forwarded_hosts(request)) all.add("http://" + host);
    for (std::string& port : elements(request, "X-Forwarded-Port")) all.ports.add(std::move(port));
    return all;
}

std::string decoded(std::string_view text) {
    std::string out;
    twilio::append_decoded(out, text);
    return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}

/// One target in the spellings that proxies and people make of it.
void add_spellings(Few& targets, const std::string& target) {
    const UrlParts parts = split_url(target);
    const std::string query = parts.has_query ? "?" + parts.query : "";
    std::string bare = parts.path;
    while (bare.size() > 1 && bare.ends_with('/')) bare.pop_back();
    for (const std::string& path : {parts.path, bare, bare + "/"}) {
        targets.add(path + query);
        if (!parts.has_query) continue;
        targets.add(path);
        targets.add(path + "?" + decoded(parts.query));
        targets.add(path + replaced(query, "+", "%20"));
        targets.add(path + replaced(query, "%20", "+"));
    }
}

Few targets_of(const http::Request& request, const std::vector<std::string>& known) {
    Few all{kMostTargets};
    add_spellings(all, request.target);
    for (const char* field : {"X-Original-URI", "X-Original-URL", "X-Rewrite-URL",
                              "X-Forwarded-Uri", "X-Envoy-Original-Path"}) {
        const std::string_view value = request.header(field);
        if (!value.empty()) add_spellings(all, std::string{value});
    }
    const std::string_view prefix = request.header("X-Forwarded-Prefix");
    if (!prefix.empty()) add_spellings(all, std::string{prefix} + request.target);
    for (const std::string& url : known) {
        const UrlParts parts = split_url(url);
        const std::string query = parts.has_query ? "?" + parts.query : "";
        add_spellings(all, parts.path + query);
        if (!parts.fragment.empty()) all.add(parts.path + query + "#" + parts.fragment);
    }
    constexpr std::string_view kApi = "/api";
    add_spellings(all, request.target.starts_with(kApi) ? request.target.substr(kApi.size())
                                                        : std::string{kApi} + request.target);
    return all;
}

}  // namespace

std::vector<std::string> guessed_urls(const http::Request& request,
                                      const std::vector<std::string>& known) {
    const Places there = places_of(request, known);
    const Few paths = targets_of(request, known);
    std::vector<std::string> urls = known;
    for (const std::string& target : paths.all()) {
        for (const std::string& host : there.hosts.all()) {
            for (const std::string& port : there.ports.all()) {
                for (const char* scheme : {"https://", "http://"})
                    urls.push_back(scheme + host + (port.empty() ? "" : ":" + port) + target);
            }
        }
    }
    return urls;
}

}  // namespace pgcourier::doctor
