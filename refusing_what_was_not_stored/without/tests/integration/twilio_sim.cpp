// links: sim
#include "base/address.hpp"
#include "base/environment.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "sim/control.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "twilio/account.hpp"
#include "twilio/json.hpp"
#include "twilio/reply.hpp"
#include "twilio/request.hpp"
#include "twilio/sid.hpp"
#include "twilio/signature.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace pgcourier;
using namespace pgcourier::sim;
using namespace std::chrono_literals;
using pgcourier::test::eventually;
using twilio::find;
using twilio::Params;
using twilio::value_or_empty;

namespace {

const std::string kShop = "+33700000001";
const std::string kClient = "+33612345678";

std::string create_body(const std::string& to, const std::string& body,
                        const std::string& status_callback = {}) {
    twilio::Outgoing outgoing;
    outgoing.from = kShop;
    outgoing.to = to;
    outgoing.body = body;
    outgoing.status_callback = status_callback;
    return twilio::create_message_body(outgoing);
}

// A simulator that runs, and calls to its API.
struct Twilio {
    explicit Twilio(SimulatorOptions options = {}) : sim{std::move(options)} {
        const auto started = sim.start();
        BOOST_REQUIRE_MESSAGE(started, (started ? "" : started.error().what));
    }

    std::string path() const { return messages_path(sim.options().account_sid); }

    http::Outcome call(const std::string& method, const std::string& target,
                       const std::string& body = {}, std::chrono::milliseconds timeout = 5s) {
        client.start(0, {.method = method,
                         .url = sim.base_url() + target,
                         .headers = {},
                         .body = body,
                         .user = user,
                         .password = password,
                         .timeout = timeout});
        for (;;) {
            auto finished = client.poll(100ms);
            if (!finished.empty()) return std::move(finished.front().outcome);
        }
    }

    http::Outcome create(const std::string& to, const std::string& body,
                         const std::string& status_callback = {},
                         std::chrono::milliseconds timeout = 5s) {
        return call("POST", path() + ".json", create_body(to, body, status_callback), timeout);
    }

    /// The accepted message's sid.
    std::string create_sid(const std::string& to, const std::string& body,
                           const std::string& status_callback = {}) {
        const auto outcome = create(to, body, status_callback);
        BOOST_REQUIRE(outcome.status == 201);
        return std::string{value_or_empty(twilio::json_fields(outcome.body), "sid")};
    }

    void rule(const std::string& json) {
        auto rules = read_rules(json);
        BOOST_REQUIRE_MESSAGE(rules, (rules ? "" : rules.error().what));
        for (Rule& one : *rules) sim.script().add(std::move(one));
    }

    Simulator sim;
    http::Client client;
    std::string user = sim.options().account_sid;
    Secret password = sim.options().auth_token;
};

SimulatorOptions quick() {
    SimulatorOptions options;
    options.progress.step = 5ms;
    options.inbound_to = kShop;
    return options;
}

// The service's side: takes webhooks and keeps them.
struct Shop {
    explicit Shop(int answer = 200) {
        http::Routes routes;
        routes.add("POST", "/*", [this, answer](http::Request request, http::Responder responder) {
            {
                const std::scoped_lock lock{mutex};
                webhooks.push_back(std::move(request));
            }
            responder({.status = answer, .content_type = "text/xml", .body = "<Response/>"});
        });
        http::ServerOptions options;
        options.host = "127.0.0.1";
        options.port = 0;
        server = std::make_unique<http::Server>(options, std::move(routes));
        BOOST_REQUIRE(server->start());
    }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(server->port()); }

    std::vector<http::Request> taken() const {
        const std::scoped_lock lock{mutex};
        return webhooks;
    }

    std::vector<std::string> statuses() const {
        std::vector<std::string> all;
        for (const auto& webhook : taken()) {
            all.emplace_back(value_or_empty(twilio::decode_form(webhook.body), "MessageStatus"));
        }
        return all;
    }

    mutable std::mutex mutex;
    std::vector<http::Request> webhooks;  // guarded by mutex
    std::unique_ptr<http::Server> server;
};

bool is_signed(const http::Request& webhook, const std::string& base, const Secret& key) {
    const Secret keys[] = {key};
    return twilio::verify({.urls = {base + webhook.target},
                           .format = twilio::BodyFormat::form,
                           .body = webhook.body,
                           .query = webhook.query(),
                           .signature = webhook.header("X-Twilio-Signature")},
                          keys)
        .has_value();
}

