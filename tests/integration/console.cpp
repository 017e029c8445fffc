// The operations console on the real program: who may come in, what it answers, what it does.
#include "support/console.hpp"

#include "console/acts.hpp"
#include "console/questions.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/pooler.hpp"
#include "twilio/json.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;
using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr const char* kShop = "+33700000001";
constexpr const char* kClient = "+33698765432";
constexpr const char* kBad = "+33600000201";

struct Shop : ConsoleService {
    std::string tenant = db.add_tenant("Shop", kShop);

    std::string write(const std::string& to, const std::string& body = "Merci") {
        return db.query_value(
            fmt::format("INSERT INTO messages_out (tenant_id, \"to\", body) "
                        "VALUES ('{}', '{}', '{}') RETURNING id",
                        tenant, to, body));
    }
    bool is_true(const std::string& condition, seconds deadline = seconds{60}) {
        return eventually([&] { return db.query_value("SELECT " + condition) == "t"; }, deadline);
    }
    /// A message that Twilio refuses for good. returns the dead letter's id
    std::string give_up(const std::string& to) {
        const std::string id = write(to);
        BOOST_REQUIRE(is_true(
            fmt::format("EXISTS (SELECT FROM ops.dead_letters WHERE entity_id = '{}')", id)));
        return db.query_value(
            fmt::format("SELECT id FROM ops.dead_letters WHERE entity_id = '{}'", id));
    }
};

std::size_t threads_of(const Process& process) {
    const std::filesystem::path tasks = fmt::format("/proc/{}/task", process.pid());
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator{tasks}, {}));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_token_there_is_no_console_and_nothing_of_it_runs) {
    ConsoleService off{{{"OPS_TOKEN", ""}, {"OPS_TOKEN_READONLY", ""}}};
    for (const char* path : {"/ops", "/ops/", "/ops/api/session", "/ops/api/overview",
                             "/ops/assets/index.html", "/ops/sign-in?token=x"})
        BOOST_TEST(off.get(path).status == 404, path);
    BOOST_TEST(off.post("/ops/sign-in", R"({"token":"x"})").status == 404);
    BOOST_TEST(off.connections() == 0);

    ConsoleService on;
    BOOST_TEST(on.get("/ops").status == 200);
    BOOST_TEST(eventually([&] { return threads_of(*on.process) == threads_of(*off.process) + 1; }));
    BOOST_TEST(on.connections() == 0);  // until somebody asks
    on.sign_in(kOperator);
    BOOST_TEST(on.get("/ops/api/overview").status == 200);
    BOOST_TEST(on.connections() == 1);
}

BOOST_AUTO_TEST_CASE(the_page_is_served_compressed_with_a_tag_and_a_strict_policy) {
    ConsoleService service;
    const RawReply page = service.get("/ops");
    BOOST_TEST(page.status == 200);
    BOOST_TEST(page.field("Content-Type") == "text/html; charset=utf-8");
    const std::string tag = page.field("ETag");
    BOOST_TEST(tag.size() > 10u);
    BOOST_TEST(service.get("/ops", fmt::format("If-None-Match: {}\r\n", tag)).status == 304);
    const RawReply packed = service.get("/ops", "Accept-Encoding: gzip, br\r\n");
    BOOST_TEST(packed.field("Content-Encoding") == "gzip");
    BOOST_TEST(packed.body.size() < page.body.size());
    BOOST_TEST(packed.field("ETag") != tag);
    BOOST_TEST(service.get("/ops/assets/no-such-file").status == 404);
    BOOST_TEST(service.get("/ops/assets/../index.html").status == 404);

    std::vector<std::pair<std::string, RawReply>> answers{
        {"405", service.post("/ops", "{}")},
        {"405 of the API", service.send("DELETE", "/ops/api/log", "", "")},
        {"413", service.post("/ops/sign-in", std::string(5000, 'x'))}};
    BOOST_TEST(answers[0].second.status == 405);
    BOOST_TEST(answers[1].second.status == 405);
    BOOST_TEST(answers[2].second.status == 413);
    BOOST_TEST(has(answers[2].second.body, "over 4 KiB"), answers[2].second.body);
    for (const char* path : {"/ops", "/ops/assets/index.html", "/ops/none", "/ops/api/overview"})
        answers.emplace_back(path, service.get(path));
    for (const auto& [path, reply] : answers) {
        BOOST_TEST(reply.field("Content-Security-Policy") ==
                       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                       "data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action "
                       "'self'; frame-ancestors 'none'",
                   path);
        BOOST_TEST(reply.field("X-Content-Type-Options") == "nosniff", path);
        BOOST_TEST(reply.field("Referrer-Policy") == "no-referrer", path);
        BOOST_TEST(reply.field("Cross-Origin-Opener-Policy") == "same-origin", path);
    }
    BOOST_TEST(service.get("/ops/api/overview").field("Cache-Control") == "no-store");
}

// So that the first view costs no round trip more.
BOOST_AUTO_TEST_CASE(the_page_of_whoever_is_signed_in_has_the_session_in_it) {
    ConsoleService service;
    const std::string strangers = service.get("/ops").body;
    BOOST_TEST(!has(strangers, "csrf"));
    BOOST_TEST(!has(strangers, "/ops/api/"));
    service.sign_in(kOperator, "</script><script>alert(1)</script>");
    BOOST_TEST(service.connections() == 0);
    const RawReply page = service.get("/ops", "Accept-Encoding: gzip\r\n");
    BOOST_TEST(page.field("Cache-Control") == "no-store");
    BOOST_TEST(page.field("ETag") == "");
    BOOST_TEST(has(page.field("Content-Security-Policy"), "script-src 'self'; "));
    BOOST_TEST(
        has(page.body, R"(<link rel="preload" as="fetch" crossorigin href="/ops/api/overview">)"));
    const std::string begin = R"(<script type="application/json" id="session">)";
    const std::size_t at = page.body.find(begin) + begin.size();
    BOOST_REQUIRE(at > begin.size());
    const std::string data = page.body.substr(at, page.body.find("</script>", at) - at);
    service.like("Session", data);
    BOOST_TEST(text_of(data, "name") == "</script><script>alert(1)</script>");
    BOOST_TEST(text_of(data, "csrf_token") == service.csrf);
    BOOST_TEST(!has(data, "<"));
    // The database is asked before the browser asks.
    BOOST_TEST(eventually([&] { return service.connections() == 1; }));
    service.cookie = "pgcourier_ops=x";
    BOOST_TEST(!has(service.get("/ops").body, "csrf"));
}

