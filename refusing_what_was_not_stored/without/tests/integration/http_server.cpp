// links: http
#include "base/log.hpp"
#include "http/server.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <list>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace pgcourier;
using namespace std::chrono_literals;
using http::Request;
using http::Responder;
using http::Response;

namespace {

// A client that says exactly what a case wants said, byte for byte.
class Wire {
  public:
    explicit Wire(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        is_connected_ =
            ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~Wire() {
        if (socket_ >= 0) ::close(socket_);
    }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    bool is_connected() const { return is_connected_; }

    /// returns  whether all of it was taken
    bool say(std::string_view text) {
        return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size());
    }

    /// Tells the server that nothing more comes, and goes on reading.
    void end_sending() { ::shutdown(socket_, SHUT_WR); }
    /// Ends the connection now, as one that is lost does: without a word when `resets`.
    void vanish(bool resets) {
        const linger at_once{.l_onoff = resets ? 1 : 0, .l_linger = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(std::exchange(socket_, -1));
    }

    /// The next answer: head and body, by its Content-Length. What there is of it when none is
    /// complete in time.
    std::string answer(bool has_body = true) {
        std::size_t end = 0;
        while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
            if (!receive()) return std::exchange(received_, {});
        }
        end += 4;
        std::size_t length = 0;
        const auto field = received_.find("Content-Length: ");
        if (has_body && field < end) length = std::stoul(received_.substr(field + 16));
        while (received_.size() < end + length) {
            if (!receive()) break;
        }
        std::string answer = received_.substr(0, end + length);
        received_.erase(0, end + length);
        return answer;
    }

    /// All that comes until this text has come, and no further; what there is of it in time.
    std::string until(std::string_view text) {
        while (received_.find(text) == std::string::npos) {
            if (!receive()) return std::exchange(received_, {});
        }
        const std::size_t end = received_.find(text) + text.size();
        std::string all = received_.substr(0, end);
        received_.erase(0, end);
        return all;
    }

    /// Whether the server closes the connection within `time`, however it does it. Answers are
    /// thrown away.
    bool is_closed_within(std::chrono::milliseconds time) {
        const auto ends = std::chrono::steady_clock::now() + time;
        received_.clear();
        while (std::chrono::steady_clock::now() < ends) {
            if (!receive(ends - std::chrono::steady_clock::now())) return is_over_;
        }
        return false;
    }
    bool was_reset() const { return was_reset_; }

  private:
    bool receive(std::chrono::nanoseconds patience = 5s) {
        pollfd poll{.fd = socket_, .events = POLLIN, .revents = 0};
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
        if (::poll(&poll, 1, static_cast<int>(wait)) <= 0) return false;
        char bytes[65536];
        const auto count = ::recv(socket_, bytes, sizeof bytes, 0);
        is_over_ = count <= 0;
        was_reset_ = count < 0;
        if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
        return count > 0;
    }

    int socket_;
    bool is_connected_ = false;
    bool is_over_ = false;
    bool was_reset_ = false;
    std::string received_;
};

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds deadline = 5s) {
    const auto ends = std::chrono::steady_clock::now() + deadline;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > ends) return false;
        std::this_thread::sleep_for(2ms);
    }
    return true;
}

std::string status_line(const std::string& answer) {
    return answer.substr(0, answer.find('\r'));
}