// Bytes as they come, which no HTTP client shows.
class RawClient {
  public:
    explicit RawClient(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOST_REQUIRE(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                      0);
    }
    ~RawClient() { ::close(socket_); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    void send(const std::string& bytes) {
        BOOST_REQUIRE(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                      static_cast<ssize_t>(bytes.size()));
    }

    struct Received {
        std::string bytes;
        enum class End { open, closed, reset } end = End::open;
    };

    /// Until the other side ends it, nothing more comes for `patience`, or `enough` bytes are
    /// there.
    Received receive(std::chrono::milliseconds patience, std::size_t enough = std::string::npos) {
        Received received;
        std::vector<char> buffer(1024 * 1024);
        while (received.bytes.size() < enough) {
            pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
            if (::poll(&waiting, 1, static_cast<int>(patience.count())) == 0) return received;
            const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
            if (count == 0) received.end = Received::End::closed;
            if (count < 0) received.end = Received::End::reset;
            if (count <= 0) return received;
            received.bytes.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return received;
    }

  private:
    int socket_;
};

using End = RawClient::Received::End;

std::string raw_create(const Twilio& twilio, const std::string& body) {
    const std::string form = create_body(kClient, body);
    // base64 of AC00000000000000000000000000005151:51510000000000000000000000005151
    return "POST " + twilio.path() +
           ".json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
           "QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwNTE1MTo1MTUxMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwNTE"
           "1MQ=="
           "\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
           std::to_string(form.size()) + "\r\n\r\n" + form;
}

int code_of(const http::Outcome& outcome) {
    const auto fields = twilio::json_fields(outcome.body);
    return whole_number<int>(value_or_empty(fields, "code")).value_or(0);
}

struct Listed {
    std::vector<Params> messages;
    std::string next;  // address of the next page, empty at the end
};

// The objects of the list, split by a reader that knows only that no body holds a brace.
Listed list(Twilio& twilio, const std::string& target) {
    const auto outcome = twilio.call("GET", target);
    BOOST_REQUIRE(outcome.status == 200);
    const Params page = twilio::json_fields(outcome.body);
    const std::string items = *find(page, "messages");
    Listed listed;
    listed.next = value_or_empty(page, "next_page_uri");
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i] == '{' && depth++ == 0) begin = i;
        if (items[i] == '}' && --depth == 0) {
            listed.messages.push_back(twilio::json_fields(items.substr(begin, i + 1 - begin)));
        }
    }
    return listed;
}

std::string bodies(const Listed& listed) {
    std::string all;
    for (const Params& message : listed.messages) all += value_or_empty(message, "body");
    return all;
}

std::string today() {
    return to_iso8601(system_clock().now()).substr(0, 10);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_is_created_fetched_and_goes_on_to_delivered) {
    Twilio twilio{quick()};
    const auto outcome = twilio.create(kClient, "Ça coûte 1+1 € ? 🛍️");
    BOOST_TEST(outcome.status == 201);
    BOOST_TEST(outcome.content_type == "application/json");

    // As the service reads it.
    const auto reply = twilio::read_reply(outcome.status, outcome.content_type, {}, outcome.body);
    BOOST_REQUIRE(std::holds_alternative<twilio::Accepted>(reply));
    BOOST_TEST(std::get<twilio::Accepted>(reply).status == "queued");
    const std::string sid = std::get<twilio::Accepted>(reply).message_sid;
    const Params created = twilio::json_fields(outcome.body);
    BOOST_TEST(created.size() == 20u);
    BOOST_TEST(*find(created, "date_sent") == "");

    BOOST_TEST(eventually([&] { return twilio.sim.message(sid)->status == "delivered"; }));
    const auto fetched = twilio.call("GET", twilio.path() + "/" + sid + ".json");
    BOOST_TEST(fetched.status == 200);
    const Params fields = twilio::json_fields(fetched.body);
    BOOST_TEST(*find(fields, "body") == "Ça coûte 1+1 € ? 🛍️");
    BOOST_TEST(*find(fields, "status") == "delivered");
    BOOST_TEST(*find(fields, "date_sent") != "");
    BOOST_TEST(fields.size() == 20u);
}

BOOST_AUTO_TEST_CASE(credentials_are_checked_before_anything_else) {
    SimulatorOptions options = quick();
    options.api_keys = {{"SK0123456789abcdef0123456789abcdef", Secret{"key secret: with colon"}}};
    Twilio twilio{options};
    const std::string body = create_body(kClient, "hi");

    twilio.user = "SK0123456789abcdef0123456789abcdef";
    twilio.password = Secret{"key secret: with colon"};
    BOOST_TEST(twilio.create(kClient, "with a key").status == 201);

    const std::pair<std::string, std::string> wrong[] = {
        {options.account_sid, "wrong"},
        {options.account_sid, "key secret: with colon"},
        {"AC00000000000000000000000000000000", options.auth_token.reveal()},
        {"", ""}};
    for (const auto& [user, password] : wrong) {
        twilio.user = user;
        twilio.password = Secret{password};
        for (const auto& outcome : {twilio.call("POST", twilio.path() + ".json", body),
                                    twilio.call("GET", twilio.path() + ".json"),
                                    twilio.call("GET", "/2010-04-01/Accounts/ACx/Messages.json")}) {
            BOOST_TEST(outcome.status == 401);
            BOOST_TEST(code_of(outcome) == 20003);
        }
    }
    BOOST_TEST(twilio.sim.ledger().accepted() == 1u);
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_is_20404) {
    Twilio twilio{quick()};
    const std::string other = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages";
    const std::string none = "/SM00000000000000000000000000000000";
    for (const auto& [method, target] : std::initializer_list<std::pair<std::string, std::string>>{
             {"POST", other + ".json"},
             {"GET", other + ".json"},
             {"GET", twilio.path() + none + ".json"},
             {"GET", twilio.path() + none + "/Media.json"},
             {"POST", twilio.path() + none + ".json"},
             {"GET", twilio.path()},
             {"GET", "/2010-04-01/Accounts.json"}}) {
        const auto outcome =
            twilio.call(method, target, method == "POST" ? create_body(kClient, "hi") : "");
        BOOST_TEST(outcome.status == 404, method << " " << target);
        BOOST_TEST(code_of(outcome) == 20404);
    }
    BOOST_TEST(twilio.call("DELETE", twilio.path() + ".json").status == 405);
    BOOST_TEST(twilio.sim.ledger().accepted() == 0u);
}

