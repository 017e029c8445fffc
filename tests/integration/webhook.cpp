// links: webhook
#include "http/server.hpp"
#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "support/raw_http.hpp"
#include "support/tcp_proxy.hpp"
#include "support/test_database.hpp"
#include "twilio/digest.hpp"
#include "twilio/signature.hpp"
#include "webhook/routes.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <list>
#include <set>
#include <thread>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::RawHttp;
using test::RawReply;

namespace {

const Secret kToken{"12345678901234567890123456789012"};
const std::string kPublicUrl = "https://shop.example.test";
const std::string kPath = "/webhooks/twilio";
const std::string kForm = "application/x-www-form-urlencoded";
const std::string kSender = "+33612345678";

std::string a_message(int number, const std::string& body = "Bonjour") {
    return fmt::format(
        "MessageSid=SM{:032x}&AccountSid=AC00000000000000000000000000000001&From=whatsapp%3A%"
        "2B33612345678"
        "&To=whatsapp%3A%2B33700000001&Body={}&NumMedia=0&SmsStatus=received",
        number, body);
}

std::string signature_of(const std::string& target, const std::string& body,
                         const std::string& origin = kPublicUrl) {
    return twilio::sign(kToken, origin + target, twilio::decode_form(body));
}

/// A request as bytes.
struct Post {
    std::string target = kPath;
    std::string body{};
    std::string signature{};
    std::string content_type = kForm;
    std::string further_fields{};
    std::string host = "internal";

    std::string head(std::size_t content_length) const {
        std::string text = fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n",
                                       target, host, content_length);
        if (!content_type.empty()) text += "Content-Type: " + content_type + "\r\n";
        if (!signature.empty()) text += "X-Twilio-Signature: " + signature + "\r\n";
        return text + further_fields + "\r\n";
    }
    std::string bytes() const { return head(body.size()) + body; }
};

Post signed_post(const std::string& body, const std::string& target = kPath) {
    return {.target = target, .body = body, .signature = signature_of(target, body)};
}

const std::string kWrongSignature = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

webhook::Options some_options() {
    webhook::Options options;
    options.public_url = kPublicUrl;
    options.signing_keys = std::make_shared<webhook::SigningKeys>(
        std::vector{Secret{"00000000000000000000000000000000"}, kToken});
    options.rate_limit_max = 1'000'000;
    options.deadline = 5s;
    return options;
}

/// One instance: server and inbox.
class Instance {
  public:
    explicit Instance(pg::ConnectOptions database, webhook::Options options = some_options())
        : writer_{std::move(database), system_clock()},
          thread_{[this](const std::stop_token& stop) { writer_.run(stop); }},
          server_{{.host = "127.0.0.1", .port = 0}, routes(std::move(options))} {
        const auto started = server_.start();
        BOOST_REQUIRE(started);
    }
    std::uint16_t port() const { return server_.port(); }
    RawReply send(const Post& post) const { return RawHttp{port()}.exchange(post.bytes()); }
    void drain() { server_.drain(5s); }

  private:
    http::Routes routes(webhook::Options options) {
        http::Routes all;
        webhook::add_routes(all, std::move(options), writer_, system_clock());
        return all;
    }
    inbox::Writer writer_;
    std::jthread thread_;
    http::Server server_;
};

std::int64_t rows(const test::TestDatabase& db) {
    return db.count("SELECT count(*) FROM webhook_events");
}

/// A way to the database over a proxy.
struct Proxied {
    explicit Proxied(pg::ConnectOptions direct)
        : proxy{port_of(direct)}, database{std::move(direct)} {
        for (auto& [keyword, value] : database.target.keywords) {
            if (keyword == "port") value = std::to_string(proxy.port());
        }
    }
    static std::uint16_t port_of(const pg::ConnectOptions& options) {
        for (const auto& [keyword, value] : options.target.keywords) {
            if (keyword == "port") return static_cast<std::uint16_t>(std::stoi(value));
        }
        throw std::logic_error{"a test's database has a port"};
    }
    test::TcpProxy proxy;
    pg::ConnectOptions database;
};