BOOST_AUTO_TEST_CASE(the_right_token_gives_a_cookie_that_scripts_cannot_read) {
    ConsoleService service;
    const RawReply reply =
        service.post("/ops/sign-in", fmt::format(R"({{"token":"{}","name":"Zoé"}})", kOperator));
    BOOST_TEST(reply.status == 200);
    const std::string cookie = reply.field("Set-Cookie");
    BOOST_TEST(has(cookie, "pgcourier_ops="));
    for (const char* flag : {"; Path=/ops", "; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"})
        BOOST_TEST(has(cookie, flag), cookie);
    BOOST_TEST(!has(cookie, "Secure"));
    BOOST_TEST(!has(cookie, kOperator));
    service.like("Session", reply.body);
    BOOST_TEST(has(reply.body, R"("role":"operator","name":"Zoé")"));

    const RawReply form =
        service.send("POST", "/ops/sign-in", "Content-Type: application/x-www-form-urlencoded\r\n",
                     fmt::format("token={}", kViewer));
    BOOST_TEST(form.status == 303);
    BOOST_TEST(form.field("Location") == "/ops");
    BOOST_TEST(has(form.field("Set-Cookie"), "pgcourier_ops="));
    BOOST_TEST(!has(service.process->output(), kOperator));
}

BOOST_AUTO_TEST_CASE(behind_https_the_cookie_is_for_https_only) {
    ConsoleService service{{{"TRUSTED_PROXIES", "127.0.0.1"}}};
    const std::string body = fmt::format(R"({{"token":"{}"}})", kOperator);
    BOOST_TEST(has(service
                       .send("POST", "/ops/sign-in",
                             "Content-Type: application/json\r\nX-Forwarded-For: 192.0.2.7\r\n"
                             "X-Forwarded-Proto: https\r\n",
                             body)
                       .field("Set-Cookie"),
                   "; Secure"));
}

BOOST_AUTO_TEST_CASE(wrong_tokens_are_limited_and_logged_without_their_text) {
    ConsoleService service{{{"TRUSTED_PROXIES", "127.0.0.1"}}};
    const auto try_in = [&](const std::string& token, const std::string& from) {
        return service
            .send("POST", "/ops/sign-in",
                  fmt::format("Content-Type: application/json\r\nX-Forwarded-For: {}\r\n", from),
                  fmt::format(R"({{"token":"{}"}})", token))
            .status;
    };
    for (int i = 0; i < 5; ++i) BOOST_TEST(try_in("guessed-it", "192.0.2.1") == 401);
    BOOST_TEST(try_in("guessed-it", "192.0.2.1") == 429);
    BOOST_TEST(try_in(kOperator, "192.0.2.1") == 200);
    BOOST_TEST(try_in("guessed-it", "192.0.2.1") == 429);
    BOOST_TEST(try_in(kOperator, "192.0.2.2") == 200);
    BOOST_TEST(service.process->wait_for_output("Wrong token for the console"));
    BOOST_TEST(has(service.process->output(), "192.0.2.1"));
    BOOST_TEST(!has(service.process->output(), "guessed-it"));

    // Whatever others try, who has it gets in.
    for (int i = 10; i < 80; ++i)
        BOOST_TEST(try_in("guessed-it", fmt::format("192.0.2.{}", i)) == 401);
    BOOST_TEST(try_in(kOperator, "192.0.2.100") == 200);
}

BOOST_AUTO_TEST_CASE(nobody_is_answered_without_a_cookie_of_ours) {
    ConsoleService service;
    service.sign_in(kOperator);
    const std::string good = service.cookie;
    std::vector<std::string> bad{"", "pgcourier_ops=", "pgcourier_ops=x.y.z.a.b", good + "x",
                                 good.substr(0, good.size() - 1)};
    for (const std::string& cookie : bad) {
        service.cookie = cookie;
        for (const std::string& path : ConsoleService::gets()) {
            const RawReply reply = service.get(path);
            BOOST_TEST(reply.status == 401, path);
            service.like("Error", reply.body);
        }
        for (const std::string& path : ConsoleService::posts())
            BOOST_TEST(service.post(path, "{}").status == 401, path);
    }
    BOOST_TEST(service.connections() == 0);  // the database did not hear of it
}

BOOST_AUTO_TEST_CASE(an_act_needs_the_csrf_token_and_a_viewer_may_not_act) {
    Shop shop;
    shop.sign_in(kOperator);
    const std::string good = std::exchange(shop.csrf, "");
    for (const std::string& path : ConsoleService::posts()) {
        const RawReply reply = shop.post(path, R"({"scope":"all","why":"test"})");
        BOOST_TEST(reply.status == 403, path);
        BOOST_TEST(has(reply.body, R"("code":"csrf")"), path);
    }
    shop.csrf = good + "x";
    BOOST_TEST(shop.post("/ops/api/pause", R"({"scope":"all","why":"test"})").status == 403);
    shop.csrf = good;
    BOOST_TEST(shop.send("POST", "/ops/api/pause",
                         "Content-Type: application/json\r\nSec-Fetch-Site: cross-site\r\n",
                         R"({"scope":"all","why":"test"})")
                   .status == 403);
    BOOST_TEST(shop.db.count("SELECT count(*) FROM outbox_pauses") == 0);

    shop.sign_in(kViewer);
    for (const std::string& path : ConsoleService::posts()) {
        if (path == "/ops/api/dead-letters/preview" || path == "/ops/api/search") continue;
        const RawReply reply = shop.post(path, R"({"scope":"all","why":"test"})");
        BOOST_TEST(reply.status == 403, path);
        BOOST_TEST(has(reply.body, R"("code":"not_allowed")"), path);
    }
    BOOST_TEST(shop.post("/ops/api/dead-letters/preview",
                         R"({"act":"retry","filter":{"everything":true}})")
                   .status == 200);
    BOOST_TEST(shop.get("/ops/api/overview").status == 200);
    BOOST_TEST(shop.db.count("SELECT count(*) FROM outbox_pauses") == 0);
}