BOOST_AUTO_TEST_CASE(a_refused_message_is_a_400_with_its_code_and_no_message) {
    Twilio twilio{quick()};
    const auto outcome = twilio.create("+0", "hi");
    BOOST_TEST(outcome.status == 400);
    BOOST_TEST(code_of(outcome) == 21211);
    BOOST_TEST(list(twilio, twilio.path() + ".json").messages.size() == 0u);
    const auto entries = twilio.sim.ledger().entries();
    BOOST_REQUIRE(entries.size() == 2u);  // and the list call
    BOOST_TEST(entries[0].status == 400);
    BOOST_TEST(entries[0].code == 21211);
    BOOST_TEST(!entries[0].accepted);
}

BOOST_AUTO_TEST_CASE(messages_are_listed_newest_first_by_address_and_day_page_after_page) {
    SimulatorOptions options = quick();
    options.progress.step = 0ms;
    Twilio twilio{options};
    for (const char* body : {"a", "b", "c", "d", "e"}) twilio.create_sid(kClient, body);
    twilio.create_sid("+33600000009", "z");
    // By the time of sending, which nothing has at first.
    BOOST_TEST(eventually([&] {
        return list(twilio, twilio.path() + ".json?DateSent=" + today()).messages.size() == 6;
    }));
    BOOST_REQUIRE(twilio.sim.inbound({.from = kClient, .body = "i", .is_posted = false}));

    const std::string to_client = twilio.path() + ".json?To=whatsapp%3A%2B33612345678";
    BOOST_TEST(bodies(list(twilio, twilio.path() + ".json")) == "izedcba");
    BOOST_TEST(bodies(list(twilio, to_client)) == "edcba");
    BOOST_TEST(bodies(list(twilio, to_client + "&From=whatsapp:%2B33700000001")) == "edcba");
    BOOST_TEST(bodies(list(twilio, to_client + "&From=whatsapp:%2B33700000002")) == "");
    BOOST_TEST(bodies(list(twilio, to_client + "&DateSent%3E=" + today())) == "edcba");
    BOOST_TEST(bodies(list(twilio, to_client + "&DateSent%3C=2020-01-01")) == "");
    BOOST_TEST(bodies(list(twilio, twilio.path() + ".json?To=whatsapp:%2B33700000001")) == "i");

    std::string all;
    int pages = 0;
    for (std::string next = to_client + "&PageSize=2"; !next.empty(); ++pages) {
        const Listed listed = list(twilio, next);
        all += bodies(listed) + "|";
        next = listed.next;
    }
    BOOST_TEST(all == "ed|cb|a|");
    BOOST_TEST(twilio.call("GET", to_client + "&PageSize=1001").status == 400);
}

BOOST_AUTO_TEST_CASE(media_are_listed_and_their_content_is_elsewhere) {
    Twilio twilio{quick()};
    const auto result = twilio.sim.inbound(
        {.from = kClient,
         .media = {{.sid = {}, .url = "https://x.test/a.jpg", .content_type = "image/jpeg"}},
         .is_posted = false});
    BOOST_REQUIRE(result);
    BOOST_TEST(result->sid.starts_with("MM"));
    const auto outcome = twilio.call("GET", twilio.path() + "/" + result->sid + "/Media.json");
    BOOST_TEST(outcome.status == 200);
    std::string item = *find(twilio::json_fields(outcome.body), "media_list");
    item = item.substr(1, item.size() - 2);
    std::string uri = *find(twilio::json_fields(item), "uri");
    BOOST_TEST(uri.ends_with(".json"));
    uri.resize(uri.size() - 5);
    BOOST_TEST(twilio.call("GET", uri).status == 307);
}

