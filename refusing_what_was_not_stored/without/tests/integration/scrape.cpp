// /metrics and the database behind it: when it is read, and what is answered when it cannot be.
// links: ops
#include "ops/scrape.hpp"

#include "http/server.hpp"
#include "support/fake_clock.hpp"
#include "support/free_port.hpp"
#include "support/scraped.hpp"
#include "support/test_database.hpp"
#include "support/webhook_sender.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <optional>

namespace pgcourier::ops {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr const char* kDepth = R"(pgcourier_queue_depth{queue="webhook-processing"})";

struct Asked {
    TestDatabase db;
    pg::Connection connection = db.connect();
    FakeClock clock;
    int asked = 0;
    Scrape scrape{*process_metrics(), [](Samples&) {}, [this] { ++asked; }, clock};
    http::Routes routes;

    Asked() { scrape.add_route(routes); }
    /// What is answered when the deadline of a scrape is over.
    std::string late() const { return routes.find("GET", "/metrics").route->late().body; }
    static double errors(const char* part) {
        return counter("pgcourier_scrape_errors_total", "", {{"part", part}}).Value();
    }
    /// Asks; the answer is there at once, or with a refresh.
    std::shared_ptr<std::optional<Scraped>> get() {
        auto answer = std::make_shared<std::optional<Scraped>>();
        routes.find("GET", "/metrics")
            .route->handler({}, http::Responder{[answer](std::optional<http::Response> response) {
                                answer->emplace(response.value().body);
                            }});
        return answer;
    }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(the_views_are_read_for_who_asks_and_hold_for_five_seconds, Asked) {
    db.exec("INSERT INTO webhook_queue (id) SELECT generate_series(1, 7)");
    scrape.refresh(connection);  // nobody asked
    const auto first = get();
    const auto beside = get();
    BOOST_TEST(!first->has_value());
    scrape.refresh(connection);
    BOOST_REQUIRE(first->has_value());
    BOOST_TEST((*first)->value(kDepth) == 7);
    BOOST_TEST((*beside)->value(kDepth) == 7);
    BOOST_TEST((*first)->value(R"(pgcourier_health_state{figure="events waiting"})") == 0);
    BOOST_TEST((*first)->value("pgcourier_database_up") == 1);

    asked = 0;
    db.exec("DELETE FROM webhook_queue");
    clock.advance(4900ms);
    const auto fresh = get();
    BOOST_REQUIRE(fresh->has_value());
    BOOST_TEST((*fresh)->value(kDepth) == 7);
    BOOST_TEST(asked == 0);

    clock.advance(200ms);
    const auto later = get();
    BOOST_TEST(asked == 1);
    scrape.refresh(connection);
    BOOST_TEST((*later)->value(kDepth) == 0);
}

BOOST_FIXTURE_TEST_CASE(without_the_database_who_waits_is_answered_and_nobody_waits_any_more,
                        Asked) {
    const auto first = get();
    scrape.database_answers(false);
    BOOST_REQUIRE(first->has_value());
    BOOST_TEST((*first)->value("pgcourier_database_up") == 0);
    BOOST_TEST(!(*first)->has(kDepth));
    const auto second = get();
    BOOST_REQUIRE(second->has_value());
    BOOST_TEST((*second)->value("pgcourier_database_up") == 0);
    scrape.database_answers(true);
    const auto third = get();
    scrape.refresh(connection);
    BOOST_TEST((*third)->value(kDepth) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_view_that_is_too_slow_costs_only_what_it_tells, Asked) {
    const double before = errors("health");
    db.exec(
        "CREATE OR REPLACE FUNCTION ops.unfinished_migrations() RETURNS text[] LANGUAGE sql "
        "VOLATILE AS 'SELECT ARRAY[]::text[] FROM pg_sleep(60)'");
    db.exec("INSERT INTO webhook_queue (id) SELECT generate_series(1, 7)");
    const auto answer = get();
    scrape.refresh(connection);
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST((*answer)->value("pgcourier_database_up") == 1);
    BOOST_TEST((*answer)->value(kDepth) == 7);
    BOOST_TEST((*answer)->has(R"(pgcourier_instances{state="running"})"));
    BOOST_TEST(!(*answer)->has(R"(pgcourier_health_state{figure="events waiting"})"));
    BOOST_TEST(errors("health") == before + 1);
}

BOOST_FIXTURE_TEST_CASE(a_scrape_that_waits_too_long_says_of_the_database_what_it_does, Asked) {
    scrape.database_answers(true);
    clock.advance(4s);
    BOOST_TEST(Scraped{late()}.value("pgcourier_database_up") == 1);
    clock.advance(2s);
    BOOST_TEST(Scraped{late()}.value("pgcourier_database_up") == 0);
}

BOOST_FIXTURE_TEST_CASE(views_that_cannot_be_read_cost_only_what_they_tell, Asked) {
    db.exec("ALTER VIEW ops.queue_depth RENAME COLUMN waiting TO other");
    const auto answer = get();
    scrape.refresh(connection);
    BOOST_REQUIRE(answer->has_value());
    BOOST_TEST((*answer)->value("pgcourier_database_up") == 1);
    BOOST_TEST(!(*answer)->has(kDepth));
}

BOOST_AUTO_TEST_CASE(a_database_that_hangs_holds_a_scrape_up_for_its_deadline_only) {
    Scrape scrape{*process_metrics(), [](Samples&) {}, [] {}, system_clock(), {.late = 200ms}};
    http::Routes routes;
    scrape.add_route(routes);
    http::Server server{{.host = "127.0.0.1", .port = 0}, std::move(routes)};
    BOOST_REQUIRE(server.start());
    const Scraped late = test::scrape(server.port());
    BOOST_TEST(late.value("pgcourier_database_up") == 0);
    BOOST_TEST(!late.has(kDepth));
}

}  // namespace pgcourier::ops