BOOST_AUTO_TEST_CASE(signing_out_takes_the_cookie_away) {
    ConsoleService service;
    service.sign_in(kOperator);
    const RawReply reply = service.post("/ops/sign-out", "");
    BOOST_TEST(reply.status == 204);
    BOOST_TEST(has(reply.field("Set-Cookie"), "pgcourier_ops=; Path=/ops"));
    BOOST_TEST(has(reply.field("Set-Cookie"), "Max-Age=0"));
    // Whoever has kept it is not let in.
    BOOST_TEST(service.get("/ops/api/session").status == 401);
    service.sign_in(kOperator);
    BOOST_TEST(service.get("/ops/api/session").status == 200);
}

BOOST_AUTO_TEST_CASE(signing_out_ends_the_live_events_of_that_sign_in) {
    ConsoleService service;
    const auto watch = [&service] {
        auto viewer = std::make_unique<RawHttp>(service.port);
        viewer->send(fmt::format("GET /ops/api/live HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n",
                                 service.cookie));
        BOOST_TEST(has(viewer->until("\r\n\r\n"), "200 OK"));
        return viewer;
    };
    service.sign_in(kViewer);
    const auto others = watch();
    service.sign_in(kOperator);
    const auto own = watch();
    BOOST_TEST(service.post("/ops/sign-out", "").status == 204);
    own->rest();
    BOOST_TEST(own->has_ended());
    // The other one's go on.
    for (int i = 0; i < 3; ++i) BOOST_TEST(others->until("\n\n") != "");
}

// Instances behind one address take each other's cookies, a restart ends none of them.
BOOST_AUTO_TEST_CASE(a_sign_in_holds_for_every_instance_with_the_token_and_through_a_restart) {
    ConsoleService service;
    service.sign_in(kViewer, "Bruno");
    const std::string viewers = service.cookie;
    service.sign_in(kOperator, "Zoé");
    const auto on = [](const Variables& variables, const std::string& cookie,
                       const std::string& csrf) {
        ConsoleService other{variables};
        other.cookie = cookie;
        other.csrf = csrf;
        const std::string pause = R"({"scope":"all","why":"test"})";
        return std::pair{other.get("/ops/api/session").status,
                         other.post("/ops/api/pause", pause).status};
    };
    BOOST_TEST((on({}, service.cookie, service.csrf) == std::pair{200, 200}));
    BOOST_TEST((on({}, viewers, "x") == std::pair{200, 403}));
    BOOST_TEST((on({{"OPS_TOKEN", "another-one-0123"}}, service.cookie, service.csrf) ==
                std::pair{401, 401}));
    BOOST_TEST((on({{"OPS_TOKEN", "another-one-0123"}}, viewers, "x") == std::pair{200, 403}));
    BOOST_TEST(
        (on({{"OPS_TOKEN_READONLY", "another-one-0123"}}, viewers, "x") == std::pair{401, 401}));
}

BOOST_AUTO_TEST_CASE(every_route_is_described_and_all_that_is_described_is_there) {
    std::set<std::string> described;
    std::ifstream file{PGCOURIER_SOURCE_DIR "/docs/console-api.yaml"};
    std::string path;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("  /ops/") && line.ends_with(":"))
            path = line.substr(2, line.size() - 3);
        if (line == "    get:") described.insert("GET " + path);
        if (line == "    post:") described.insert("POST " + path);
    }
    std::set<std::string> there{"GET /ops/api/session", "GET /ops/api/live",
                                "POST /ops/sign-in",    "GET /ops/sign-in",
                                "POST /ops/sign-out",   "GET /ops/api/overview"};
    for (const console::Question& one : console::questions())
        there.insert("GET /ops/api/" + std::string{one.name});
    for (const console::Act& one : console::acts())
        there.insert("POST /ops/api/" + std::string{one.name});
    BOOST_TEST(described == there, boost::test_tools::per_element());
    // What the other cases go through is all of them.
    std::size_t gone_through = ConsoleService::gets().size() + ConsoleService::posts().size();
    BOOST_TEST(gone_through + 5 == there.size());
}