BOOST_AUTO_TEST_CASE(status_callbacks_are_signed_and_bring_the_query_back) {
    Shop shop;
    SimulatorOptions options = quick();
    options.progress.last = "read";
    Twilio twilio{options};
    const std::string callback = shop.url() + "/webhooks/twilio/status?m=a%20b&a=2";
    const std::string sid = twilio.create_sid(kClient, "hi", callback + "#rc=5&rp=all");

    BOOST_TEST(eventually([&] { return shop.taken().size() == 3; }));
    BOOST_TEST((shop.statuses() == std::vector<std::string>{"sent", "delivered", "read"}));
    for (const auto& webhook : shop.taken()) {
        BOOST_TEST(webhook.target == "/webhooks/twilio/status?m=a%20b&a=2");
        BOOST_TEST(is_signed(webhook, shop.url(), options.auth_token));
        BOOST_TEST(!is_signed(webhook, shop.url(), Secret{"another"}));
        BOOST_TEST(!webhook.header("I-Twilio-Idempotency-Token").empty());
        BOOST_TEST(value_or_empty(twilio::decode_form(webhook.body), "MessageSid") == sid);
    }
    BOOST_TEST(eventually([&] {
        return twilio.sim.ledger().count([](const LedgerEntry& entry) {
            return entry.kind == "callback" && entry.status == 200;
        }) == 3;
    }));
}

BOOST_AUTO_TEST_CASE(callbacks_repeat_get_lost_and_change_their_order_as_told) {
    Shop shop;
    Twilio twilio{quick()};
    twilio.rule(R"({"to":"+33600000001","copies":3,"last":"sent"})"
                "\n"
                R"({"to":"+33600000002","loss":1})"
                "\n"
                R"({"to":"+33600000003","callbacks":false})"
                "\n"
                R"({"to":"+33600000004","last":"undelivered","error_code":63016})"
                "\n"
                R"({"to":"+33600000005","last":"failed","error_code":63024})");
    std::vector<std::string> sids;
    for (int i = 1; i <= 5; ++i) {
        sids.push_back(
            twilio.create_sid("+3360000000" + std::to_string(i), "hi", shop.url() + "/s"));
    }
    BOOST_TEST(eventually([&] { return shop.taken().size() == 6; }));
    BOOST_TEST(eventually([&] {
        return twilio.sim.message(sids[1])->status == "delivered" &&
               twilio.sim.message(sids[2])->status == "delivered" &&
               twilio.sim.message(sids[3])->status == "undelivered" &&
               twilio.sim.message(sids[4])->status == "failed";
    }));
    std::multiset<std::string> seen;
    for (const auto& webhook : shop.taken()) {
        const Params form = twilio::decode_form(webhook.body);
        const auto which = std::find(sids.begin(), sids.end(), value_or_empty(form, "MessageSid"));
        seen.insert(std::to_string(which - sids.begin() + 1) + " " +
                    std::string{value_or_empty(form, "MessageStatus")} + " " +
                    std::string{value_or_empty(form, "ErrorCode")});
    }
    BOOST_TEST((seen == std::multiset<std::string>{"1 sent ", "1 sent ", "1 sent ", "4 sent ",
                                                   "4 undelivered 63016", "5 failed 63024"}));
    BOOST_TEST(shop.taken().size() == 6u);

    // Shuffled: of twenty messages some tell `delivered` before `sent`.
    twilio.sim.set_progress({.step = 20ms, .is_shuffled = true});
    for (int i = 0; i < 20; ++i) twilio.create_sid(kClient, "hi", shop.url() + "/shuffled");
    BOOST_TEST(eventually([&] { return shop.taken().size() == 6 + 2 * 20; }));
    std::set<std::string> sent;
    int early = 0;
    for (const auto& webhook : shop.taken()) {
        if (webhook.target != "/shuffled") continue;
        const Params form = twilio::decode_form(webhook.body);
        const std::string sid{value_or_empty(form, "MessageSid")};
        if (value_or_empty(form, "MessageStatus") == "sent")
            sent.insert(sid);
        else
            early += sent.contains(sid) ? 0 : 1;
    }
    BOOST_TEST(early > 0);
    BOOST_TEST(early < 20);
}

BOOST_AUTO_TEST_CASE(a_late_answer_comes_after_its_first_callback) {
    Shop shop;
    Twilio twilio{quick()};
    twilio.rule(R"({"delay_ms":300})");
    const auto begun = std::chrono::steady_clock::now();
    std::size_t before_the_answer = 0;
    twilio.client.start(1, {.method = "POST",
                            .url = twilio.sim.base_url() + twilio.path() + ".json",
                            .headers = {},
                            .body = create_body(kClient, "hi", shop.url() + "/s"),
                            .user = twilio.user,
                            .password = twilio.password});
    while (twilio.client.poll(10ms).empty()) before_the_answer = shop.taken().size();
    BOOST_TEST(before_the_answer == 2u);
    BOOST_TEST((std::chrono::steady_clock::now() - begun >= 300ms));
}

