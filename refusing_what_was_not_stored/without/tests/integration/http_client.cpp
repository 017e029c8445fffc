#include "base/clock.hpp"
#include "base/handle.hpp"
#include "http/client.hpp"

#include <boost/test/unit_test.hpp>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace pgcourier;
using namespace std::chrono_literals;
using http::Call;
using http::Client;
using http::ClientOptions;
using http::Outcome;
using Kind = http::Outcome::Kind;

namespace {

const std::string kOk =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

// One connection that a server's script talks on.
class Peer {
  public:
    explicit Peer(int socket) : socket_{socket} {}
    ~Peer() { close(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// Reads one whole request, by its Content-Length.
    /// returns  empty when the client has gone first
    std::string read_request() {
        std::size_t end;
        while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
            if (!receive()) return {};
        }
        end += 4;
        const auto field = received_.find("Content-Length: ");
        const std::size_t length = field < end ? std::stoul(received_.substr(field + 16)) : 0;
        while (received_.size() < end + length) {
            if (!receive()) return {};
        }
        std::string request = received_.substr(0, end + length);
        received_.erase(0, end + length);
        return request;
    }
    /// Reads until the text has been seen, and no further than the bytes that came with it.
    bool read_until(std::string_view text) {
        while (received_.find(text) == std::string::npos) {
            if (!receive()) return false;
        }
        return true;
    }
    void say(std::string_view text) { ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL); }
    void close() {
        const std::scoped_lock lock{mutex_};
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }
    /// Ends what it waits for; from any thread.
    void shut_down() {
        const std::scoped_lock lock{mutex_};
        if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
    }
    int socket() const { return socket_; }  // for the connection's thread
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }

  private:
    bool receive() {
        char bytes[65536];
        const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
        if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
        return count > 0;
    }
    std::mutex mutex_;
    int socket_;  // closed under mutex_, by the connection's thread
    std::string received_;
};

// A server written by the case: `script` runs once a connection, in its own thread, with the
// connection's number.
class ScriptedServer {
  public:
    using Script = std::function<void(ScriptedServer&, Peer&, int connection)>;

    explicit ScriptedServer(Script script) : script_{std::move(script)} {
        listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        BOOST_REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
        BOOST_REQUIRE(::listen(listener_, 128) == 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::jthread{[this] { accept_all(); }};
    }
    ~ScriptedServer() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        for (const auto& peer : peers_) peer->shut_down();
        threads_.clear();
        ::close(listener_);
    }
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    std::string url(const std::string& scheme = "http") const {
        return scheme + "://127.0.0.1:" + std::to_string(port_) + "/Messages.json";
    }
    int connections() const { return connections_; }
    int requests() const { return static_cast<int>(seen().size()); }
    std::vector<std::string> seen() const {
        const std::scoped_lock lock{mutex_};
        return seen_;
    }
    void stop_listening() const { ::shutdown(listener_, SHUT_RDWR); }
    /// Reads a request and writes it into the ledger, as a provider that carries it out.
    bool take(Peer& peer) {
        std::string request = peer.read_request();
        if (request.empty()) return false;
        const std::scoped_lock lock{mutex_};
        seen_.push_back(std::move(request));
        return true;
    }

  private:
    void accept_all() {
        for (;;) {
            const int socket = ::accept(listener_, nullptr, nullptr);
            if (socket < 0) return;
            peers_.push_back(std::make_unique<Peer>(socket));
            threads_.emplace_back([this, peer = peers_.back().get(), number = connections_++] {
                script_(*this, *peer, number);
            });
        }
    }

    Script script_;
    int listener_;
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::vector<std::unique_ptr<Peer>> peers_;  // of the acceptor's thread; read once it has ended
    std::vector<std::jthread> threads_;
    std::jthread acceptor_;
    mutable std::mutex mutex_;
    std::vector<std::string> seen_;  // guarded by mutex_
};

void answer_all(ScriptedServer& server, Peer& peer, int) {
    while (server.take(peer)) peer.say(kOk);
}