BOOST_AUTO_TEST_CASE(every_answer_is_as_the_description_says) {
    Shop shop;
    shop.twilio.script().add((
        *sim::read_rules(fmt::format(R"({{"to": "{}", "status": 400, "code": 21211}})", kBad)))[0]);
    shop.sign_in(kOperator, "Zoé");
    const std::string letter = shop.give_up(kBad);
    const std::string sent = shop.write(kClient, "Bonjour");
    BOOST_REQUIRE(
        shop.is_true(fmt::format("status = 'sent' FROM messages_out WHERE id = '{}'", sent)));
    shop.receive(1, kClient, kShop, "Bonjour");
    shop.receive(2, kClient, "+33700000009", "Bonjour");
    BOOST_REQUIRE(shop.is_true("count(*) = 2 FROM messages_in"));
    const std::string in = shop.db.query_value(
        fmt::format("SELECT id FROM messages_in WHERE tenant_id = '{}'", shop.tenant));
    const std::string event = shop.db.query_value("SELECT min(id) FROM webhook_events");
    shop.db.exec(
        "INSERT INTO instances (id, host, pid, version, roles, heartbeat_at) VALUES "
        "('gone', 'elsewhere', 7, '0', 'sender', now() - interval '50 min')");

    shop.ask("Overview", "/ops/api/overview");
    const std::string pause =
        shop.act("Done", "/ops/api/pause",
                 fmt::format(R"({{"scope":"tenant","id":"{}","why":"it's test"}})", shop.tenant));
    BOOST_TEST(has(pause, "paused; what is in flight is finished"));
    const std::string abnormal = shop.ask("Abnormal", "/ops/api/abnormal");
    for (const char* kind : {"pause", "dead_letters", "unrouted", "instance"})
        BOOST_TEST(has(abnormal, fmt::format(R"("kind": "{}")", kind)), abnormal);
    for (const std::string& words : {sent, in, event, letter, std::string{"Shop"},
                                     std::string{"%2B33+6+98+76+54+32"}, std::string{"nothing"}})
        shop.ask("Search", "/ops/api/search?q=" + words);
    for (const std::string& id : {sent, in, event, letter, std::string{"nothing"}})
        shop.ask("Trace", "/ops/api/trace?id=" + id);
    const std::string talk =
        shop.ask("Conversation",
                 fmt::format("/ops/api/conversation?tenant={}&person-of={}", shop.tenant, sent));
    BOOST_TEST(has(talk, R"("direction": "in")"));
    BOOST_TEST(has(talk, R"("direction": "out")"));
    BOOST_TEST(shop.get("/ops/api/conversation?person-of=nothing").status == 404);
    BOOST_TEST(
        shop.get(fmt::format("/ops/api/conversation?tenant=other&person-of={}", sent)).status ==
        404);
    shop.ask("DeadLetters", "/ops/api/dead-letters");
    shop.ask("DeadLetters", "/ops/api/dead-letters?code=21211&tenant=" + shop.tenant);
    shop.ask("Tenants", "/ops/api/tenants");
    BOOST_TEST(
        has(shop.ask("Tenants", "/ops/api/tenants?id=" + shop.tenant), R"("scope": "tenant")"));
    shop.ask("LogPage", "/ops/api/log");
    shop.ask("LogPage", "/ops/api/log?type=message_sent&from=2020-01-01&tenant=" + shop.tenant);
    const std::string audit = shop.ask("LogPage", "/ops/api/audit");
    BOOST_TEST(has(audit, R"("by": "console: Zoé")"));
    BOOST_TEST(has(audit, R"("reason": "it's test")"));

    const std::string choice = fmt::format(R"("ids":["{}"])", letter);
    shop.act("Settled", "/ops/api/dead-letters/preview", R"({"act":"discard",)" + choice + "}");
    shop.act("Settled", "/ops/api/dead-letters/discard", R"({"why":"old",)" + choice + "}");
    shop.act("Done", "/ops/api/resume",
             fmt::format(R"({{"scope":"tenant","id":"{}","why":"done"}})", shop.tenant));
    shop.act("Done", "/ops/api/opt-outs",
             fmt::format(R"({{"act":"add","tenant":"{}","person_of":"{}","why":"asked"}})",
                         shop.tenant, in));
    BOOST_TEST(shop.db.count(fmt::format("SELECT count(*) FROM opt_outs WHERE phone_number = '{}'",
                                         kClient)) == 1);
    shop.act("Done", "/ops/api/opt-outs",
             fmt::format(R"({{"act":"remove","tenant":"{}","person":"{}","why":"asked"}})",
                         shop.tenant, kClient));
    BOOST_TEST(shop.db.count("SELECT count(*) FROM opt_outs") == 0);
    shop.act(
        "Revealed", "/ops/api/reveal",
        fmt::format(R"({{"kind":"webhook_event","id":"{}","what":"raw","why":"look"}})", event));

    BOOST_TEST(shop.get("/ops/api/search").status == 400);
    BOOST_TEST(shop.get("/ops/api/log?from=yesterday").status == 400);
    BOOST_TEST(shop.get("/ops/api/log?limit=101").status == 400);
    BOOST_TEST(shop.get("/ops/api/log?before=nonsense").status == 400);
    BOOST_TEST(shop.post("/ops/api/pause", R"({"scope":"shop","why":"x"})").status == 400);
    BOOST_TEST(shop.post("/ops/api/pause", R"({"scope":"all"})").status == 400);
    BOOST_TEST(shop.post("/ops/api/cancel", R"({"id":"nothing","why":"x"})").status == 409);
    BOOST_TEST(shop.post("/ops/api/dead-letters/retry", R"({"filter":{},"why":"x"})").status ==
               400);
    BOOST_TEST(shop.post("/ops/api/dead-letters/retry", R"({"why":"x"})").status == 400);
    BOOST_TEST(!has(shop.process->output(), kClient));
}

BOOST_AUTO_TEST_CASE(pages_show_each_row_once_also_when_rows_come_meanwhile) {
    Shop shop;
    shop.sign_in(kViewer);
    shop.db.exec(
        "INSERT INTO event_log (id, event_type, entity_type, correlation_id, actor_type, "
        "created_at) "
        "SELECT 'e' || i, 'test', 'test', 'c', CASE WHEN i % 7 = 0 THEN 'operator' ELSE 'system' "
        "END, timestamp '2026-01-01' + (i / 10) * interval '1 ms' FROM generate_series(1, 230) AS "
        "i;"
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message, created_at) SELECT "
        "'d' || i, 'message_out', '{}', 'test', timestamp '2026-01-01' + (i / 10) * interval '1 "
        "ms' FROM generate_series(1, 130) AS i;"
        "INSERT INTO tenants (id, name) SELECT 't' || i, 'T' FROM generate_series(1, 104) AS i");
    const auto walk = [&](const std::string& path, const std::string& list, const char* back,
                          const std::string& meanwhile) {
        std::set<std::string> seen;
        std::size_t rows = 0;
        std::string next;
        for (int page = 0; page < 30; ++page) {
            const std::string body =
                shop.ask("", path + (next.empty() ? "" : fmt::format("&{}={}", back, next)));
            for (const std::string& id : ids_of(body, list)) {
                seen.insert(id);
                ++rows;
            }
            if (page == 0) shop.db.exec(meanwhile);
            next = text_of(body, "next");
            if (next.empty()) break;
        }
        BOOST_TEST(rows == seen.size(), path);
        return seen.size();
    };
    const std::string one_more =
        "INSERT INTO event_log (event_type, entity_type, correlation_id, actor_type) VALUES "
        "('test', 'test', 'c', 'operator')";
    BOOST_TEST(walk("/ops/api/log?type=test&limit=40", "items", "before", one_more) == 230u);
    BOOST_TEST(walk("/ops/api/log?correlation_id=c&limit=50", "items", "before", one_more) == 231u);
    BOOST_TEST(walk("/ops/api/audit?limit=9", "items", "before", one_more) == 34u);
    BOOST_TEST(walk("/ops/api/dead-letters?limit=50", "items", "before",
                    "INSERT INTO dead_letter_jobs (job_type, payload) VALUES ('message_out', "
                    "'{}')") == 130u);
    BOOST_TEST(walk("/ops/api/tenants?limit=25", "items", "after", "") == 105u);
}

BOOST_AUTO_TEST_CASE(hostile_names_and_bodies_come_through_as_json_strings) {
    Shop shop;
    shop.sign_in(kOperator, "</script><script>alert(1)</script>");
    const std::vector<std::string> payloads{"</script><script>alert(1)</script>",
                                            "\"'`\\ ' OR 1=1 --",
                                            "\u202Egnp.exe\u2066",
                                            "line\u2028separator\u2029\u0085",
                                            "$(reboot); `id` & | > /dev/null",
                                            "\u0007\u001b[2J\u001b]0;x\u0007"};
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        const std::string& payload = payloads[i];
        pg::Connection connection = shop.db.connect();
        // inline SQL: a fixture with parameters
        constexpr pg::Statement kAdd{"test.add",
                                     "INSERT INTO tenants (id, name) VALUES ($1::text, $1)"};
        connection.exec(kAdd, pg::Params{payload});
        const std::string body = shop.ask("Tenants", "/ops/api/tenants?id=" + encoded(payload));
        BOOST_TEST(text_of(body, "name") == payload);
        BOOST_TEST(text_of(body, "id") == payload);
        const std::string found = shop.ask("Search", "/ops/api/search?q=" + encoded(payload));
        BOOST_TEST(text_of(found, "tenant_name") == payload, found);
        shop.ask("Trace", "/ops/api/trace?id=" + encoded(payload));
        BOOST_TEST(shop.get("/ops/api/dead-letters?reason=" + encoded(payload)).status == 200);
        BOOST_TEST(shop.get("/ops/api/log?tenant=" + encoded(payload)).status == 200);
    }
    std::string emoji;
    for (int i = 0; i < 1600; ++i) emoji += "\U0001F600";
    const std::string id = shop.write(kClient, emoji);
    BOOST_TEST(text_of(shop.act("Revealed", "/ops/api/reveal",
                                fmt::format(R"({{"kind":"message_out","id":"{}","what":"body",)"
                                            R"("why":"<b>"}})",
                                            id)),
                       "value") == emoji);
    const std::string audit = shop.ask("LogPage", "/ops/api/audit");
    BOOST_TEST(text_of(audit, "by") == "console: </script><script>alert(1)</script>");
    BOOST_TEST(text_of(audit, "reason") == "<b>");
}

BOOST_AUTO_TEST_CASE(numbers_are_found_whole_and_shown_masked) {
    Shop shop;
    shop.sign_in(kViewer);
    const std::string out = shop.write(kClient);
    shop.receive(1, kClient, kShop, "Bonjour");
    BOOST_REQUIRE(shop.is_true("count(*) = 1 FROM messages_in"));
    const std::string in = shop.db.query_value("SELECT id FROM messages_in");
    for (const char* typed : {"%2B33698765432", "%2B33+6+98+76+54+32", "0033698765432",
                              "whatsapp:%2B33698765432", "%2B33%20(6)%2098.76-54.32"}) {
        const std::string body = shop.ask("Search", fmt::format("/ops/api/search?q={}", typed));
        BOOST_TEST(has(body, out), typed);
        BOOST_TEST(has(body, in), typed);
        BOOST_TEST(has(body, R"("asked_for": "person")"), body);
    }
    BOOST_TEST(!has(shop.get("/ops/api/search?q=%2B3369876543").body, out));
    BOOST_TEST(
        has(shop.act("Search", "/ops/api/search", fmt::format(R"({{"q":"{}"}})", kClient)), out));
    for (const std::string& path : ConsoleService::gets(out)) {
        const std::string body = shop.get(path).body;
        BOOST_TEST(!has(body, "98765432"), path);
        BOOST_TEST(!has(body, "700000001"), path);
        BOOST_TEST(!has(body, "Bonjour"), path);
        BOOST_TEST(!has(body, "Merci"), path);
    }
    BOOST_TEST(!has(shop.process->output(), "98765432"));
}

BOOST_AUTO_TEST_CASE(what_is_revealed_is_in_the_audit_before_it_is_shown) {
    Shop shop;
    shop.sign_in(kOperator, "Zoé");
    const std::string id = shop.write(kClient, "Secret words");
    const auto reveal = [&](const std::string& what) {
        return shop.post("/ops/api/reveal",
                         fmt::format(R"({{"kind":"message_out","id":"{}","what":"{}","why":"a )"
                                     R"(complaint"}})",
                                     id, what));
    };
    BOOST_TEST(text_of(reveal("number").body, "value") == kClient);
    const RawReply body = reveal("body");
    BOOST_TEST(text_of(body.body, "value") == "Secret words");
    const std::vector<std::string> rows = shop.db.query_rows(
        "SELECT entity_id, payload ->> 'by', payload ->> 'reason', payload ->> 'what' FROM "
        "event_log WHERE event_type = 'message_revealed' ORDER BY created_at, id");
    BOOST_TEST(rows == (std::vector{id + "|console: Zoé|a complaint|number",
                                    id + "|console: Zoé|a complaint|body"}),
               boost::test_tools::per_element());
    BOOST_TEST(shop.db.count(fmt::format("SELECT count(*) FROM event_log WHERE id = '{}'",
                                         text_of(body.body, "audit_id"))) == 1);
    BOOST_TEST(reveal("raw").status == 400);
    BOOST_TEST(shop.post("/ops/api/reveal", R"({"kind":"message_in","id":"nothing","what":"body",)"
                                            R"("why":"x"})")
                   .status == 404);

    // Where the audit cannot be written, nothing is shown.
    pg::Connection blocker = shop.db.connect();
    blocker.exec_script("BEGIN; LOCK TABLE event_log IN SHARE MODE");
    const RawReply blocked = reveal("body");
    BOOST_TEST(blocked.status == 503);
    BOOST_TEST(!has(blocked.body, "Secret"));
    blocker.exec_script("ROLLBACK");
    BOOST_TEST(shop.db.count("SELECT count(*) FROM event_log WHERE event_type = "
                             "'message_revealed'") == 2);
    BOOST_TEST(!has(shop.process->output(), "Secret words"));
}