/// One who sends what nobody has signed, again and again.
class Flood {
  public:
    explicit Flood(std::uint16_t port)
        : thread_{[this, port](const std::stop_token& stop) { run(port, stop); }} {}
    int refused() const { return refused_; }
    int otherwise() const { return otherwise_; }

  private:
    void run(std::uint16_t port, const std::stop_token& stop) {
        Post none = signed_post(a_message(1));
        none.signature = "";
        Post no_signature = none;
        no_signature.signature = "short";
        Post wrong = none;
        wrong.signature = kWrongSignature;
        Post long_one = wrong;
        long_one.body += std::string(20'000, 'x');
        const std::string kinds[] = {none.bytes(), no_signature.bytes(), wrong.bytes(),
                                     long_one.bytes()};
        std::size_t turn = 0;
        while (!stop.stop_requested()) {
            RawHttp connection{port};
            bool is_open = true;
            while (is_open && !stop.stop_requested()) {
                const RawReply reply = connection.exchange(kinds[turn++ % std::size(kinds)]);
                ++(reply.status == 401 ? refused_ : otherwise_);
                is_open = reply.status != 0 && reply.field("Connection") != "close";
            }
        }
    }
    std::atomic<int> refused_{0};
    std::atomic<int> otherwise_{0};
    std::jthread thread_;
};

/// How often `words` stands in the log.
std::size_t times(const LogCapture& log, std::string_view words) {
    const std::string text = log.text();
    std::size_t count = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
        ++count;
    return count;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_signed_message_is_answered_with_empty_twiml_and_is_stored_as_received) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const std::string body = a_message(1, "%C3%A7a+va%00%3F");
    const LogCapture log;

    const RawReply reply = service.send(signed_post(body));

    BOOST_TEST(reply.status == 200);
    BOOST_TEST(reply.field("Content-Type") == "text/xml");
    BOOST_TEST(reply.body == "<Response/>");
    BOOST_TEST(db.query_value("SELECT convert_from(raw, 'UTF8') FROM webhook_events") == body);
    BOOST_TEST(
        db.query_value(
            "SELECT concat_ws('|', key, kind, source, format, payload->>'Body', \"from\", \"to\")"
            " FROM webhook_events") ==
        "msg:SM00000000000000000000000000000001|inbound|webhook|form|ça "
        "va\xEF\xBF\xBD?|+33612345678|+33700000001");
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1);
    BOOST_TEST(log.text().find("33612345678") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_route_takes_messages_callbacks_and_what_nobody_knows) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const std::string callback =
        "MessageSid=SM00000000000000000000000000000002&MessageStatus=delivered"
        "&From=whatsapp%3A%2B33700000001&To=whatsapp%3A%2B33612345678";

    for (const Post& post : {signed_post(a_message(1), "/api/webhooks/twilio"),
                             signed_post(callback, "/webhooks/twilio/status?m=out-1&a=2"),
                             signed_post("Something=else"), signed_post("")}) {
        BOOST_TEST(service.send(post).status == 200);
    }
    Post named = signed_post("Something=new");
    named.further_fields = "I-Twilio-Idempotency-Token: abc-1\r\n";
    BOOST_TEST(service.send(named).status == 200);

    BOOST_TEST(
        db.query_rows("SELECT key, kind, query FROM webhook_events ORDER BY id") ==
            (std::vector<std::string>{
                "msg:SM00000000000000000000000000000001|inbound|",
                "status:SM00000000000000000000000000000002:delivered|status|m=out-1&a=2",
                "raw:" + twilio::sha256_hex("Something=else") + "|unrecognized|",
                "raw:" + twilio::sha256_hex("") + "|unrecognized|", "raw:abc-1|unrecognized|"}),
        boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_refused_leaves_no_row_and_is_never_text_for_the_customer) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const std::string body = a_message(1);
    Post wrong = signed_post(body);
    wrong.signature = kWrongSignature;
    Post none = signed_post(body);
    none.signature = "";
    Post malformed = signed_post(body);
    malformed.signature = "x";
    Post other_url = signed_post(body);
    other_url.target += "?";
    Post plain = signed_post(body);
    plain.content_type = "text/plain";
    Post untyped = signed_post(body);
    untyped.content_type = "";
    Post json = signed_post(R"({"MessageSid":"SM1"})");
    json.content_type = "application/json";
    const std::pair<Post, int> cases[] = {{wrong, 401},     {none, 401},  {malformed, 401},
                                          {other_url, 401}, {plain, 415}, {untyped, 415},
                                          {json, 415}};

    for (const auto& [post, status] : cases) {
        const RawReply reply = service.send(post);
        BOOST_TEST(reply.status == status);
        BOOST_TEST(reply.field("Content-Type") == "text/xml");
        BOOST_TEST(reply.body == "");
    }
    const RawReply get =
        RawHttp{service.port()}.exchange("GET /webhooks/twilio HTTP/1.1\r\nHost: x\r\n\r\n");
    BOOST_TEST(get.status == 405);
    BOOST_TEST(get.field("Allow") == "POST");
    BOOST_TEST(rows(db) == 0);
}