BOOST_AUTO_TEST_CASE(an_inbound_message_is_posted_signed_and_listed) {
    Shop shop;
    SimulatorOptions options = quick();
    options.inbound_url = shop.url() + "/webhooks/twilio";
    Twilio twilio{options};
    const auto result = twilio.sim.inbound({.from = kClient,
                                            .body = "Bonjour 🛍️ 1+1",
                                            .more = {{"ProfileName", "Zoé"}, {"Tag", ""}},
                                            .times = 3});
    BOOST_REQUIRE(result);
    BOOST_TEST(twilio::is_message_sid(result->sid));
    BOOST_TEST((result->statuses == std::vector<int>{200, 200, 200}));

    const auto webhooks = shop.taken();
    BOOST_REQUIRE(webhooks.size() == 3u);
    for (const auto& webhook : webhooks) {
        BOOST_TEST(webhook.body == webhooks[0].body);
        BOOST_TEST(webhook.target == "/webhooks/twilio");
        BOOST_TEST(webhook.header("Content-Type") ==
                   "application/x-www-form-urlencoded; charset=UTF-8");
        BOOST_TEST(webhook.header("I-Twilio-Idempotency-Token") ==
                   webhooks[0].header("I-Twilio-Idempotency-Token"));
        BOOST_TEST(is_signed(webhook, shop.url(), options.auth_token));
    }
    const Params form = twilio::decode_form(webhooks[0].body);
    BOOST_TEST(value_or_empty(form, "MessageSid") == result->sid);
    BOOST_TEST(value_or_empty(form, "From") == "whatsapp:+33612345678");
    BOOST_TEST(value_or_empty(form, "To") == "whatsapp:+33700000001");
    BOOST_TEST(value_or_empty(form, "Body") == "Bonjour 🛍️ 1+1");
    BOOST_TEST(value_or_empty(form, "ProfileName") == "Zoé");

    const Listed listed = list(twilio, twilio.path() + ".json?To=whatsapp:%2B33700000001");
    BOOST_REQUIRE(listed.messages.size() == 1u);
    BOOST_TEST(*find(listed.messages[0], "sid") == result->sid);
    BOOST_TEST(*find(listed.messages[0], "direction") == "inbound");
    BOOST_TEST(*find(listed.messages[0], "status") == "received");
    BOOST_TEST(*find(listed.messages[0], "date_sent") != "");

    // Posted again later, it is the same message.
    const auto again = twilio.sim.inbound(
        {.from = kClient, .body = "x", .sid = result->sid, .times = 4, .is_concurrent = true});
    BOOST_REQUIRE(again);
    BOOST_TEST(again->sid == result->sid);
    BOOST_TEST((again->statuses == std::vector<int>{200, 200, 200, 200}));
    BOOST_TEST(list(twilio, twilio.path() + ".json").messages.size() == 1u);
    BOOST_TEST(value_or_empty(twilio::decode_form(shop.taken()[3].body), "Body") ==
               "Bonjour 🛍️ 1+1");
}

BOOST_AUTO_TEST_CASE(an_inbound_message_whose_webhook_fails_is_listed_all_the_same) {
    auto shop = std::make_unique<Shop>(503);
    SimulatorOptions options = quick();
    options.inbound_url = shop->url() + "/webhooks/twilio";
    Twilio twilio{options};
    const auto refused = twilio.sim.inbound({.from = kClient, .body = "a"});
    BOOST_REQUIRE(refused);
    BOOST_TEST((refused->statuses == std::vector<int>{503}));

    shop.reset();
    const auto lost = twilio.sim.inbound({.from = "FR.1349abc", .body = "b", .times = 2});
    BOOST_REQUIRE(lost);
    BOOST_TEST((lost->statuses == std::vector<int>{0, 0}));

    const WallTime long_ago{std::chrono::sys_days{std::chrono::year{2026} / 1 / 31} + 23h};
    BOOST_REQUIRE(twilio.sim.inbound(
        {.from = kClient, .body = "c", .sent_at = long_ago, .is_posted = false}));
    BOOST_TEST(bodies(list(twilio, twilio.path() + ".json")) == "bac");
    BOOST_TEST(bodies(list(twilio, twilio.path() + ".json?DateSent=2026-01-31")) == "c");
}