BOOST_AUTO_TEST_CASE(dead_letters_are_retried_by_group_and_sent) {
    Shop shop;
    shop.sign_in(kOperator, "Zoé");
    for (const char* to : {"+33600000201", "+33600000202", "+33600000203"}) {
        const char* rule = R"({{"to": "{}", "status": 400, "code": {}, "times": 1}})";
        const int code = std::string_view{to}.ends_with('3') ? 63024 : 21211;
        shop.twilio.script().add((*sim::read_rules(fmt::format(fmt::runtime(rule), to, code)))[0]);
        shop.give_up(to);
    }
    const std::string list = shop.ask("DeadLetters", "/ops/api/dead-letters");
    const std::string reason =
        shop.db.query_value("SELECT reason FROM ops.dead_letters WHERE code = 21211 LIMIT 1");
    const std::string filter = fmt::format(R"("filter":{{"job_type":"message_out","reason":{}}})",
                                           twilio::json_string(reason));
    BOOST_TEST(has(shop.ask("DeadLetters", "/ops/api/dead-letters?reason=" + encoded(reason)),
                   R"("code": 21211)"));
    const std::string preview =
        shop.act("Settled", "/ops/api/dead-letters/preview", R"({"act":"retry",)" + filter + "}");
    BOOST_TEST(has(preview, R"("chosen": 2)"), preview);
    BOOST_TEST(has(preview, "would be sent again"));
    BOOST_TEST(shop.db.count("SELECT count(*) FROM ops.dead_letters") == 3);

    const std::string done = shop.act("Settled", "/ops/api/dead-letters/retry",
                                      R"({"why":"numbers are right now",)" + filter + "}");
    BOOST_TEST(has(done, R"("done": 2)"), done);
    BOOST_TEST(shop.is_true("count(*) = 2 FROM messages_out WHERE status = 'sent'"));
    BOOST_TEST(shop.db.count("SELECT count(*) FROM ops.dead_letters") == 1);
    BOOST_TEST(shop.db.count("SELECT count(*) FROM event_log WHERE event_type = "
                             "'dead_letter_retried' AND payload ->> 'by' = 'console: Zoé'") == 2);

    const std::string rest = shop.act("Settled", "/ops/api/dead-letters/discard",
                                      R"({"why":"no use","filter":{"everything":true}})");
    BOOST_TEST(has(rest, R"("done": 1)"), rest);
    BOOST_TEST(shop.db.count("SELECT count(*) FROM ops.dead_letters") == 0);
}

