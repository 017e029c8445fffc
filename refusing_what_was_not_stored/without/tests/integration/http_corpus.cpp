// links: http
// Malformed and smuggled HTTP, case by case: what the server makes of it alone, and that nginx
// before it agrees on where each request ends.
#include "support/http_corpus.hpp"

#include "base/rng.hpp"
#include "http/server.hpp"
#include "support/nginx.hpp"
#include "support/raw_http.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::HttpCase;
using test::RawHttp;

namespace {

struct Seen {
    std::string request;  // as the corpus writes it
    std::string body;
    std::string client_port;  // from nginx
    std::string id;           // from nginx
};

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
    // A difference is to be read, not scrolled through.
    return text.size() > 500 ? fmt::format("{}… {} bytes", text.substr(0, 300), text.size()) : text;
}

/// A server that takes any path, and keeps what its handlers were given.
class Recorder {
  public:
    Recorder() {
        http::Routes routes;
        for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}) {
            routes.add(method, "/*", [this](const http::Request& request, http::Responder respond) {
                keep(request);
                respond({});
            });
        }
        // Nobody is slow here: a connection that ends was ended by what it brought.
        const http::Limits patient{
            .header_timeout = 1min, .body_timeout = 1min, .idle_timeout = 1min};
        server_ = std::make_unique<http::Server>(
            http::ServerOptions{
                .host = "127.0.0.1",
                .port = 0,
                .limits = patient,
                .error = [](int status) { return http::Response{.status = status}; }},
            std::move(routes));
        BOOST_REQUIRE(server_->start().has_value());
    }
    std::uint16_t port() const { return server_->port(); }
    std::vector<Seen> take() {
        const std::scoped_lock lock{mutex_};
        return std::exchange(seen_, {});
    }

  private:
    void keep(const http::Request& request) {
        Seen seen{.request = request.method + " " + request.target,
                  .body = request.body,
                  .client_port = std::string{request.header("X-Client-Port")},
                  .id = std::string{request.header("X-Request-Id")}};
        if (!request.body.empty()) seen.request += " " + request.body;
        const std::scoped_lock lock{mutex_};
        seen_.push_back(std::move(seen));
    }
    std::mutex mutex_;
    std::vector<Seen> seen_;  // guarded by mutex_
    std::unique_ptr<http::Server> server_;
};

/// What the answers and the handlers together say became of a case. No answer here has a body.
std::string outcome_of(std::string_view answers, const std::vector<Seen>& seen) {
    std::vector<std::string> outcome;
    std::size_t served = 0;
    while (!answers.empty()) {
        const std::size_t end = answers.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            outcome.emplace_back("half an answer");
            break;
        }
        const std::string_view head = answers.substr(0, end + 2);
        answers.remove_prefix(end + 4);
        const std::string status{head.substr(9, 3)};
        if (status.starts_with('1')) continue;
        const bool closes = head.find("\r\nConnection: close\r\n") != std::string_view::npos;
        if (status != "200") {
            outcome.push_back(status + (closes ? " closed" : ""));
        } else {
            outcome.push_back(served < seen.size() ? seen[served++].request
                                                   : "answered, not served");
            if (closes) outcome.emplace_back("closed");
        }
    }
    for (; served < seen.size(); ++served) {
        outcome.push_back("not answered: " + seen[served].request);
    }
    return joined(outcome);
}

/// Sends a case in pieces of the given sizes, and says what became of it.
template <class NextSize>
std::string sent_alone(Recorder& server, const HttpCase& sample, NextSize next_size) {
    RawHttp connection{server.port()};
    for (std::string_view rest = sample.bytes; !rest.empty();) {
        const std::size_t size = std::min<std::size_t>(next_size(), rest.size());
        connection.send(rest.substr(0, size));
        rest.remove_prefix(size);
    }
    // Where the server should close, it has to do so while we could still send.
    if (!sample.is_closed()) connection.end_sending();
    const std::string answers = connection.rest();
    const std::string end = connection.has_ended() ? "" : "; still open";
    return outcome_of(answers, server.take()) + end;
}

std::string escaped(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\') {
            text += fmt::format("\\x{:02X}", byte);
        } else {
            text += c;
        }
    }
    return text;
}

/// Whether all that arrived was allowed, in that order; some may be missing.
bool is_part_of(const std::vector<std::string>& arrived, const std::vector<std::string>& allowed) {
    auto from = allowed.begin();
    for (const std::string& request : arrived) {
        from = std::find(from, allowed.end(), request);
        if (from == allowed.end()) return false;
        ++from;
    }
    return true;
}

const std::vector<HttpCase>& corpus() {
    static const std::vector<HttpCase> all = test::read_http_corpus();
    return all;
}