Call a_post(const std::string& url, std::string body = "To=%2B33612345678&Body=hello") {
    return {.method = "POST",
            .url = url,
            .headers = {"Content-Type: application/x-www-form-urlencoded"},
            .body = std::move(body),
            .user = "AC1",
            .password = Secret{"token"},
            .timeout = 5s};
}

std::map<std::uint64_t, Outcome> finish_all(Client& client) {
    std::map<std::uint64_t, Outcome> outcomes;
    const auto ends = std::chrono::steady_clock::now() + 20s;
    while (client.in_flight() > 0 && std::chrono::steady_clock::now() < ends) {
        for (auto& done : client.poll(100ms)) outcomes.emplace(done.tag, std::move(done.outcome));
    }
    BOOST_REQUIRE(client.in_flight() == 0u);
    return outcomes;
}

Outcome outcome_of(Client& client, Call call) {
    client.start(7, std::move(call));
    auto outcomes = finish_all(client);
    BOOST_REQUIRE(outcomes.contains(7));
    return outcomes.at(7);
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string unused_url() {
    std::string url;
    {
        ScriptedServer gone{answer_all};
        url = gone.url();
    }
    return url;
}

}  // namespace

BOOST_TEST_DONT_PRINT_LOG_VALUE(Kind)

BOOST_AUTO_TEST_CASE(a_request_arrives_as_given_and_its_answer_comes_back) {
    ScriptedServer server{answer_all};
    Client client{{.user_agent = "pgcourier/test"}};
    const Outcome outcome = outcome_of(client, a_post(server.url()));

    BOOST_TEST(outcome.kind == Kind::response);
    BOOST_TEST(outcome.status == 201);
    BOOST_TEST(outcome.body == "{}");
    BOOST_TEST(outcome.content_type == "application/json");
    BOOST_TEST(!outcome.retry_after.has_value());
    BOOST_TEST(outcome.error == "");
    BOOST_REQUIRE(server.requests() == 1);
    const std::string request = server.seen().front();
    BOOST_TEST(request.starts_with("POST /Messages.json HTTP/1.1\r\n"));
    BOOST_TEST(contains(request, "\r\nAuthorization: Basic QUMxOnRva2Vu\r\n"));
    BOOST_TEST(contains(request, "\r\nUser-Agent: pgcourier/test\r\n"));
    BOOST_TEST(contains(request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    BOOST_TEST(!contains(request, "Expect"));
    BOOST_TEST(request.ends_with("\r\n\r\nTo=%2B33612345678&Body=hello"));
}

BOOST_AUTO_TEST_CASE(connections_are_used_again_also_by_other_calls) {
    ScriptedServer server{answer_all};
    Client client;
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(outcome_of(client, a_post(server.url())).status == 201);
    }
    BOOST_TEST(outcome_of(client, {.method = "GET", .url = server.url()}).status == 201);
    BOOST_TEST(outcome_of(client, a_post(server.url(), std::string(300'000, 'b'))).status == 201);
    BOOST_TEST(server.connections() == 1);
    BOOST_TEST(server.requests() == 7);
    BOOST_TEST(server.seen()[5].starts_with("GET "));
    BOOST_TEST(!contains(server.seen()[5], "Authorization"));  // nothing of an earlier call stays
}

// The one that libcurl by itself gets wrong: it would send the POST again and report success.
BOOST_AUTO_TEST_CASE(a_kept_alive_connection_closed_without_an_answer_is_unknown_and_sent_once) {
    for (const bool by_reset : {false, true}) {
        ScriptedServer server{[by_reset](ScriptedServer& self, Peer& peer, int connection) {
            self.take(peer);
            peer.say(kOk);
            if (connection > 0)
                return answer_all(self, peer, connection);  // a repeat would succeed
            self.take(peer);
            by_reset ? peer.reset() : peer.close();
        }};
        Client client;
        BOOST_REQUIRE(outcome_of(client, a_post(server.url(), "first")).status == 201);
        const Outcome outcome = outcome_of(client, a_post(server.url(), "second"));
        client.poll(200ms);  // time for a repeat to show itself

        BOOST_TEST(outcome.kind == Kind::unknown);
        BOOST_TEST(outcome.status == 0);
        BOOST_TEST(outcome.error != "");
        BOOST_TEST(server.requests() == 2);
        BOOST_TEST(server.seen().back().ends_with("second"));
        BOOST_TEST(server.connections() <= 2);
    }
}

BOOST_AUTO_TEST_CASE(the_same_without_a_body_is_unknown_and_sent_once) {
    ScriptedServer server{[](ScriptedServer& self, Peer& peer, int connection) {
        self.take(peer);
        if (connection == 0) return answer_all(self, peer, connection);
    }};
    Client client;
    BOOST_REQUIRE(server.connections() == 0);
    // A connection to reuse, then a POST that must not use it.
    client.start(1, a_post(server.url()));
    while (server.requests() == 0) client.poll(10ms);
    const Outcome outcome =
        outcome_of(client, {.method = "POST", .url = server.url(), .timeout = 300ms});
    BOOST_TEST(outcome.kind == Kind::unknown);
    BOOST_TEST(server.requests() == 2);
}

BOOST_AUTO_TEST_CASE(a_fresh_connection_closed_or_reset_after_the_request_is_unknown) {
    for (const bool by_reset : {false, true}) {
        ScriptedServer server{[by_reset](ScriptedServer& self, Peer& peer, int) {
            self.take(peer);
            by_reset ? peer.reset() : peer.close();
        }};
        Client client;
        BOOST_TEST(outcome_of(client, a_post(server.url())).kind == Kind::unknown);
        BOOST_TEST(server.requests() == 1);
        BOOST_TEST(server.connections() == 1);
    }
}

BOOST_AUTO_TEST_CASE(a_connection_lost_in_the_middle_of_the_body_is_unknown_and_not_tried_again) {
    std::atomic<bool> was_repeated{false};
    ScriptedServer server{[&](ScriptedServer& self, Peer& peer, int connection) {
        // libcurl may connect once more before it finds that it cannot rewind: nothing comes there.
        if (connection > 0) {
            was_repeated = peer.read_until("P");
            return;
        }
        self.take(peer);
        peer.say(kOk);
        peer.read_until("bbbb");  // of the second, which is larger than the socket's buffers
        peer.reset();
    }};
    {
        Client client;
        BOOST_REQUIRE(outcome_of(client, a_post(server.url())).status == 201);
        const Outcome outcome =
            outcome_of(client, a_post(server.url(), std::string(20'000'000, 'b')));
        client.poll(200ms);
        BOOST_TEST(outcome.kind == Kind::unknown);
    }
    BOOST_TEST(server.requests() == 1);
    BOOST_TEST(server.connections() <= 2);
    BOOST_TEST(!was_repeated);
}

// The last thing that libcurl reports is then a refused connection; it was sent before all the
// same.
BOOST_AUTO_TEST_CASE(a_provider_that_goes_away_after_taking_the_request_leaves_it_unknown) {
    ScriptedServer server{[](ScriptedServer& self, Peer& peer, int) {
        self.take(peer);
        peer.say(kOk);
        self.take(peer);
        self.stop_listening();
        peer.close();
    }};
    Client client;
    BOOST_REQUIRE(outcome_of(client, a_post(server.url())).status == 201);
    const Outcome outcome = outcome_of(client, a_post(server.url()));
    BOOST_TEST(outcome.kind == Kind::unknown);
    BOOST_TEST(server.requests() == 2);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_that_the_provider_has_closed_is_replaced) {
    std::atomic<bool> is_closed{false};
    ScriptedServer server{[&](ScriptedServer& self, Peer& peer, int connection) {
        if (connection > 0) return answer_all(self, peer, connection);
        self.take(peer);
        peer.say(kOk);
        peer.close();
        is_closed = true;
    }};
    Client client;
    BOOST_REQUIRE(outcome_of(client, a_post(server.url())).status == 201);
    while (!is_closed) client.poll(10ms);
    BOOST_TEST(outcome_of(client, a_post(server.url())).status == 201);
    BOOST_TEST(server.requests() == 2);
    BOOST_TEST(server.connections() == 2);
}

BOOST_AUTO_TEST_CASE(an_idle_connection_that_is_old_is_not_used) {
    ScriptedServer server{answer_all};
    Client client{{.idle = 1s}};
    BOOST_REQUIRE(outcome_of(client, a_post(server.url())).status == 201);
    const auto ends = std::chrono::steady_clock::now() + 2100ms;
    while (std::chrono::steady_clock::now() < ends) client.poll(50ms);
    BOOST_REQUIRE(outcome_of(client, a_post(server.url())).status == 201);
    BOOST_TEST(server.connections() == 2);
}

BOOST_AUTO_TEST_CASE(a_hang_is_unknown_after_the_timeout) {
    ScriptedServer server{[](ScriptedServer& self, Peer& peer, int) {
        self.take(peer);
        peer.read_until("never");
    }};
    Client client;
    Call call = a_post(server.url());
    call.timeout = 200ms;
    const auto started = std::chrono::steady_clock::now();
    const Outcome outcome = outcome_of(client, std::move(call));
    const auto took = std::chrono::steady_clock::now() - started;
    BOOST_TEST(outcome.kind == Kind::unknown);
    BOOST_TEST((took >= 190ms && took < 2s));
    BOOST_TEST(server.requests() == 1);
}

BOOST_AUTO_TEST_CASE(without_a_connection_nothing_was_sent) {
    Client client{{.connect_timeout = 300ms}};
    const Outcome refused = outcome_of(client, a_post(unused_url()));
    BOOST_TEST(refused.kind == Kind::not_sent);
    BOOST_TEST(refused.status == 0);
    BOOST_TEST(refused.error != "");
    BOOST_TEST(outcome_of(client, a_post("http://no-such-host.invalid/")).kind == Kind::not_sent);
    BOOST_TEST(outcome_of(client, {.method = "GET", .url = unused_url()}).kind == Kind::not_sent);

    // Plain HTTP where TLS was expected.
    ScriptedServer plain{[](ScriptedServer&, Peer& peer, int) {
        peer.read_until("\x16");
        peer.say("HTTP/1.1 400 Bad Request\r\n\r\n");
    }};
    BOOST_TEST(outcome_of(client, a_post(plain.url("https"))).kind == Kind::not_sent);
    // TLS that never answers the handshake.
    ScriptedServer silent{[](ScriptedServer&, Peer& peer, int) { peer.read_until("never"); }};
    BOOST_TEST(outcome_of(client, a_post(silent.url("https"))).kind == Kind::not_sent);
}

BOOST_AUTO_TEST_CASE(a_certificate_that_nobody_vouches_for_ends_it_before_anything_is_sent) {
    const std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key{EVP_EC_gen("P-256")};
    const std::unique_ptr<X509, FreeWith<X509_free>> certificate{X509_new()};
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    BOOST_REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);

    std::atomic<int> handshakes{0};
    ScriptedServer server{[&](ScriptedServer&, Peer& peer, int) {
        const std::unique_ptr<SSL_CTX, FreeWith<SSL_CTX_free>> context{
            SSL_CTX_new(TLS_server_method())};
        SSL_CTX_use_certificate(context.get(), certificate.get());
        SSL_CTX_use_PrivateKey(context.get(), key.get());
        const std::unique_ptr<SSL, FreeWith<SSL_free>> tls{SSL_new(context.get())};
        SSL_set_fd(tls.get(), peer.socket());
        handshakes += SSL_accept(tls.get()) == 1;
        char byte;
        handshakes += SSL_read(tls.get(), &byte, 1) > 0;  // not a byte comes
    }};
    Client client;
    const Outcome outcome = outcome_of(client, a_post(server.url("https")));
    BOOST_TEST(outcome.kind == Kind::not_sent);
    BOOST_TEST(contains(outcome.error, "certificate"));
    BOOST_TEST(server.connections() == 1);
    BOOST_TEST(handshakes <= 1);
}

BOOST_AUTO_TEST_CASE(a_truncated_answer_is_unknown_with_what_came) {
    ScriptedServer server{[](ScriptedServer& self, Peer& peer, int) {
        self.take(peer);
        peer.say("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"sid\":");
        peer.close();
    }};
    Client client;
    const Outcome outcome = outcome_of(client, a_post(server.url()));
    BOOST_TEST(outcome.kind == Kind::unknown);
    BOOST_TEST(outcome.status == 201);
    BOOST_TEST(outcome.body == "{\"sid\":");
    BOOST_TEST(server.requests() == 1);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_no_http_is_unknown) {
    for (const char* words :
         {"hello there, no http\r\n\r\n", "HTTP/1.1 20", "HTTP/1.1 100 Continue\r\n\r\n"}) {
        ScriptedServer server{[words](ScriptedServer& self, Peer& peer, int) {
            self.take(peer);
            peer.say(words);
            peer.close();
        }};
        Client client;
        BOOST_TEST(outcome_of(client, a_post(server.url())).kind == Kind::unknown);
        BOOST_TEST(server.requests() == 1);
    }
}

BOOST_AUTO_TEST_CASE(an_endless_answer_is_cut_off_at_the_limit) {
    ScriptedServer server{[](ScriptedServer& self, Peer& peer, int) {
        self.take(peer);
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n");
        for (int i = 0; i < 160; ++i) peer.say(std::string(65536, 'x'));
    }};
    Client client;
    const Outcome outcome = outcome_of(client, a_post(server.url()));
    BOOST_TEST(outcome.kind == Kind::unknown);
    BOOST_TEST(outcome.status == 200);
    BOOST_TEST(outcome.body.size() == 1024u * 1024u);
    BOOST_TEST(contains(outcome.error, "larger than 1048576 bytes"));
}

BOOST_AUTO_TEST_CASE(refusals_are_answers_with_their_retry_after_and_are_not_repeated) {
    struct Case {
        const char* answer;
        int status;
        std::optional<std::string> retry_after;
    };
    for (const Case& c : {
             Case{"HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\nContent-Length: 0\r\n\r\n",
                  429, "7"},
             Case{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 "
                  "GMT\r\n"
                  "Content-Length: 0\r\n\r\n",
                  503, "Sun, 06 Nov 1994 08:49:37 GMT"},
             Case{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                  "Content-Length: 0\r\n\r\n",
                  401, std::nullopt},
             Case{"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", 417,
                  std::nullopt},
             Case{"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: "
                  "0\r\n\r\n",
                  307, std::nullopt},
             Case{"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", 500,
                  std::nullopt},
         }) {
        ScriptedServer server{[&c](ScriptedServer& self, Peer& peer, int) {
            while (self.take(peer)) peer.say(c.answer);
        }};
        Client client;
        const Outcome outcome = outcome_of(client, a_post(server.url()));
        client.poll(50ms);
        BOOST_TEST(outcome.kind == Kind::response);
        BOOST_TEST(outcome.status == c.status);
        BOOST_TEST((outcome.retry_after == c.retry_after));
        BOOST_TEST(server.requests() == 1);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_before_the_body_was_read_is_an_answer) {
    ScriptedServer server{[](ScriptedServer&, Peer& peer, int) {
        peer.read_until("\r\n\r\n");
        peer.say(
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        peer.read_until("never");
    }};
    Client client;
    const Outcome outcome = outcome_of(client, a_post(server.url(), std::string(20'000'000, 'b')));
    BOOST_TEST(outcome.kind == Kind::response);
    BOOST_TEST(outcome.status == 413);
}

BOOST_AUTO_TEST_CASE(many_calls_run_at_once_and_none_waits_inside) {
    constexpr int kCalls = 64;
    std::atomic<int> arrived{0};
    ScriptedServer server{[&](ScriptedServer& self, Peer& peer, int) {
        while (self.take(peer)) {
            ++arrived;
            while (arrived < kCalls)
                std::this_thread::sleep_for(1ms);  // all of them, or none is answered
            peer.say(kOk);
        }
    }};
    Client client{{.max_connections = kCalls}};
    for (std::uint64_t tag = 0; tag < kCalls; ++tag) {
        BOOST_TEST(client.free_slots() == kCalls - tag);
        client.start(tag, a_post(server.url(), "n=" + std::to_string(tag)));
    }
    BOOST_TEST(client.free_slots() == 0u);
    BOOST_CHECK_THROW(client.start(99, a_post(server.url())), std::logic_error);
    const auto outcomes = finish_all(client);
    BOOST_TEST(outcomes.size() == static_cast<std::size_t>(kCalls));
    for (const auto& [tag, outcome] : outcomes) BOOST_TEST(outcome.status == 201);
    BOOST_TEST(client.free_slots() == static_cast<std::size_t>(kCalls));
}

BOOST_AUTO_TEST_CASE(a_wake_ends_the_wait) {
    Client client;
    client.wake();  // before the wait: kept
    const auto started = std::chrono::steady_clock::now();
    BOOST_TEST(client.poll(5s).empty());
    std::jthread other{[&client] { client.wake(); }};
    BOOST_TEST(client.poll(5s).empty());
    BOOST_TEST((std::chrono::steady_clock::now() - started < 2s));
}

BOOST_AUTO_TEST_CASE(destruction_cuts_off_what_is_in_flight) {
    std::atomic<bool> has_gone{false};
    ScriptedServer server{[&](ScriptedServer& self, Peer& peer, int) {
        self.take(peer);
        has_gone = !peer.read_until("never");
    }};
    {
        Client client;
        client.start(1, a_post(server.url()));
        while (server.requests() == 0) client.poll(10ms);
        BOOST_TEST(client.in_flight() == 1u);
    }
    const auto ends = std::chrono::steady_clock::now() + 5s;
    while (!has_gone && std::chrono::steady_clock::now() < ends) std::this_thread::sleep_for(1ms);
    BOOST_TEST(has_gone);
}

BOOST_AUTO_TEST_CASE(a_proxy_from_the_environment_is_ignored_unless_wanted) {
    ScriptedServer server{answer_all};
    ScriptedServer proxy{answer_all};
    ::setenv("http_proxy", proxy.url().c_str(), 1);
    ::unsetenv("no_proxy");
    ::unsetenv("NO_PROXY");
    Client client;
    BOOST_TEST(outcome_of(client, a_post(server.url())).status == 201);
    BOOST_TEST(proxy.requests() == 0);
    Client wanting{{.proxy_from_environment = true}};
    BOOST_TEST(outcome_of(wanting, a_post(server.url())).status == 201);
    BOOST_TEST(proxy.requests() == 1);
    ::unsetenv("http_proxy");
}

BOOST_AUTO_TEST_CASE(a_body_is_not_begun_after_its_last_moment_by_the_clock_that_never_stops) {
    ScriptedServer server{answer_all};
    Client client;
    Call late = a_post(server.url());
    late.not_after = system_clock().boottime() - 1ms;
    const Outcome outcome = outcome_of(client, late);
    BOOST_TEST((outcome.kind == Kind::not_sent));
    BOOST_TEST(outcome.is_too_late);
    BOOST_TEST(server.requests() == 0);

    Call in_time = a_post(server.url());
    in_time.not_after = system_clock().boottime() + 60s;
    BOOST_TEST((outcome_of(client, in_time).kind == Kind::response));
    // Nor on a connection that was used before, where libcurl would repeat a call without a body.
    late.not_after = system_clock().boottime() - 1ms;
    BOOST_TEST(outcome_of(client, late).is_too_late);
    BOOST_TEST(server.requests() == 1);
}

BOOST_AUTO_TEST_CASE(a_failure_to_connect_within_its_time_is_not_too_late) {
    Client client;
    Call call = a_post(unused_url());
    call.not_after = system_clock().boottime() + 60s;
    const Outcome outcome = outcome_of(client, call);
    BOOST_TEST((outcome.kind == Kind::not_sent));
    BOOST_TEST(!outcome.is_too_late);
}