BOOST_AUTO_TEST_CASE(a_paused_tenant_waits_until_it_is_resumed) {
    Shop shop;
    shop.sign_in(kOperator);
    const std::string scope =
        fmt::format(R"({{"scope":"tenant","id":"{}","why":"holiday"}})", shop.tenant);
    shop.act("Done", "/ops/api/pause", scope);
    const std::string id = shop.write(kClient);
    BOOST_TEST(eventually([&] {
        return has(shop.get("/ops/api/overview").body, R"("code": "paused_some")") ||
               has(shop.get("/ops/api/overview").body, R"("code": "messages_late")");
    }));
    BOOST_TEST(shop.db.query_value(fmt::format("SELECT status FROM messages_out WHERE id = '{}'",
                                               id)) == "pending");
    BOOST_TEST(has(text_of(shop.ask("Trace", "/ops/api/trace?id=" + id), "sentence"), "holiday"));
    shop.act("Done", "/ops/api/resume", scope);
    BOOST_TEST(shop.is_true(fmt::format("status = 'sent' FROM messages_out WHERE id = '{}'", id)));
    const std::string canceled = shop.db.query_value(fmt::format(
        "INSERT INTO messages_out (tenant_id, \"to\", body, send_at) VALUES ('{}', '{}', 'Later', "
        "now() + interval '1 hour') RETURNING id",
        shop.tenant, kClient));
    shop.act("Done", "/ops/api/cancel", fmt::format(R"({{"id":"{}","why":"no"}})", canceled));
    BOOST_TEST(shop.db.query_value(fmt::format("SELECT status FROM messages_out WHERE id = '{}'",
                                               canceled)) == "canceled");
}