BOOST_AUTO_TEST_CASE(a_body_of_64_kib_is_taken_and_a_larger_one_refused_and_logged) {
    test::TestDatabase db;
    const Instance service{db.options()};
    std::string body = a_message(1);
    body.resize(64 * 1024, 'x');
    BOOST_TEST(service.send(signed_post(body)).status == 200);
    BOOST_TEST(rows(db) == 1);

    const LogCapture log;
    const Post too_large = signed_post(a_message(2) + std::string(64 * 1024, 'x'));
    BOOST_TEST(RawHttp{service.port()}.exchange(too_large.head(too_large.body.size())).status ==
               413);
    BOOST_TEST(service.send(too_large).status == 413);
    BOOST_TEST(times(log, "[ERROR]") >= 1u);
    BOOST_TEST(log.text().find("Webhook refused: body over 64 KiB") != std::string::npos);

    const std::string chunked = fmt::format(
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        "{}\r\nX-Twilio-Signature: {}\r\n\r\n"
        "{:x}\r\n{}\r\n0\r\n\r\n",
        kPath, kForm, too_large.signature, too_large.body.size(), too_large.body);
    BOOST_TEST(RawHttp{service.port()}.exchange(chunked).status == 413);
    BOOST_TEST(rows(db) == 1);
}

// Fails when the parameters of a form are sorted before it is known who has signed them.
BOOST_AUTO_TEST_CASE(
    a_form_of_a_thousand_parameters_is_taken_and_one_with_more_refused_and_logged) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const auto form_of = [](int parameters) {
        std::string body = "a=";
        for (int i = 1; i < parameters; ++i) body += fmt::format("&{}=", i);
        return body;
    };
    BOOST_TEST(service.send(signed_post(form_of(1000))).status == 200);
    BOOST_TEST(rows(db) == 1);

    const LogCapture log;
    Post unsigned_post = signed_post(form_of(1001));
    for (const std::string& signature : {unsigned_post.signature, kWrongSignature}) {
        unsigned_post.signature = signature;
        RawHttp connection{service.port()};
        const RawReply reply = connection.exchange(unsigned_post.bytes());
        BOOST_TEST(reply.status == 413);
        BOOST_TEST(reply.field("Content-Type") == "text/xml");
        BOOST_TEST(reply.body == "");
        BOOST_TEST(connection.is_closed());
    }
    BOOST_TEST(times(log, "[ERROR]") >= 1u);
    BOOST_TEST(times(log, "Webhook refused: over 1,000 parameters") == times(log, "[ERROR]"));
    BOOST_TEST(rows(db) == 1);
}

BOOST_AUTO_TEST_CASE(a_json_body_is_taken_with_its_hash_in_the_signed_url) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const std::string body = R"({"MessageSid":"SM00000000000000000000000000000001","Body":"été"})";
    const std::string target = kPath + "?bodySHA256=" + twilio::sha256_hex(body);
    Post post{.target = target,
              .body = body,
              .signature = signature_of(target, ""),
              .content_type = "application/json; charset=utf-8"};

    Post tampered = post;
    tampered.body[20] ^= 1;
    BOOST_TEST(service.send(tampered).status == 401);
    BOOST_TEST(rows(db) == 0);
    BOOST_TEST(service.send(post).status == 200);
    BOOST_TEST(
        db.query_value("SELECT concat_ws('|', format, payload->>'Body') FROM webhook_events") ==
        "json|été");
}