/// Sends every case through nginx, each over a connection of its own and all at the same time, and
/// compares what arrives with the corpus and with what nginx says it has sent on.
void send_through_nginx(bool is_streaming) {
    Recorder server;
    test::Nginx nginx{server.port()};
    std::list<RawHttp> connections;
    for (const HttpCase& sample : corpus()) {
        RawHttp& connection = connections.emplace_back(is_streaming ? nginx.streaming_port()
                                                                    : nginx.buffering_port());
        connection.send(sample.bytes);
    }
    std::map<std::string, std::size_t> case_of;
    std::size_t index = 0;
    for (RawHttp& connection : connections) {
        connection.rest();
        BOOST_REQUIRE(connection.has_ended());
        case_of[std::to_string(connection.port())] = index++;
    }
    connections.clear();
    nginx.finish();

    std::vector<std::vector<std::string>> arrived(corpus().size());
    std::map<std::string, std::string> body_by_id;
    for (const Seen& seen : server.take()) {
        BOOST_REQUIRE_MESSAGE(case_of.contains(seen.client_port),
                              "a request that is nobody's: " << seen.request);
        arrived[case_of[seen.client_port]].push_back(seen.request);
        BOOST_TEST(body_by_id.emplace(seen.id, escaped(seen.body)).second,
                   "one request of nginx was two for the server: " << seen.request);
    }
    const std::vector<test::Forwarded> forwarded = nginx.forwarded();
    BOOST_TEST(forwarded.size() == body_by_id.size());
    for (const test::Forwarded& one : forwarded) {
        const auto found = body_by_id.find(one.id);
        const HttpCase& sample = corpus()[case_of[std::to_string(one.client_port)]];
        BOOST_TEST_CONTEXT(sample.name) {
            BOOST_TEST((found != body_by_id.end()), "nginx sent a request on that did not arrive");
            if (found != body_by_id.end() && !is_streaming) BOOST_TEST(found->second == one.body);
        }
    }

    for (std::size_t i = 0; i < corpus().size(); ++i) {
        const HttpCase& sample = corpus()[i];
        const std::vector<std::string> allowed = sample.through_nginx.value_or(sample.served());
        BOOST_TEST_CONTEXT(sample.name) {
            if (sample.has_refusal()) {
                BOOST_TEST(is_part_of(arrived[i], allowed), joined(arrived[i]));
            } else {
                BOOST_TEST(joined(arrived[i]) == joined(allowed));
            }
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_corpus_has_hundreds_of_cases_each_with_a_name_of_its_own) {
    std::set<std::string> names;
    for (const HttpCase& sample : corpus()) {
        BOOST_TEST(names.insert(sample.name).second, sample.name);
    }
    BOOST_TEST(corpus().size() >= 300u);
}

// Fails without the checks of http/head.cpp: with those for a second length taken out, three cases
// of equal lengths are served.
BOOST_AUTO_TEST_CASE(each_case_ends_as_the_corpus_says) {
    Recorder server;
    for (const HttpCase& sample : corpus()) {
        BOOST_TEST_CONTEXT(sample.name) {
            const auto whole = [&] { return sample.bytes.size(); };
            BOOST_TEST(sent_alone(server, sample, whole) == joined(sample.outcome));
        }
    }
}

BOOST_AUTO_TEST_CASE(and_so_it_does_byte_by_byte) {
    Recorder server;
    for (const HttpCase& sample : corpus()) {
        if (sample.bytes.size() > 2000) continue;  // those come in larger pieces below
        BOOST_TEST_CONTEXT(sample.name) {
            const auto byte = [] { return std::size_t{1}; };
            BOOST_TEST(sent_alone(server, sample, byte) == joined(sample.outcome));
        }
    }
}

BOOST_AUTO_TEST_CASE(and_in_random_pieces) {
    const std::uint64_t seed = random_seed();
    Rng rng{seed};
    Recorder server;
    for (const HttpCase& sample : corpus()) {
        BOOST_TEST_CONTEXT(sample.name << ", seed " << seed) {
            const std::size_t most = sample.bytes.size() > 2000 ? 9000 : 40;
            const auto piece = [&] { return rng.between(1, most); };
            BOOST_TEST(sent_alone(server, sample, piece) == joined(sample.outcome));
        }
    }
}

// Meant to fail when the server takes another length for a body than nginx does: its next request
// is then somebody else's, or no one's.
BOOST_AUTO_TEST_CASE(nginx_before_it_agrees_on_where_each_request_ends) {
    send_through_nginx(false);
}

BOOST_AUTO_TEST_CASE(and_so_does_one_that_sends_bodies_on_as_they_come) {
    send_through_nginx(true);
}