BOOST_AUTO_TEST_CASE(viewers_are_told_of_a_change_by_one_read_for_all) {
    Shop shop;
    shop.sign_in(kOperator);
    std::vector<std::unique_ptr<RawHttp>> viewers;
    for (int i = 0; i < 20; ++i) {
        viewers.push_back(std::make_unique<RawHttp>(shop.port));
        viewers.back()->send(fmt::format(
            "GET /ops/api/live HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", shop.cookie));
        const std::string head = viewers.back()->until("\r\n\r\n");
        BOOST_TEST(has(head, "200 OK"));
        BOOST_TEST(has(head, "Content-Type: text/event-stream"));
    }
    const auto event = [](RawHttp& viewer) {
        const std::string text = viewer.until("\n\n");
        return text.starts_with("retry: ") ? viewer.until("\n\n") : text;
    };
    std::map<std::string, int> read_at;
    for (const auto& viewer : viewers) {
        const std::string text = event(*viewer);
        BOOST_REQUIRE(text.starts_with("event: overview\ndata: {"));
        const std::string json = text.substr(text.find('{'));
        shop.like("Overview", json);
        ++read_at[text_of(json, "as_of")];
    }
    // Those who were there when it was read have the same one; who came later has the next.
    BOOST_TEST(read_at.size() < viewers.size());
    // A pooler gives the server's connections to whoever asks next, and their names with them.
    if (test_pooler() == nullptr) BOOST_TEST(shop.connections() == 1);
    shop.act("Done", "/ops/api/pause", R"({"scope":"all","why":"test"})");
    std::set<std::string> told_at;
    for (const auto& viewer : viewers) {
        std::string text;
        for (int i = 0; i < 60 && !has(text, R"("code": "paused_all")"); ++i) text = event(*viewer);
        BOOST_REQUIRE(has(text, R"("code": "paused_all")"));
        told_at.insert(text_of(text.substr(text.find('{')), "as_of"));
    }
    // All were there: one read told all of them, unless this machine was slow for a second.
    BOOST_TEST(told_at.size() <= 2u);
    // The service ends although they listen.
    shop.process->signal(SIGTERM);
    BOOST_TEST(shop.process->wait() == 0);
}