BOOST_AUTO_TEST_CASE(a_thousand_tamperings_are_all_refused) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const twilio::Params params = twilio::decode_form(a_message(1));
    const Post valid = signed_post(twilio::encode_form(params), kPath + "?m=1");
    BOOST_REQUIRE(service.send(valid).status == 200);
    Rng rng{42};
    const auto spoil = [&rng](std::string& text) {
        const std::size_t at = rng.between(0, text.size() - 1);
        text[at] = text[at] == 'q' ? 'r' : 'q';
    };
    RawHttp connection{service.port()};

    for (int i = 0; i < 1000; ++i) {
        Post post = valid;
        twilio::Params changed = params;
        const std::size_t which = rng.between(0, params.size() - 1);
        switch (i % 5) {
            case 0:
                spoil(changed[which].second);
                break;
            case 1:
                spoil(changed[which].first);
                break;
            case 2:
                changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(which));
                break;
            case 3:
                changed.emplace_back("q", std::to_string(i));
                break;
            default:
                post.target += std::to_string(i);
        }
        post.body = twilio::encode_form(changed);
        const int status = connection.exchange(post.bytes()).status;
        BOOST_REQUIRE_MESSAGE(status == 401, fmt::format("case {}: {} {}", i, status, post.body));
    }
    Post bad_signature = valid;
    spoil(bad_signature.signature);
    BOOST_TEST(connection.exchange(bad_signature.bytes()).status == 401);
    BOOST_TEST(rows(db) == 1);
}

BOOST_AUTO_TEST_CASE(the_second_delivery_has_no_effect) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const Post post = signed_post(a_message(1));
    BOOST_TEST(service.send(post).status == 200);

    const LogCapture log;
    const RawReply again = service.send(post);

    BOOST_TEST(again.status == 200);
    BOOST_TEST(again.body == "<Response/>");
    BOOST_TEST(times(log, "Duplicate message detected") == 1u);
    BOOST_TEST(rows(db) == 1);
    BOOST_TEST(db.query_value("SELECT concat_ws('|', l.event_type, l.correlation_id = "
                              "e.correlation_id) FROM event_log AS l"
                              " JOIN webhook_events AS e ON l.entity_id = e.id::text") ==
               "idempotent_ignored|t");
}

BOOST_AUTO_TEST_CASE(fifty_deliveries_at_once_to_two_instances_are_one_event) {
    test::TestDatabase db;
    const Instance one{db.options()};
    const Instance other{db.options()};
    const Post post = signed_post(a_message(1));
    constexpr int kDeliveries = 50;
    std::latch together{kDeliveries};
    std::vector<int> statuses(kDeliveries);
    {
        std::vector<std::jthread> senders;
        for (int i = 0; i < kDeliveries; ++i) {
            senders.emplace_back([&, i] {
                RawHttp connection{(i % 2 == 0 ? one : other).port()};
                together.arrive_and_wait();
                statuses[static_cast<std::size_t>(i)] = connection.exchange(post.bytes()).status;
            });
        }
    }

    BOOST_TEST(std::count(statuses.begin(), statuses.end(), 200) == kDeliveries);
    BOOST_TEST(rows(db) == 1);
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_queue") == 1);
    BOOST_TEST(
        db.count(
            "SELECT count(*) FROM event_log AS l JOIN webhook_events AS e ON l.entity_id = "
            "e.id::text"
            " AND l.correlation_id = e.correlation_id WHERE event_type = 'idempotent_ignored'") ==
        49);
}