BOOST_AUTO_TEST_CASE(scripted_errors_look_as_from_twilio_or_from_a_gateway) {
    Twilio twilio{quick()};
    twilio.rule(R"({"to":"+33600000001","status":429,"code":20429,"retry_after":7})"
                "\n"
                R"({"to":"+33600000002","status":503,"code":20503})"
                "\n"
                R"({"to":"+33600000003","status":502})"
                "\n"
                R"({"to":"+33600000004","status":500,"code":20500,"processes":true})"
                "\n"
                R"({"call":"list","status":503,"code":20503,"times":1})");
    const auto limited = twilio.create("+33600000001", "hi");
    BOOST_TEST(limited.status == 429);
    BOOST_TEST(limited.retry_after.value_or("") == "7");
    BOOST_TEST(code_of(limited) == 20429);
    const auto down = twilio.create("+33600000002", "hi");
    const auto outcome = twilio::read_reply(down.status, down.content_type, {}, down.body);
    BOOST_TEST(std::holds_alternative<twilio::ProviderDown>(outcome));
    const auto gateway = twilio.create("+33600000003", "hi");
    BOOST_TEST(gateway.status == 502);
    BOOST_TEST(gateway.content_type == "text/html");
    BOOST_TEST(twilio.create("+33600000004", "hi").status == 500);
    BOOST_TEST(twilio.create(kClient, "hi").status == 201);
    BOOST_TEST(twilio.call("GET", twilio.path() + ".json").status == 503);
    BOOST_TEST(twilio.call("GET", twilio.path() + ".json").status == 200);

    Ledger& ledger = twilio.sim.ledger();
    for (const auto& [to, accepted] :
         std::initializer_list<std::pair<const char*, std::size_t>>{{"+33600000001", 0},
                                                                    {"+33600000002", 0},
                                                                    {"+33600000003", 0},
                                                                    {"+33600000004", 1},
                                                                    {"+33612345678", 1}}) {
        BOOST_TEST(ledger.accepted_to(to) == accepted, to);
        BOOST_TEST(ledger.attempts_to(to) == 1u, to);
        BOOST_TEST(list(twilio, twilio.path() + ".json?To=" + twilio::percent_encode(to))
                       .messages.size() == accepted);
    }
}

BOOST_AUTO_TEST_CASE(scripted_faults_are_seen_on_the_wire) {
    struct Case {
        const char* rule;
        std::size_t accepted;
        End end;
    };
    const Case cases[] = {
        {R"({"answer":"reset"})", 1, End::reset},
        {R"({"answer":"reset","processes":false})", 0, End::reset},
        {R"({"answer":"close"})", 1, End::closed},
        {R"({"answer":"close","processes":false})", 0, End::closed},
        {R"({"answer":"hang"})", 1, End::open},
        {R"({"answer":"hang","processes":false})", 0, End::open},
        {R"({"answer":"hang","delay_ms":50})", 1, End::reset},
    };
    for (const auto& [rule, accepted, end] : cases) {
        Twilio twilio{quick()};
        twilio.rule(rule);
        RawClient raw{twilio.sim.port()};
        raw.send(raw_create(twilio, "hi"));
        const auto received = raw.receive(250ms);
        BOOST_TEST(received.bytes == "", rule);
        BOOST_TEST((received.end == end), rule);
        BOOST_TEST(twilio.sim.ledger().accepted_to(kClient, "hi") == accepted, rule);
        BOOST_TEST(twilio.sim.ledger().attempts_to(kClient) == 1u, rule);
        BOOST_TEST(twilio.sim.ledger().entries().back().status == 0, rule);
    }
}

BOOST_AUTO_TEST_CASE(a_used_connection_can_be_closed_without_a_byte) {
    Twilio twilio{quick()};
    twilio.rule(R"({"answer":"close","skip":1,"times":1})");
    RawClient raw{twilio.sim.port()};
    raw.send(raw_create(twilio, "first"));
    const auto first = raw.receive(250ms);
    BOOST_TEST(first.bytes.starts_with("HTTP/1.1 201 Created\r\n"));
    BOOST_TEST((first.end == End::open));
    raw.send(raw_create(twilio, "second"));
    const auto second = raw.receive(250ms);
    BOOST_TEST(second.bytes == "");
    BOOST_TEST((second.end == End::closed));
    BOOST_TEST(twilio.sim.ledger().accepted_to(kClient, "second") == 1u);
}

BOOST_AUTO_TEST_CASE(scripted_answers_can_be_broken) {
    const auto answer_to = [](const char* rule, std::chrono::milliseconds patience = 250ms,
                              std::size_t enough = std::string::npos) {
        Twilio twilio{quick()};
        twilio.rule(rule);
        RawClient raw{twilio.sim.port()};
        raw.send(raw_create(twilio, "hi"));
        const auto received = raw.receive(patience, enough);
        BOOST_TEST(twilio.sim.ledger().accepted_to(kClient, "hi") == 1u, rule);
        const auto head = received.bytes.find("\r\n\r\n");
        BOOST_REQUIRE_MESSAGE(head != std::string::npos, rule);
        const auto length = received.bytes.find("Content-Length: ");
        const std::size_t promised = std::stoul(received.bytes.substr(length + 16));
        return std::tuple{received.bytes.substr(head + 4), promised, received.end};
    };
    {
        const auto [body, promised, end] = answer_to(R"({"answer":"cut"})");
        BOOST_TEST((end == End::closed));
        BOOST_TEST(body.size() < promised);
        BOOST_TEST(body.starts_with("{\"account_sid\""));
    }
    {
        const auto [body, promised, end] = answer_to(R"({"answer":"truncated"})");
        BOOST_TEST((end == End::open));
        BOOST_TEST(body.size() == promised);
        BOOST_TEST(body.starts_with("{\"account_sid\""));
        BOOST_TEST(!twilio::clean_json(body));
    }
    {
        const auto [body, promised, end] = answer_to(R"({"answer":"invalid"})");
        BOOST_TEST(body.size() == promised);
        BOOST_TEST(!twilio::clean_json(body));
    }
    {
        const auto [body, promised, end] = answer_to(R"({"answer":"empty"})");
        BOOST_TEST((end == End::open));
        BOOST_TEST(promised == 0u);
        BOOST_TEST(body == "");
    }
    {
        const auto [body, promised, end] = answer_to(R"({"answer":"huge"})", 5s, 10 * 1024 * 1024);
        BOOST_TEST(promised > 10u * 1024 * 1024);
        BOOST_TEST(body.size() >= 10u * 1024 * 1024 - 1024);
    }
}