std::string body(const std::string& answer) {
    const auto end = answer.find("\r\n\r\n");
    return end == std::string::npos ? "no answer" : answer.substr(end + 4);
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string get(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string post(const std::string& target, const std::string& content) {
    return "POST " + target +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(content.size()) +
           "\r\n\r\n" + content;
}

// Responders that a case answers when it wants to, from its own thread.
class Waiting {
  public:
    void add(Responder responder) {
        const std::scoped_lock lock{mutex_};
        responders_.push_back(std::move(responder));
    }
    std::size_t size() const {
        const std::scoped_lock lock{mutex_};
        return responders_.size();
    }
    std::vector<Responder> take() {
        const std::scoped_lock lock{mutex_};
        return std::exchange(responders_, {});
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Responder> responders_;  // guarded by mutex_
};

struct Fixture {
    Waiting waiting;
    std::atomic<bool> is_held = false;
    std::latch release{1};  // of the event loop that is held
    std::atomic<int> turned_away{0};
    std::unique_ptr<http::Server> server;

    void serve(http::Limits limits = {}, int threads = 1) {
        http::Routes routes;
        routes.add("GET", "/hello", [](const Request&, Responder respond) {
            respond({.content_type = "text/plain", .body = "hello"});
        });
        routes.add("POST", "/echo", [](const Request& request, Responder respond) {
            respond({.body = request.body});
        });
        routes.add("GET", "/peer", [](const Request& request, Responder respond) {
            respond({.body = request.peer_address});
        });
        routes.add("GET", "/later",
                   [this](const Request&, Responder respond) { waiting.add(std::move(respond)); });
        routes.add("GET", "/held", [this](const Request&, Responder respond) {
            is_held = true;
            release.wait();
            respond({.body = "held"});
        });
        routes.add("GET", "/dropped", [](const Request&, const Responder&) {});
        routes.add("GET", "/broken",
                   [](const Request&, const Responder&) { throw std::runtime_error{"a bug"}; });
        routes.add("GET", "/large", [](const Request&, Responder respond) {
            respond({.body = std::string(8'000'000, 'x')});
        });
        routes.add("GET", "/reset",
                   [](const Request&, Responder respond) { respond({.reset = true}); });
        routes.add("GET", "/deadline",
                   {.handler = [this](const Request&,
                                      Responder respond) { waiting.add(std::move(respond)); },
                    .deadline = 100ms,
                    .on_deadline = {
                        .status = 503, .body = "too late", .headers = {{"Retry-After", "1"}}}});
        routes.add(
            "POST", "/small",
            {.handler = [](const Request&, Responder respond) { respond({}); },
             .max_body_bytes = 10,
             .before_body = [](const Request& head) -> std::optional<Response> {
                 if (head.headers.has("X-Signature")) return std::nullopt;
                 return Response{.status = 401, .content_type = "text/xml"};
             },
             .error = [](int) { return Response{.content_type = "text/xml", .body = "<R/>"}; }});
        server = std::make_unique<http::Server>(
            http::ServerOptions{.host = "127.0.0.1",
                                .port = 0,
                                .limits = limits,
                                .threads = threads,
                                .on_refused = [this] { ++turned_away; }},
            std::move(routes));
        BOOST_REQUIRE(server->start().has_value());
    }
    std::string ask(const std::string& request) {
        Wire wire{server->port()};
        wire.say(request);
        return wire.answer();
    }
};

const std::string kChunkedHead =
    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

BOOST_FIXTURE_TEST_CASE(each_request_gets_its_status, Fixture) {
    serve();
    const std::string hello = ask(get("/hello"));
    BOOST_TEST(status_line(hello) == "HTTP/1.1 200 OK");
    BOOST_TEST(contains(hello, "\r\nDate: "));
    BOOST_TEST(contains(hello, "\r\nContent-Type: text/plain\r\n"));
    BOOST_TEST(body(hello) == "hello");
    BOOST_TEST(body(ask(get("/hello?with=query"))) == "hello");
    BOOST_TEST(body(ask(get("/peer"))) == "127.0.0.1");
    BOOST_TEST(body(ask(post("/echo", "a body"))) == "a body");
    BOOST_TEST(body(ask(post("/echo", ""))) == "");
    BOOST_TEST(status_line(ask(get("/none"))) == "HTTP/1.1 404 Not Found");
    const std::string wrong = ask(post("/hello", ""));
    BOOST_TEST(status_line(wrong) == "HTTP/1.1 405 Method Not Allowed");
    BOOST_TEST(contains(wrong, "\r\nAllow: GET, HEAD\r\n"));
    BOOST_TEST(status_line(ask(get("/" + std::string(9000, 'a')))) == "HTTP/1.1 414 URI Too Long");
    BOOST_TEST(status_line(ask("GET /hello HTTP/1.1\r\nHost: a\r\nX: " + std::string(17000, 'a') +
                               "\r\n\r\n")) == "HTTP/1.1 431 Request Header Fields Too Large");
}

BOOST_FIXTURE_TEST_CASE(head_gets_no_body, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::string head = wire.answer(false);
    BOOST_TEST(contains(head, "\r\nContent-Length: 5\r\n"));
    wire.say(get("/hello"));  // the next bytes are the next answer, not a body
    BOOST_TEST(status_line(wire.answer()) == "HTTP/1.1 200 OK");
}

BOOST_FIXTURE_TEST_CASE(a_connection_is_kept_alive_and_closed_as_the_client_wishes, Fixture) {
    serve();
    Wire wire{server->port()};
    for (int i = 0; i < 3; ++i) {
        wire.say(get("/hello"));
        const std::string answer = wire.answer();
        BOOST_TEST(body(answer) == "hello");
        BOOST_TEST(!contains(answer, "Connection:"));
    }
    BOOST_TEST(server->stats().accepted == 1u);

    wire.say("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    BOOST_TEST(contains(wire.answer(), "\r\nConnection: close\r\n"));
    BOOST_TEST(wire.is_closed_within(2s));

    Wire old{server->port()};
    old.say("GET /hello HTTP/1.0\r\n\r\n");
    BOOST_TEST(body(old.answer()) == "hello");
    BOOST_TEST(old.is_closed_within(2s));

    Wire old_kept{server->port()};
    old_kept.say("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    BOOST_TEST(contains(old_kept.answer(), "\r\nConnection: keep-alive\r\n"));
    old_kept.say("GET /hello HTTP/1.0\r\n\r\n");
    BOOST_TEST(body(old_kept.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(pipelined_requests_are_answered_in_order, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/later") + post("/echo", "second") + kChunkedHead + "5\r\nthird\r\n0\r\n\r\n" +
             "\r\n" + get("/hello"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    waiting.take().front()({.body = "first"});
    BOOST_TEST(body(wire.answer()) == "first");
    BOOST_TEST(body(wire.answer()) == "second");
    BOOST_TEST(body(wire.answer()) == "third");
    BOOST_TEST(body(wire.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(a_request_may_come_byte_by_byte, Fixture) {
    serve();
    Wire wire{server->port()};
    for (const char byte : kChunkedHead + "5\r\nhello\r\n0\r\n\r\n" + post("/echo", "again")) {
        BOOST_REQUIRE(wire.say({&byte, 1}));
    }
    BOOST_TEST(body(wire.answer()) == "hello");
    BOOST_TEST(body(wire.answer()) == "again");
}

namespace {
struct Broken {
    const char* name;
    std::string bytes;
};
std::ostream& operator<<(std::ostream& out, const Broken& b) {
    return out << b.name;
}
const std::vector<Broken> kBroken = {
    {"two framings",
     "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
     "\r\n\r\n0\r\n\r\n" +
         get("/hello")},
    {"two lengths",
     "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n" +
         get("/hello")},
    {"a folded field", "GET /hello HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" + get("/hello")},
    {"NUL", std::string{"GET /hello HTTP/1.1\r\nHost: a\0b\r\n\r\n", 34} + get("/hello")},
    {"space before a colon", "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n" + get("/hello")},
    {"lines without CR", "GET /hello HTTP/1.1\nHost: a\n\n"},
    {"TLS", std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11}},
    {"a bad chunk", kChunkedHead + "x\r\n\r\n" + get("/hello")},
};
}  // namespace

BOOST_DATA_TEST_CASE_F(Fixture, what_cannot_be_framed_is_refused_and_the_connection_closed,
                       boost::unit_test::data::make(kBroken)) {
    serve();
    Wire wire{server->port()};
    wire.say(sample.bytes);
    const std::string answer = wire.answer();
    BOOST_TEST(status_line(answer) == "HTTP/1.1 400 Bad Request");
    BOOST_TEST(contains(answer, "\r\nConnection: close\r\n"));
    BOOST_TEST(wire.is_closed_within(3s));  // and what came behind is not read as a request
    BOOST_TEST(server->stats().requests == 0u);
    BOOST_TEST(server->stats().malformed == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_body_over_the_limit_is_refused_before_it_is_read, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n");
    const std::string answer = wire.answer();
    BOOST_TEST(status_line(answer) == "HTTP/1.1 413 Content Too Large");
    BOOST_TEST(contains(answer, "\r\nConnection: close\r\n"));

    BOOST_TEST(body(ask(post("/echo", std::string(65536, 'a')))).size() == 65536u);
    // Sent whole without looking, the answer still arrives.
    BOOST_TEST(status_line(ask(post("/echo", std::string(100'000, 'a')))) ==
               "HTTP/1.1 413 Content Too Large");
    BOOST_TEST(status_line(ask(kChunkedHead + "10001\r\n")) == "HTTP/1.1 413 Content Too Large");
    BOOST_TEST(status_line(ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: "
                               "18446744073709551615\r\n\r\n")) ==
               "HTTP/1.1 413 Content Too Large");
}

BOOST_FIXTURE_TEST_CASE(a_route_has_its_own_limit_refusal_and_errors, Fixture) {
    serve();
    const std::string head = "POST /small HTTP/1.1\r\nHost: a\r\n";
    // Refused before the body, which never comes.
    const std::string unsigned_one = ask(head + "Content-Length: 5\r\n\r\n");
    BOOST_TEST(status_line(unsigned_one) == "HTTP/1.1 401 Unauthorized");
    BOOST_TEST(contains(unsigned_one, "\r\nConnection: close\r\n"));
    BOOST_TEST(status_line(ask(head + "X-Signature: s\r\nContent-Length: 5\r\n\r\nhello")) ==
               "HTTP/1.1 200 OK");
    const std::string large = ask(head + "X-Signature: s\r\nContent-Length: 11\r\n\r\n");
    BOOST_TEST(status_line(large) == "HTTP/1.1 413 Content Too Large");
    BOOST_TEST(contains(large, "text/xml"));
    BOOST_TEST(body(large) == "<R/>");
}

BOOST_FIXTURE_TEST_CASE(expect_100_continue_is_answered, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    BOOST_TEST(wire.answer() == "HTTP/1.1 100 Continue\r\n\r\n");
    wire.say("body");
    BOOST_TEST(body(wire.answer()) == "body");

    Wire large{server->port()};
    large.say(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\nExpect: 100-continue\r\n\r\n");
    BOOST_TEST(status_line(large.answer()) == "HTTP/1.1 413 Content Too Large");
}

BOOST_FIXTURE_TEST_CASE(slow_clients_are_cut_off, Fixture) {
    serve({.header_timeout = 200ms, .body_timeout = 200ms, .idle_timeout = 600ms});
    Wire silent{server->port()};
    Wire half_head{server->port()};
    half_head.say("GET /hello HTTP/1.1\r\nHo");
    Wire half_body{server->port()};
    half_body.say("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    Wire idle{server->port()};
    idle.say(get("/hello"));
    BOOST_TEST(body(idle.answer()) == "hello");

    BOOST_TEST(silent.is_closed_within(500ms));
    BOOST_TEST(half_head.is_closed_within(500ms));
    BOOST_TEST(half_body.is_closed_within(500ms));
    BOOST_TEST(server->stats().timed_out == 2u);  // the silent one has only gone
    BOOST_TEST(idle.say(get("/hello")));          // longer than the others, and used again
    BOOST_TEST(body(idle.answer()) == "hello");
    BOOST_TEST(!idle.is_closed_within(350ms));
    BOOST_TEST(idle.is_closed_within(2s));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_drips_gains_no_time, Fixture) {
    serve({.header_timeout = 300ms});
    Wire wire{server->port()};
    const auto started = std::chrono::steady_clock::now();
    wire.say("GET /hello HTTP/1.1\r\nX: ");
    while (wire.say("a") && !wire.is_closed_within(20ms)) {
        BOOST_REQUIRE(std::chrono::steady_clock::now() - started < 5s);
    }
    BOOST_TEST(server->stats().timed_out == 1u);
}

// Fails when each empty line begins the time anew, or any number of them is passed over.
BOOST_FIXTURE_TEST_CASE(a_client_that_drips_empty_lines_gains_no_time, Fixture) {
    serve({.header_timeout = 300ms});
    Wire wire{server->port()};
    const auto started = std::chrono::steady_clock::now();
    while (wire.say("\r\n") && !wire.is_closed_within(20ms)) {
        BOOST_REQUIRE(std::chrono::steady_clock::now() - started < 5s);
    }
    Wire once{server->port()};
    once.say("\r\n");
    BOOST_TEST(once.is_closed_within(5s));
    BOOST_TEST(server->stats().requests == 0u);
}

namespace {

const std::string kSlowHead = "GET /hello HTTP/1.1\r\nX: a";
const std::string kSlowBody = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\na";

void allow_files(rlim_t count) {
    rlimit files{};
    BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &files) == 0);
    if (files.rlim_cur >= count) return;
    files.rlim_cur = std::min(count, files.rlim_max);
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &files) == 0);
}

}  // namespace

// Meant to fail when a byte begins the time anew (limit_step() in read_some()): they are then never
// cut off.
BOOST_FIXTURE_TEST_CASE(
    a_thousand_slow_clients_hold_up_nobody_and_are_cut_off_when_their_time_is_over, Fixture) {
    allow_files(4000);
    serve({.header_timeout = 5s, .body_timeout = 5s});
    std::list<Wire> slow;
    for (int i = 0; i < 1000; ++i) {
        slow.emplace_back(server->port()).say(i % 2 == 0 ? kSlowHead : kSlowBody);
    }
    const std::jthread dripping{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            for (Wire& wire : slow) wire.say("a");
            std::this_thread::sleep_for(100ms);
        }
    }};

    Wire kept{server->port()};
    for (int i = 0; i < 200; ++i) {
        BOOST_REQUIRE(kept.say(get("/hello")));
        BOOST_REQUIRE(body(kept.answer()) == "hello");
        BOOST_REQUIRE(body(ask(post("/echo", "a body"))) == "a body");
    }
    BOOST_TEST(eventually([&] { return server->stats().timed_out >= 1000; }, 60s));
    BOOST_TEST(eventually([&] { return server->stats().connections <= 1; }));
}

// Fails when those that owe a body keep their places (begin_wait() around read_body()): the quick
// ones are then turned away.
BOOST_FIXTURE_TEST_CASE(at_the_limit_slow_bodies_make_room_for_who_is_quick, Fixture) {
    allow_files(4000);
    serve({.connections = 100, .header_timeout = 1min, .body_timeout = 1min});
    std::list<Wire> slow;
    for (int i = 0; i < 300; ++i) slow.emplace_back(server->port()).say(kSlowBody);
    for (int i = 0; i < 50; ++i) {
        BOOST_REQUIRE(body(ask(post("/echo", "a body"))) == "a body");
        BOOST_REQUIRE(server->stats().connections <= 101u);  // the newest is let in, then one goes
    }
    BOOST_TEST(server->stats().over_limit >= 200u);
    BOOST_TEST(eventually([&] { return server->stats().connections <= 100; }));
}

// Fails when a refused client keeps its place until its second for reading the answer is over.
BOOST_FIXTURE_TEST_CASE(at_the_limit_a_refused_client_makes_room, Fixture) {
    serve({.connections = 1});
    Wire refused{server->port()};
    refused.say("x\n");
    BOOST_TEST(status_line(refused.answer()) == "HTTP/1.1 400 Bad Request");
    BOOST_TEST(body(ask(get("/hello"))) == "hello");
}

// Fails when a session that writes keeps its place (begin_write()), or when what its client has
// sent meanwhile protects it (has_gone_on()).
BOOST_FIXTURE_TEST_CASE(at_the_limit_who_does_not_read_makes_room, Fixture) {
    serve({.connections = 10, .write_timeout = 1min});
    std::list<Wire> deaf;
    for (int i = 0; i < 10; ++i) deaf.emplace_back(server->port()).say(get("/large"));
    BOOST_REQUIRE(eventually([&] { return server->stats().requests == 10; }));
    for (Wire& wire : deaf) wire.say(get("/hello"));  // is not read: it waits in the socket
    // At first the kernel still takes something from some of them.
    BOOST_REQUIRE(eventually([&] { return body(ask(get("/hello"))) == "hello"; }));

    std::list<Wire> quick;
    for (int i = 0; i < 9; ++i) {
        quick.emplace_back(server->port()).say(get("/hello"));
        BOOST_REQUIRE(body(quick.back().answer()) == "hello");
    }
    for (Wire& wire : quick) {  // none of them had to go
        wire.say(get("/hello"));
        BOOST_TEST(body(wire.answer()) == "hello");
    }
    BOOST_TEST(server->stats().over_limit >= 9u);
    BOOST_TEST(server->stats().timed_out == 0u);
}

BOOST_FIXTURE_TEST_CASE(who_reads_late_gets_all_of_it_while_nobody_needs_the_place, Fixture) {
    serve({.connections = 2, .write_timeout = 1min});
    Wire late{server->port()};
    late.say(get("/large"));
    BOOST_REQUIRE(eventually([&] { return server->stats().requests == 1; }));
    Wire quick{server->port()};
    for (int i = 0; i < 50; ++i) {
        quick.say(get("/hello"));
        BOOST_REQUIRE(body(quick.answer()) == "hello");
    }
    BOOST_TEST((body(late.answer()) == std::string(8'000'000, 'x')));
    late.say(get("/hello"));  // and the connection goes on
    BOOST_TEST(body(late.answer()) == "hello");
    BOOST_TEST(server->stats().over_limit == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_does_not_read_is_cut_off, Fixture) {
    serve({.write_timeout = 300ms});
    Wire wire{server->port()};
    wire.say(get("/large"));
    BOOST_TEST(eventually([&] { return server->stats().timed_out == 1; }));
    BOOST_TEST(eventually([&] { return server->stats().connections == 0; }));
}

BOOST_FIXTURE_TEST_CASE(a_large_answer_arrives_whole, Fixture) {
    serve();
    BOOST_TEST(body(ask(get("/large"))) == std::string(8'000'000, 'x'));
}

BOOST_FIXTURE_TEST_CASE(a_client_that_leaves_harms_nobody, Fixture) {
    serve();
    for (const auto& part :
         {get("/later"), get("/large"), kChunkedHead + "5\r\nhe", std::string{"GE"}}) {
        Wire wire{server->port()};
        wire.say(part);
    }
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    waiting.take().front()({.body = "to nobody"});
    BOOST_TEST(eventually([&] { return server->stats().connections == 0; }));
    BOOST_TEST(body(ask(get("/hello"))) == "hello");
}

// Meant to fail when the end of the client's side is taken for its wish to have no answer.
BOOST_FIXTURE_TEST_CASE(a_client_that_has_ended_its_side_still_gets_its_answers, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/later") + post("/echo", "second") + get("/later"));
    wire.end_sending();
    for (const char* answer : {"first", "third"}) {
        BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
        waiting.take().front()({.body = answer});
        BOOST_TEST(body(wire.answer()) == answer);
        if (std::string_view{answer} == "first") BOOST_TEST(body(wire.answer()) == "second");
    }
    BOOST_TEST(wire.is_closed_within(5s));
    BOOST_TEST(eventually([&] { return server->stats().connections == 0; }));
}

// Fails when what has come of a body is served once no more can come.
BOOST_FIXTURE_TEST_CASE(a_client_that_vanishes_within_a_body_leaves_nothing_behind, Fixture) {
    serve();
    for (const auto& part : {kSlowBody, kChunkedHead + "5\r\nhe", kChunkedHead + "5\r\nhello\r\n",
                             kChunkedHead + "5\r\nhello\r\n0\r\n"}) {
        for (const bool resets : {false, true}) {
            Wire wire{server->port()};
            wire.say(part);
            wire.vanish(resets);
        }
    }
    BOOST_TEST(eventually([&] { return server->stats().accepted == 8; }));
    BOOST_TEST(eventually([&] { return server->stats().connections == 0; }));
    BOOST_TEST(server->stats().requests == 0u);
    BOOST_TEST(body(ask(post("/echo", "a body"))) == "a body");
}

BOOST_FIXTURE_TEST_CASE(answers_from_other_threads_reach_their_own_requests, Fixture) {
    serve({}, 2);
    constexpr int kClients = 50;
    constexpr int kRounds = 20;
    std::jthread answerer{[this](std::stop_token stop) {
        while (!stop.stop_requested()) {
            for (Responder& respond : waiting.take()) respond({.body = "later"});
            std::this_thread::yield();
        }
    }};
    std::vector<std::unique_ptr<Wire>> wires;
    for (int i = 0; i < kClients; ++i) wires.push_back(std::make_unique<Wire>(server->port()));
    int right = 0;
    for (int round = 0; round < kRounds; ++round) {
        for (int i = 0; i < kClients; ++i) {
            wires[static_cast<std::size_t>(i)]->say(post("/echo", std::to_string(i)) +
                                                    get("/later"));
        }
        for (int i = 0; i < kClients; ++i) {
            auto& wire = *wires[static_cast<std::size_t>(i)];
            right += body(wire.answer()) == std::to_string(i);
            right += body(wire.answer()) == "later";
        }
    }
    BOOST_TEST(right == 2 * kClients * kRounds);
}

BOOST_FIXTURE_TEST_CASE(a_request_that_its_handler_gives_up_is_answered_500, Fixture) {
    serve();
    LogCapture log;
    BOOST_TEST(status_line(ask(get("/dropped"))) == "HTTP/1.1 500 Internal Server Error");
    BOOST_TEST(status_line(ask(get("/broken"))) == "HTTP/1.1 500 Internal Server Error");
    BOOST_TEST(contains(log.text(), "a bug"));
    Wire wire{server->port()};
    wire.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    waiting.take();  // drops it, on this thread
    BOOST_TEST(status_line(wire.answer()) == "HTTP/1.1 500 Internal Server Error");
    wire.say(get("/hello"));
    BOOST_TEST(body(wire.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(a_missed_deadline_is_answered_and_the_late_answer_ignored, Fixture) {
    serve();
    Wire wire{server->port()};
    const auto started = std::chrono::steady_clock::now();
    wire.say(get("/deadline"));
    const std::string answer = wire.answer();
    const auto took = std::chrono::steady_clock::now() - started;
    BOOST_TEST(status_line(answer) == "HTTP/1.1 503 Service Unavailable");
    BOOST_TEST(contains(answer, "\r\nRetry-After: 1\r\n"));
    BOOST_TEST(body(answer) == "too late");
    BOOST_TEST((took >= 100ms && took < 1s));
    BOOST_TEST(server->stats().deadlines == 1u);

    wire.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 2; }));
    auto responders = waiting.take();
    responders[0]({.body = "late"});
    responders[1]({.body = "in time"});
    BOOST_TEST(body(wire.answer()) == "in time");
    wire.say(get("/hello"));
    BOOST_TEST(body(wire.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(an_answer_before_the_deadline_stands, Fixture) {
    serve();
    Wire wire{server->port()};
    for (int i = 0; i < 20; ++i) {
        wire.say(get("/deadline"));
        BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
        waiting.take().front()({.body = "in time"});
        BOOST_TEST(body(wire.answer()) == "in time");
    }
    BOOST_TEST(server->stats().deadlines == 0u);
}

BOOST_FIXTURE_TEST_CASE(at_the_limit_a_connection_takes_the_place_of_the_longest_silent_one,
                        Fixture) {
    serve({.connections = 2});
    Wire asking{server->port()};
    asking.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    Wire silent{server->port()};
    silent.say("GET /hello HTTP/1.1\r\nHo");
    BOOST_REQUIRE(eventually([&] { return server->stats().connections == 2; }));
    Wire next{server->port()};
    BOOST_TEST(silent.is_closed_within(1s));
    next.say(get("/hello"));
    BOOST_TEST(body(next.answer()) == "hello");
    BOOST_TEST(server->stats().over_limit == 1u);
    BOOST_TEST(turned_away.load() == 0);
    waiting.take().front()({.body = "in time"});
    BOOST_TEST(body(asking.answer()) == "in time");
}

BOOST_FIXTURE_TEST_CASE(at_the_limit_a_connection_is_closed_when_all_others_have_requests,
                        Fixture) {
    serve({.connections = 1});
    Wire asking{server->port()};
    asking.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    Wire next{server->port()};
    BOOST_TEST(next.is_closed_within(1s));
    BOOST_TEST(turned_away.load() == 1);
    waiting.take().front()({.body = "in time"});
    BOOST_TEST(body(asking.answer()) == "in time");
}

BOOST_FIXTURE_TEST_CASE(a_reset_sends_nothing, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/reset"));
    BOOST_TEST(wire.is_closed_within(1s));
    BOOST_TEST(wire.was_reset());
}

BOOST_FIXTURE_TEST_CASE(a_drain_finishes_what_is_in_flight_and_closes_the_rest, Fixture) {
    serve();
    const auto port = server->port();
    Wire idle{port};
    idle.say(get("/hello"));
    idle.answer();
    Wire busy{port};
    busy.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));

    auto drained = std::async(std::launch::async, [this] { server->drain(10s); });
    BOOST_TEST(idle.is_closed_within(2s));
    BOOST_TEST(!Wire{port}.is_connected());
    BOOST_TEST((drained.wait_for(100ms) == std::future_status::timeout));

    waiting.take().front()({.body = "finished"});
    const std::string answer = busy.answer();
    BOOST_TEST(body(answer) == "finished");
    BOOST_TEST(contains(answer, "\r\nConnection: close\r\n"));
    BOOST_TEST((drained.wait_for(2s) == std::future_status::ready));
}

// The loop reads the second request before it learns of the drain, and learns of it before it sees
// what it has read.
BOOST_FIXTURE_TEST_CASE(a_drain_answers_the_request_that_was_just_read, Fixture) {
    serve({}, 2);
    const auto port = server->port();
    Wire of_the_first_loop{port};
    of_the_first_loop.say(get("/hello"));
    of_the_first_loop.answer();
    Wire wire{port};
    wire.say(get("/held"));
    BOOST_REQUIRE(eventually([&] { return is_held.load(); }));
    wire.say(get("/hello"));

    auto drained = std::async(std::launch::async, [this] { server->drain(10s); });
    BOOST_REQUIRE(eventually([&] { return !Wire{port}.is_connected(); }));
    std::this_thread::sleep_for(50ms);  // the second loop is told a moment later
    release.count_down();
    BOOST_TEST(body(wire.answer()) == "held");
    BOOST_TEST(body(wire.answer()) == "hello");
    BOOST_TEST((drained.wait_for(5s) == std::future_status::ready));
}

BOOST_FIXTURE_TEST_CASE(a_drain_ends_in_time_and_later_answers_are_harmless, Fixture) {
    serve();
    Wire busy{server->port()};
    busy.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    const auto started = std::chrono::steady_clock::now();
    server->drain(200ms);
    const auto took = std::chrono::steady_clock::now() - started;
    BOOST_TEST((took >= 150ms && took < 2s));
    BOOST_TEST(busy.is_closed_within(1s));
    server.reset();
    waiting.take().front()({.body = "to nobody"});
}

BOOST_FIXTURE_TEST_CASE(after_stop_accepting_what_is_connected_goes_on, Fixture) {
    serve();
    const auto port = server->port();
    Wire wire{port};
    wire.say(get("/hello"));
    wire.answer();
    server->stop_accepting();
    BOOST_TEST(eventually([&] { return !Wire{port}.is_connected(); }));
    wire.say(get("/hello"));
    BOOST_TEST(body(wire.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(a_taken_port_is_named_with_what_to_change, Fixture) {
    serve();
    const auto taken = server->port();
    http::Server second{{.host = "127.0.0.1", .port = taken, .port_setting = "PORT"}, {}};
    const auto started = second.start();
    BOOST_REQUIRE(!started.has_value());
    const std::string what = started.error().what;
    BOOST_TEST(contains(what, "127.0.0.1:" + std::to_string(taken)));
    BOOST_TEST(contains(what, "Address already in use"));
    BOOST_TEST(contains(what, "change PORT"));

    server.reset();  // and once it is free, also just after use, it can be had
    BOOST_TEST(second.start().has_value());
    BOOST_TEST(second.port() == taken);
}

BOOST_FIXTURE_TEST_CASE(an_answer_may_go_on_piece_by_piece_until_it_is_ended, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    {
        http::Stream stream =
            waiting.take().front().begin({.content_type = "text/event-stream", .body = "one;"});
        const std::string head = wire.until("\r\n\r\n");
        BOOST_TEST(status_line(head) == "HTTP/1.1 200 OK");
        BOOST_TEST(!contains(head, "Content-Length"));
        BOOST_TEST(contains(head, "\r\nConnection: close\r\n"));
        BOOST_TEST(wire.until(";") == "one;");
        for (const char* piece : {"two;", "three;", "four;"}) {
            stream.write(piece);
            BOOST_TEST(wire.until(";") == piece);
        }
        BOOST_TEST(stream.is_open());
        BOOST_TEST(status_line(ask(get("/hello"))) == "HTTP/1.1 200 OK");
    }
    BOOST_TEST(wire.is_closed_within(5s));
}

BOOST_FIXTURE_TEST_CASE(of_a_client_that_does_not_read_nothing_is_kept_but_the_newest_piece,
                        Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    http::Stream stream = waiting.take().front().begin({.body = "first;"});
    BOOST_TEST(contains(wire.until("first;"), "first;"));
    // The socket takes some of them; the last one comes in any case.
    std::string large(1'000'000, 'x');
    large.push_back(';');
    for (int i = 0; i < 50; ++i) stream.write(large);
    stream.write("last;");
    std::size_t received = 0;
    for (std::string piece; !piece.ends_with("last;"); received += piece.size()) {
        piece = wire.until(";");
        if (piece.empty()) break;
    }
    BOOST_TEST(received >= 5u);
    BOOST_TEST(received < 50'000'000u);
}

BOOST_FIXTURE_TEST_CASE(who_leaves_an_answer_that_goes_on_is_noticed_by_writing, Fixture) {
    serve();
    for (const bool resets : {false, true}) {
        Wire wire{server->port()};
        wire.say(get("/later"));
        BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
        http::Stream stream = waiting.take().front().begin({.body = "first;"});
        wire.until("first;");
        wire.vanish(resets);
        BOOST_TEST(eventually([&] {
            stream.write("more;");
            return !stream.is_open();
        }));
    }
    BOOST_TEST(eventually([&] { return server->stats().connections == 0; }));
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_goes_on_is_for_whoever_wants_its_body, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say("HEAD /later HTTP/1.1\r\nHost: a\r\n\r\n");
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    const http::Stream stream = waiting.take().front().begin({.body = "first"});
    BOOST_TEST(status_line(wire.answer(false)) == "HTTP/1.1 200 OK");
    BOOST_TEST(eventually([&] { return !stream.is_open(); }));
    wire.say(get("/hello"));
    BOOST_TEST(body(wire.answer()) == "hello");
}

BOOST_FIXTURE_TEST_CASE(an_answer_that_goes_on_does_not_hold_up_the_end, Fixture) {
    serve();
    Wire wire{server->port()};
    wire.say(get("/later"));
    BOOST_REQUIRE(eventually([&] { return waiting.size() == 1; }));
    http::Stream stream = waiting.take().front().begin({.body = "first;"});
    wire.until("first;");
    const auto began = std::chrono::steady_clock::now();
    server->drain(60s);
    BOOST_TEST((std::chrono::steady_clock::now() - began < 50s));
    BOOST_TEST(!stream.is_open());
    stream.write("to nobody");
}