BOOST_AUTO_TEST_CASE(without_its_database_it_answers_503_at_the_deadline_and_recovers_by_itself) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.deadline = 900ms;
    const Instance service{db.options(), options};
    BOOST_TEST(service.send(signed_post(a_message(1))).status == 200);

    db.server().stop(pg::PrivatePostgres::StopMode::immediate);
    const RawReply refused = service.send(signed_post(a_message(2)));
    BOOST_TEST(refused.status == 503);
    BOOST_TEST(refused.field("Retry-After") == "1");
    BOOST_TEST(refused.field("Content-Type") == "text/xml");
    BOOST_TEST((refused.took >= 800ms && refused.took < 2s), refused.took.count());

    BOOST_REQUIRE(db.server().restart());
    BOOST_TEST(
        eventually([&] { return service.send(signed_post(a_message(3))).status == 200; }, 5s));
    BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE key LIKE '%1'") == 1);
    // A pooler keeps what it was given until the database is back.
    if (!test::test_pooler())
        BOOST_TEST(db.count("SELECT count(*) FROM webhook_events WHERE key LIKE '%2'") == 0);
}

// Fails when one event that PostgreSQL does not take counts as an outage, which makes all sending
// wait.
BOOST_AUTO_TEST_CASE(an_event_that_the_database_refuses_is_answered_503_and_is_no_outage) {
    test::TestDatabase db;
    db.exec(
        "ALTER TABLE webhook_events ADD CHECK (key <> 'msg:SM00000000000000000000000000000001')");
    std::atomic<int> outages{0};
    webhook::Options options = some_options();
    options.deadline = 3s;
    options.on_unavailable = [&outages] { ++outages; };
    std::atomic<int> refusals{0};
    options.on_refused = [&refusals] { ++refusals; };
    const Instance service{db.options(), options};
    BOOST_TEST(service.send(signed_post(a_message(1))).status == 503);
    BOOST_TEST(service.send(signed_post(a_message(2))).status == 200);
    BOOST_TEST(outages.load() == 0);
    BOOST_TEST(refusals.load() == 1);

    db.server().stop(pg::PrivatePostgres::StopMode::immediate);
    BOOST_TEST(service.send(signed_post(a_message(3))).status == 503);
    BOOST_TEST(eventually([&] { return outages == 1; }));
    BOOST_REQUIRE(db.server().restart());
}

BOOST_AUTO_TEST_CASE(no_200_is_without_its_row_when_the_database_crashes_in_a_burst) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.deadline = 900ms;
    const Instance service{db.options(), options};
    std::vector<std::vector<int>> acknowledged(8);
    std::atomic<int> answered{0};
    {
        std::vector<std::jthread> senders;
        for (std::size_t i = 0; i < acknowledged.size(); ++i) {
            senders.emplace_back([&, i](const std::stop_token& stop) {
                RawHttp connection{service.port()};
                for (int n = static_cast<int>(i); !stop.stop_requested(); n += 8) {
                    if (connection.exchange(signed_post(a_message(n)).bytes()).status == 200) {
                        acknowledged[i].push_back(n);
                        ++answered;
                    }
                }
            });
        }
        BOOST_REQUIRE(eventually([&] { return answered > 200; }));
        db.server().stop(pg::PrivatePostgres::StopMode::immediate);
        BOOST_REQUIRE(db.server().restart());
        const int before = answered;
        BOOST_REQUIRE(eventually([&] { return answered > before + 200; }));
    }

    const std::vector<std::string> keys = db.query_rows("SELECT key FROM webhook_events");
    const std::set<std::string> stored{keys.begin(), keys.end()};
    for (const auto& numbers : acknowledged) {
        for (const int n : numbers) {
            const std::string key = fmt::format("msg:SM{:032x}", n);
            BOOST_REQUIRE_MESSAGE(stored.contains(key), key);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_commit_whose_reply_was_lost_is_answered_200_once_it_is_known) {
    test::TestDatabase db;
    Proxied way{db.options()};
    test::TcpProxy& proxy = way.proxy;
    const Instance service{way.database};
    BOOST_REQUIRE(service.send(signed_post(a_message(1))).status == 200);

    proxy.lose_answer("COMMIT");
    BOOST_TEST(service.send(signed_post(a_message(2))).status == 200);
    BOOST_REQUIRE(proxy.has_lost_answer());
    BOOST_TEST(rows(db) == 2);
    BOOST_TEST(db.count("SELECT count(*) FROM event_log") == 0);
}

BOOST_AUTO_TEST_CASE(over_the_limit_a_signed_request_is_stored_all_the_same) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.rate_limit_max = 2;
    const Instance service{db.options(), options};
    const LogCapture log;

    for (int i = 0; i < 10; ++i) BOOST_TEST(service.send(signed_post(a_message(i))).status == 200);
    BOOST_TEST(rows(db) == 10);
    BOOST_TEST(times(log, "Webhook rate limit exceeded") >= 1u);
    BOOST_TEST(times(log, "Webhook rate limit exceeded") <= 2u);
}