BOOST_AUTO_TEST_CASE(the_ledger_file_has_every_line_before_the_answer) {
    const std::string path = std::filesystem::temp_directory_path() /
                             ("pgcourier-ledger-" + std::to_string(::getpid()) + ".jsonl");
    std::filesystem::remove(path);
    SimulatorOptions options = quick();
    options.ledger_path = path;
    {
        Twilio twilio{options};
        twilio.rule(R"({"to":"+33600000001","status":503,"code":20503})");
        const std::string sid =
            twilio.create_sid(kClient, "a \"quoted\" é\nline", "http://127.0.0.1:1/s?m=1");
        twilio.create("+33600000001", "no");
        const auto entries = read_ledger(path);
        BOOST_REQUIRE(entries.size() >= 2u);
        BOOST_TEST(entries[0].accepted);
        BOOST_TEST(entries[0].kind == "create");
        BOOST_TEST(entries[0].sid == sid);
        BOOST_TEST(entries[0].to == "whatsapp:+33612345678");
        BOOST_TEST(entries[0].from == "whatsapp:+33700000001");
        BOOST_TEST(entries[0].body == "a \"quoted\" é\nline");
        BOOST_TEST(entries[0].status_callback == "http://127.0.0.1:1/s?m=1");
        BOOST_TEST(entries[0].status == 201);
        BOOST_TEST((entries[0].time > WallTime{}));
        const auto refused = std::find_if(
            entries.begin(), entries.end(),
            [](const LedgerEntry& entry) { return entry.to == "whatsapp:+33600000001"; });
        BOOST_REQUIRE((refused != entries.end()));
        BOOST_TEST(!refused->accepted);
        BOOST_TEST(refused->answer == "error");
        BOOST_TEST(refused->status == 503);
        BOOST_TEST(refused->code == 20503);
    }
    const auto before = read_ledger(path).size();
    {
        Twilio twilio{options};  // appends
        twilio.create_sid(kClient, "second run");
    }
    BOOST_TEST(read_ledger(path).size() > before);
    std::filesystem::remove(path);

    options.ledger_path = "/nowhere/ledger";
    Simulator broken{options};
    const auto started = broken.start();
    BOOST_REQUIRE(!started);
    BOOST_TEST(started.error().what.find("/nowhere/ledger") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_process_controls_it_over_http) {
    Shop shop;
    SimulatorOptions options = quick();
    options.inbound_url = shop.url() + "/webhooks/twilio";
    Twilio twilio{options};
    const std::string base = twilio.sim.base_url();

    const auto posted =
        control(base, "POST", "/sim/inbound",
                R"({"from":"+33612345678","body":"hi","times":2,"concurrently":true})");
    BOOST_REQUIRE_MESSAGE(posted, (posted ? "" : posted.error().what));
    BOOST_TEST(value_or_empty(twilio::json_fields(*posted), "statuses") == "[200,200]");
    BOOST_TEST(shop.taken().size() == 2u);

    BOOST_REQUIRE(control(base, "POST", "/sim/script", R"({"status":503,"code":20503,"times":1})"));
    BOOST_TEST(twilio.create(kClient, "a").status == 503);
    BOOST_TEST(twilio.create(kClient, "a").status == 201);
    const auto ledger = control(base, "GET", "/sim/ledger");
    BOOST_REQUIRE(ledger);
    BOOST_TEST(std::count(ledger->begin(), ledger->end(), '\n') == 4);

    BOOST_REQUIRE(control(base, "POST", "/sim/script", "answer=reset"));
    BOOST_TEST(twilio.sim.script().size() == 2u);
    BOOST_REQUIRE(control(base, "DELETE", "/sim/script"));
    BOOST_TEST(twilio.sim.script().size() == 0u);

    const auto health = control(base, "GET", "/sim/health");
    BOOST_REQUIRE(health);
    BOOST_TEST(*health == "{\"status\":\"ok\",\"messages\":2,\"accepted\":1}\n");
    BOOST_REQUIRE(control(base, "POST", "/sim/reset"));
    BOOST_TEST(twilio.sim.ledger().accepted() == 0u);
    BOOST_TEST(list(twilio, twilio.path() + ".json").messages.size() == 0u);

    const auto wrong = control(base, "POST", "/sim/script", R"({"answer":"explode"})");
    BOOST_REQUIRE(!wrong);
    BOOST_TEST(wrong.error().what.find("answer") != std::string::npos);
    BOOST_TEST(!control(base, "POST", "/sim/inbound", "body=x"));
    twilio.sim.stop();
    BOOST_TEST(!control(base, "GET", "/sim/health"));
}

BOOST_AUTO_TEST_CASE(it_can_go_away_and_come_back_at_the_same_address) {
    Twilio twilio{quick()};
    const auto port = twilio.sim.port();
    const std::string sid = twilio.create_sid(kClient, "hi");
    twilio.sim.stop();
    BOOST_TEST((twilio.create(kClient, "hi").kind == http::Outcome::Kind::not_sent));
    BOOST_REQUIRE(twilio.sim.start());
    BOOST_TEST(twilio.sim.port() == port);
    BOOST_TEST(twilio.call("GET", twilio.path() + "/" + sid + ".json").status == 200);

    SimulatorOptions same = quick();
    same.port = port;
    Simulator second{same};
    BOOST_TEST(!second.start());
}

// The figure stands in bench/; here only that it is no bottleneck of any test.
BOOST_AUTO_TEST_CASE(it_takes_thousands_of_messages_a_second) {
    constexpr int kMessages = 4000;
    SimulatorOptions options = quick();
    options.keep = 100;
    options.progress.last = "queued";
    Twilio twilio{options};
    const std::string request = raw_create(twilio, "hi");
    std::string batch;
    for (int i = 0; i < 100; ++i) batch += request;

    const auto begun = std::chrono::steady_clock::now();
    RawClient raw{twilio.sim.port()};
    for (int i = 0; i < kMessages / 100; ++i) {
        raw.send(batch);
        BOOST_REQUIRE(eventually([&] {
            raw.receive(1ms);
            return twilio.sim.ledger().accepted() == static_cast<std::uint64_t>(100 * (i + 1));
        }));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    BOOST_TEST_MESSAGE(kMessages / took.count() << " messages a second");
    BOOST_TEST(twilio.sim.ledger().entries().size() == 100u);
    BOOST_TEST(list(twilio, twilio.path() + ".json?PageSize=1000").messages.size() == 100u);
}

BOOST_AUTO_TEST_CASE(the_account_is_shown_to_its_token_and_to_no_key) {
    SimulatorOptions options = quick();
    options.api_keys = {{"SK00000000000000000000000000000001", Secret{"key-secret"}}};
    options.account_status = "suspended";
    Twilio twilio{options};
    const std::string path = pgcourier::twilio::account_path(options.account_sid);

    const auto shown = twilio.call("GET", path);
    BOOST_TEST(shown.status == 200);
    const auto account = pgcourier::twilio::read_account(shown.body);
    BOOST_REQUIRE(account);
    BOOST_TEST(account->status == "suspended");
    BOOST_TEST(account->type == "Full");
    const Params fields = pgcourier::twilio::json_fields(shown.body);
    BOOST_TEST(value_or_empty(fields, "auth_token") == options.auth_token.reveal());

    twilio.user = "SK00000000000000000000000000000001";
    twilio.password = Secret{"key-secret"};
    const auto refused = twilio.call("GET", path);
    BOOST_TEST(refused.status == 401);
    const Params reasons = pgcourier::twilio::json_fields(refused.body);
    BOOST_TEST(value_or_empty(reasons, "code") == "20003");
    BOOST_TEST(twilio.call("GET", twilio.path() + ".json").status == 200);
}

BOOST_AUTO_TEST_CASE(senders_are_listed_for_the_channel_whatsapp) {
    Twilio twilio{quick()};
    const std::string path = "/v2/Channels/Senders";
    const auto listed = twilio.call("GET", path + "?Channel=whatsapp&PageSize=1000");
    BOOST_TEST(listed.status == 200);
    const auto page = pgcourier::twilio::read_sender_page(listed.body);
    BOOST_REQUIRE(page);
    BOOST_TEST(!page->has_more);
    BOOST_REQUIRE(page->senders.size() == 1U);
    BOOST_TEST(page->senders[0].number == kShop);
    BOOST_TEST(page->senders[0].is_online());

    BOOST_TEST(twilio.call("GET", path).status == 400);
    twilio.sim.script().add({.call = ApiCall::senders,
                             .then = {.answer = Answer::error, .status = 403, .code = 20003}});
    BOOST_TEST(twilio.call("GET", path + "?Channel=whatsapp").status == 403);
    twilio.password = Secret{"wrong"};
    BOOST_TEST(twilio.call("GET", path + "?Channel=whatsapp").status == 401);
}