BOOST_AUTO_TEST_CASE(an_act_does_not_wait_for_what_others_look_at) {
    Shop shop;
    shop.sign_in(kOperator);
    BOOST_TEST(shop.get("/ops/api/abnormal").status == 200);
    pg::Connection blocker = shop.db.connect();
    blocker.exec_script("BEGIN; LOCK TABLE messages_in IN ACCESS EXCLUSIVE MODE");
    std::vector<std::unique_ptr<RawHttp>> films;
    for (int i = 0; i < 70; ++i) {
        films.push_back(std::make_unique<RawHttp>(shop.port));
        films.back()->send(fmt::format(
            "GET /ops/api/trace?id=m{} HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", i, shop.cookie));
    }
    // Each of these takes 2 s until it is given up; one of them is under way.
    const RawReply pause = shop.post("/ops/api/pause", R"({"scope":"all","why":"test"})");
    BOOST_TEST(pause.status == 200);
    BOOST_TEST(pause.took.count() < 4'000);
    blocker.exec_script("ROLLBACK");
    BOOST_TEST(shop.db.count("SELECT count(*) FROM outbox_pauses") == 1);
}

// A misspelt or empty condition would mean more than was meant.
BOOST_AUTO_TEST_CASE(a_filter_of_an_act_is_taken_word_for_word_or_refused) {
    Shop shop;
    shop.sign_in(kOperator);
    shop.db.exec(
        "INSERT INTO dead_letter_jobs (id, job_type, payload, error_message) VALUES ('d1', "
        "'message_out', '{}', 'r1'), ('d2', 'message_out', '{}', NULL)");
    for (const char* filter :
         {R"({"job_type":"message_out","tenant":""})", R"({"job_type":"message_out","reasn":"r1"})",
          R"({"job_type":"message_out","since":" "})",
          R"({"job_type":"message_out","until":null})"}) {
        const RawReply reply =
            shop.post("/ops/api/dead-letters/discard",
                      fmt::format(R"({{"act":"discard","filter":{},"why":"test"}})", filter));
        BOOST_TEST(reply.status == 400, filter);
    }
    BOOST_TEST(shop.db.count("SELECT count(*) FROM ops.dead_letters") == 2);

    // What can be copied means just these too.
    const auto sql_of = [&](const std::string& choice) {
        return text_of(shop.act("Settled", "/ops/api/dead-letters/preview",
                                R"({"act":"discard",)" + choice + "}"),
                       "sql");
    };
    const std::string of_none = sql_of(R"("filter":{"job_type":"message_out","reason":""})");
    BOOST_TEST(sql_of(R"("ids":[])") == "");
    shop.db.exec(of_none);
    BOOST_TEST(shop.db.query_value("SELECT string_agg(id, ',') FROM ops.dead_letters") == "d1");
}

// Ids are whatever a shop writes; they are pasted into terminals.
BOOST_AUTO_TEST_CASE(a_hostile_id_is_one_word_of_what_can_be_copied) {
    Shop shop;
    shop.sign_in(kOperator);
    const std::string id = "it's\x1b[201~\n\\! id\n\u202e";
    pg::Connection connection = shop.db.connect();
    // inline SQL: a fixture with parameters
    constexpr pg::Statement kAdd{
        "test.add",
        "INSERT INTO messages_out (id, tenant_id, \"to\", body) VALUES ($1::text, $2::text, "
        "'+33698765432', 'x')"};
    connection.exec(kAdd, pg::Params{id, shop.tenant});
    const std::string film = shop.ask("Trace", "/ops/api/trace?id=" + encoded(id));
    const std::string sql = text_of(film, "sql");
    const std::string command = text_of(film, "command");
    for (const std::string& text : {sql, command}) {
        for (const char* hidden : {"\x1b", "\n", "\u202e"}) BOOST_TEST(!has(text, hidden), text);
    }
    BOOST_TEST(has(shop.db.query_value(sql.substr(0, 7) + "count(*) > 0" + sql.substr(8)), "t"));
    BOOST_TEST(text_of(shop.ask("Trace", "/ops/api/trace?id=--all"), "command") ==
               "pgcourier trace -- '--all'");
    BOOST_TEST(text_of(shop.ask("LogPage", "/ops/api/log?tenant=--all"), "command") ==
               "pgcourier events --tenant='--all'");
}

// As every database has it that PostgreSQL 14 or older made.
BOOST_AUTO_TEST_CASE(it_looks_where_everybody_may_create_functions_too) {
    Shop shop;
    shop.db.exec("GRANT CREATE ON SCHEMA public TO PUBLIC; SELECT ops.grant_roles()");
    shop.sign_in(kViewer);
    const std::string id = shop.write(kClient);
    for (const std::string& path : ConsoleService::gets(id))
        BOOST_TEST(shop.get(path).status == 200, path);
}

BOOST_AUTO_TEST_CASE(an_opt_out_is_in_the_audit_with_the_person_masked_and_only_when_it_changed) {
    Shop shop;
    shop.sign_in(kOperator, "Zoé");
    const std::string body = R"({{"act":"{}","tenant":"{}","person":"{}","why":"asked"}})";
    const auto say = [&](const char* act, const char* person) {
        return shop.post("/ops/api/opt-outs",
                         fmt::format(fmt::runtime(body), act, shop.tenant, person));
    };
    BOOST_TEST(say("add", "0698765432").status == 400);
    BOOST_TEST(say("add", kClient).status == 200);
    BOOST_TEST(shop.db.query_value("SELECT entity_id FROM event_log WHERE event_type = "
                                   "'opt_out_recorded'") == "+336…32");
    shop.db.exec(
        "UPDATE opt_out_history SET occurred_at = now() + interval '1 hour'; "
        "UPDATE opt_outs SET opted_out_at = (now() AT TIME ZONE 'UTC') + interval '1 hour'");
    const RawReply late = say("remove", kClient);
    BOOST_TEST(late.status == 200);
    BOOST_TEST(has(late.body, "later time"), late.body);
    BOOST_TEST(shop.db.count("SELECT count(*) FROM event_log WHERE event_type = "
                             "'opt_out_revoked'") == 0);
}

BOOST_AUTO_TEST_CASE(at_the_public_address_the_cookie_is_for_https_only) {
    ConsoleService service{{{"WEBHOOK_PUBLIC_URL", "https://ops.example"}}};
    const auto cookie = [&](const char* host) {
        return RawHttp{service.port}
            .exchange(fmt::format("POST /ops/sign-in HTTP/1.1\r\nHost: {}\r\nContent-Type: "
                                  "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n"
                                  "token={}",
                                  host, std::string_view{kOperator}.size() + 6, kOperator))
            .field("Set-Cookie");
    };
    BOOST_TEST(has(cookie("Ops.example"), "; Secure"));
    BOOST_TEST(!has(cookie("127.0.0.1"), "Secure"));
}

BOOST_AUTO_TEST_CASE(the_oldest_due_message_has_its_hour_too) {
    Shop shop;
    shop.sign_in(kViewer);
    // Late for ten minutes, sent five minutes ago: nothing but these rows tells of it.
    shop.db.exec(
        "INSERT INTO outbox_waits (minute, due_at, looked_at) SELECT date_trunc('minute', now()) - "
        "interval '5 min', date_trunc('minute', now()) - interval '15 min', date_trunc('minute', "
        "now()) - interval '5 min' + interval '30 s'");
    BOOST_TEST(shop.db.query_value(
                   "SELECT string_agg(oldest_due_seconds::text, ' ' ORDER BY minute) FROM "
                   "ops.throughput WHERE minute >= date_trunc('minute', now() AT TIME ZONE 'UTC') "
                   "- interval '16 min' AND minute < date_trunc('minute', now() AT TIME ZONE "
                   "'UTC') - interval '3 min'") ==
               "0.0 60.0 120.0 180.0 240.0 300.0 360.0 420.0 480.0 540.0 600.0 630.0 0.0");
    shop.ask("Overview", "/ops/api/overview");
}

BOOST_AUTO_TEST_CASE(a_database_that_is_slow_or_away_is_said_so_and_webhooks_go_on) {
    Shop shop;
    shop.sign_in(kOperator);
    BOOST_TEST(shop.get("/ops/api/abnormal").status == 200);
    pg::Connection blocker = shop.db.connect();
    blocker.exec_script("BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE");
    // More than the desk takes: the rest is told so at once, and all are answered.
    std::vector<std::unique_ptr<RawHttp>> askers;
    for (int i = 0; i < 100; ++i) {
        askers.push_back(std::make_unique<RawHttp>(shop.port));
        askers.back()->send(
            fmt::format("GET /ops/api/tenants?id=t{} HTTP/1.1\r\nHost: x\r\nCookie: {}\r\n\r\n", i,
                        shop.cookie));
    }
    BOOST_TEST(shop.get("/healthz").status == 200);
    shop.receive(1, kClient, kShop, "Bonjour");
    int busy = 0;
    for (const auto& asker : askers) {
        const RawReply reply = asker->reply();
        BOOST_TEST(reply.status == 503);
        BOOST_TEST(reply.field("Retry-After") == "2");
        busy += has(reply.body, R"("code":"busy")");
    }
    BOOST_TEST(busy >= 100 - 64 - 2);
    const RawReply slow = shop.get("/ops/api/tenants");
    BOOST_TEST(slow.status == 503);
    BOOST_TEST(has(slow.body, R"("code":"too_slow")"), slow.body);
    blocker.exec_script("ROLLBACK");
    BOOST_TEST(eventually([&] { return shop.get("/ops/api/tenants").status == 200; }));

    shop.server_exec(fmt::format("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS false", shop.db.name()));
    // All of the program's: a pooler would give the console another one.
    shop.server_exec(
        fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' "
                    "AND application_name LIKE 'pgcourier/%' AND application_name NOT LIKE "
                    "'pgcourier/test%'",
                    shop.db.name()));
    BOOST_TEST(eventually([&] {
        return has(shop.get("/ops/api/tenants?limit=3").body, R"("code":"database_away")");
    }));
    shop.server_exec(fmt::format("ALTER DATABASE \"{}\" ALLOW_CONNECTIONS true", shop.db.name()));
    // PgBouncer waits for 15 s before it tries again.
    BOOST_TEST(eventually([&] { return shop.get("/ops/api/tenants").status == 200; }, 60s));
}

}  // namespace pgcourier