BOOST_AUTO_TEST_CASE(over_the_limit_a_signed_request_is_dropped_where_that_is_wished) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.rate_limit_max = 2;
    options.drops_signed_over_limit = true;
    const Instance service{db.options(), options};

    for (int i = 0; i < 5; ++i) {
        const RawReply reply = service.send(signed_post(a_message(i)));
        BOOST_TEST(reply.status == 200);
        BOOST_TEST(reply.body == "<Response/>");
    }
    BOOST_TEST(rows(db) == 2);
}

BOOST_AUTO_TEST_CASE(over_the_limit_a_flood_is_refused_and_cut_off) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.rate_limit_max = 1;
    const Instance service{db.options(), options};
    Post wrong = signed_post(a_message(1));
    wrong.signature = kWrongSignature;
    {
        RawHttp connection{service.port()};
        BOOST_TEST(connection.exchange(wrong.bytes()).status == 401);
        // The connection is still there; this request is over the limit.
        const RawReply over = connection.exchange(wrong.bytes());
        BOOST_TEST(over.status == 401);
        BOOST_TEST(over.field("Connection") == "close");
        BOOST_TEST(connection.is_closed());
    }
    for (const std::string& signature : {std::string{}, std::string{"short"}}) {
        Post unsigned_post = wrong;
        unsigned_post.signature = signature;
        RawHttp connection{service.port()};
        const RawReply refused = connection.exchange(unsigned_post.head(1000));  // and no body
        BOOST_TEST(refused.status == 401);
        BOOST_TEST((refused.took < 2s));
        BOOST_TEST(connection.is_closed());
    }
    BOOST_TEST(rows(db) == 0);
}

// Fails when a request is given to the inbox before its signature was verified: the connection to
// the database is then spoken on.
BOOST_AUTO_TEST_CASE(an_unsigned_flood_costs_no_query_and_holds_up_no_signed_webhook) {
    test::TestDatabase db;
    Proxied way{db.options()};
    webhook::Options options = some_options();
    options.rate_limit_max = 1000;  // both below and above it
    const Instance service{way.database, options};
    BOOST_REQUIRE(service.send(signed_post(a_message(0))).status == 200);
    const std::uint64_t said = way.proxy.bytes_to_server();
    std::list<Flood> floods;
    for (int i = 0; i < 4; ++i) floods.emplace_back(service.port());
    const auto refused = [&] {
        int all = 0;
        for (const Flood& flood : floods) all += flood.refused();
        return all;
    };
    BOOST_REQUIRE(eventually([&] { return refused() > 3000; }, 60s));
    BOOST_TEST(way.proxy.bytes_to_server() == said);

    const int refused_before = refused();
    std::vector<std::chrono::milliseconds> took;
    for (int i = 1; i <= 50; ++i) {
        const RawReply reply = service.send(signed_post(a_message(i)));
        BOOST_REQUIRE(reply.status == 200);
        took.push_back(reply.took);
    }
    BOOST_TEST(refused() > refused_before);  // it went on
    std::sort(took.begin(), took.end());
    BOOST_TEST((took[took.size() / 2] < 1s), took[took.size() / 2].count());
    for (const Flood& flood : floods) BOOST_TEST(flood.otherwise() == 0);
    BOOST_TEST(rows(db) == 51);
}

// Meant to fail when what has come of a body is stored once no more can come.
BOOST_AUTO_TEST_CASE(one_that_vanishes_within_a_body_leaves_no_row) {
    test::TestDatabase db;
    const Instance service{db.options()};
    const Post post = signed_post(a_message(1));
    for (const std::size_t missing : {std::size_t{1}, post.body.size() / 2, post.body.size()}) {
        RawHttp connection{service.port()};
        connection.send(post.bytes().substr(0, post.bytes().size() - missing));
        connection.end_sending();
        BOOST_TEST(connection.rest() == "");
        BOOST_TEST(connection.has_ended());
    }
    BOOST_TEST(rows(db) == 0);
    // And one that has ended its side behind the last byte gets its answer.
    RawHttp connection{service.port()};
    connection.send(post.bytes());
    connection.end_sending();
    BOOST_TEST(connection.reply().status == 200);
    BOOST_TEST(rows(db) == 1);
}

BOOST_AUTO_TEST_CASE(clients_behind_a_trusted_proxy_are_limited_one_by_one) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.rate_limit_max = 2;
    options.trusted_proxies = *webhook::TrustedProxies::parse({"127.0.0.0/8"});
    options.drops_signed_over_limit = true;
    const Instance service{db.options(), options};

    for (int i = 0; i < 8; ++i) {
        Post post = signed_post(a_message(i));
        post.further_fields = fmt::format("X-Forwarded-For: 6.6.6.{}, 203.0.113.{}\r\n", i, i / 4);
        BOOST_TEST(service.send(post).status == 200);
    }
    BOOST_TEST(rows(db) == 4);
}

BOOST_AUTO_TEST_CASE(without_a_configured_url_it_is_rebuilt_from_the_request) {
    test::TestDatabase db;
    webhook::Options options = some_options();
    options.public_url = "";
    Post direct = signed_post(a_message(1));
    direct.host = "shop.example.test";
    Post proxied = signed_post(a_message(2));
    proxied.further_fields = "X-Forwarded-Host: shop.example.test\r\nX-Forwarded-Proto: https\r\n";
    {
        const Instance service{db.options(), options};
        BOOST_TEST(service.send(direct).status == 200);
        const LogCapture log;
        Post with_query = proxied;
        with_query.target += "?m=private";
        BOOST_TEST(service.send(with_query).status == 401);  // nobody trusts 127.0.0.1 here
        BOOST_TEST(log.text().find("https://internal/webhooks/twilio?m=…") != std::string::npos,
                   log.text());
        BOOST_TEST(log.text().find("private") == std::string::npos);
        BOOST_TEST(log.text().find(kToken.reveal()) == std::string::npos);
    }
    options.trusted_proxies = *webhook::TrustedProxies::parse({"127.0.0.1"});
    const Instance service{db.options(), options};
    BOOST_TEST(service.send(proxied).status == 200);
    BOOST_TEST(rows(db) == 2);
}

BOOST_AUTO_TEST_CASE(a_slow_one_is_logged) {
    test::TestDatabase db;
    const Instance service{db.options()};
    BOOST_REQUIRE(service.send(signed_post(a_message(1))).status == 200);
    const LogCapture log;
    pg::Connection blocker = db.connect("blocker");
    blocker.exec_script("BEGIN; LOCK TABLE webhook_events");
    std::jthread release{[&] {
        eventually([&] {
            return db.count(
                       "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                       "'webhook_events'::regclass") == 1;
        });
        std::this_thread::sleep_for(1200ms);  // that slowness is what the case is about
        blocker.exec_script("COMMIT");
    }};

    BOOST_TEST(service.send(signed_post(a_message(2))).status == 200);
    BOOST_TEST(times(log, "Webhook slow") == 1u);
}

BOOST_AUTO_TEST_CASE(draining_answers_what_was_sent) {
    test::TestDatabase db;
    Instance service{db.options()};
    std::vector<std::jthread> senders;
    std::atomic<int> ok{0};
    std::latch connected{20};
    for (int i = 0; i < 20; ++i) {
        senders.emplace_back([&, i] {
            RawHttp connection{service.port()};
            connected.count_down();
            if (connection.exchange(signed_post(a_message(i)).bytes()).status == 200) ++ok;
        });
    }
    connected.wait();
    service.drain();
    senders.clear();

    BOOST_TEST(rows(db) == ok);
}
