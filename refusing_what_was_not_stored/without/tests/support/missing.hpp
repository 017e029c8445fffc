#pragma once
// A shop, Twilio, and messages that no webhook brought, for the suites of backfill.

#include "backfill/worker.hpp"
#include "router/worker.hpp"
#include "sim/simulator.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/process.hpp"
#include "support/routing.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace pgcourier::test {

inline constexpr const char* kMissedShop = "+33700000001";
inline constexpr const char* kOtherShop = "+33700000002";
inline constexpr const char* kMissedClient = "+33698765432";
// For machines that are busy with other tests.
inline constexpr std::chrono::minutes kLong{3};

inline const backfill::Receiving kOutage{.silence = std::chrono::seconds{10},
                                         .retention = std::chrono::days{30}};

struct Missing {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::string tenant = db.add_tenant("Shop", kMissedShop);

    Missing() { BOOST_REQUIRE(twilio.start()); }

    WallTime ago(std::chrono::milliseconds time) const { return system_clock().now() - time; }

    /// A message that no webhook brought. returns its sid
    std::string miss(std::chrono::milliseconds time_ago, const std::string& body = "Bonjour",
                     const std::string& from = kMissedClient, std::vector<sim::Media> media = {},
                     const std::string& to = kMissedShop) {
        const auto result = twilio.inbound({.from = from,
                                            .to = to,
                                            .body = body,
                                            .media = std::move(media),
                                            .more = {},
                                            .sid = {},
                                            .sent_at = ago(time_ago),
                                            .is_posted = false});
        BOOST_REQUIRE(result);
        return result->sid;
    }
    /// As if its webhook had come.
    void deliver(const std::string& sid, const std::string& body = "Bonjour",
                 const std::string& received_at = "now") const {
        receive(db,
                twilio::encode_form({{"MessageSid", sid},
                                     {"From", std::string{"whatsapp:"} + kMissedClient},
                                     {"To", std::string{"whatsapp:"} + kMissedShop},
                                     {"Body", body},
                                     {"ProfileName", "Zoé"}}),
                "", received_at);
    }
    void nobody_received_for(const std::string& interval) const {
        db.exec("INSERT INTO receiving (last_receiving_at) VALUES (now() - interval '" + interval +
                "') ON CONFLICT (is_only) DO UPDATE SET last_receiving_at = "
                "excluded.last_receiving_at");
    }
    /// The gap that a receiving process finds when it comes back. returns its id
    std::string gap(const std::string& interval) const {
        nobody_received_for(interval);
        pg::Connection connection = db.connect();
        BOOST_REQUIRE(backfill::say_receiving(connection, kOutage).has_value());
        return db.query_value("SELECT max(id) FROM backfills");
    }
    backfill::Settings settings() const {
        backfill::Settings s;
        s.provider = {.base_url = twilio.base_url(),
                      .account_sid = twilio.options().account_sid,
                      .user = twilio.options().account_sid,
                      .password = twilio.options().auth_token};
        s.default_number = kMissedShop;
        s.instance_id = "test";
        s.calls.interval = std::chrono::milliseconds{0};
        s.calls.tries = 2;
        s.calls.first_pause = std::chrono::milliseconds{5};
        return s;
    }
    /// As settings(), for calls that hang.
    backfill::Settings patient() const {
        backfill::Settings s = settings();
        s.provider.timeout = kLong;
        return s;
    }
    void hang_lists_to(const std::string& number) {
        twilio.script().add({.call = sim::ApiCall::list,
                             .to = number,
                             .then = {.answer = sim::Answer::hang, .delay = 2 * kLong}});
    }
    /// One look of a worker, with a router beside it as in a service.
    bool fill() const { return fill(settings()); }
    bool fill(const backfill::Settings& with) const {
        Wake router_wake;
        router::Worker router{db.options("router"), router_wake, {}, system_clock(), 1};
        const std::jthread routing{[&](const std::stop_token& stop) {
            Wake sleep;
            while (!stop.stop_requested()) {
                if (router.run_once() == 0) sleep.wait_for(stop, std::chrono::milliseconds{10});
            }
        }};
        Wake wake;
        backfill::Worker worker{db.options("backfill"), with, wake, system_clock(), 1};
        const bool was_due = worker.run_once();
        BOOST_REQUIRE(
            eventually([&] { return db.count("SELECT count(*) FROM webhook_queue") == 0; }, kLong));
        return was_due;
    }
    Variables variables() const {
        Variables all = service_variables(db.url(), free_port(), twilio.base_url());
        all["OUTBOX_POLL_INTERVAL_MS"] = "200";
        return all;
    }
    std::int64_t messages() const { return db.count("SELECT count(*) FROM messages_in"); }
    std::size_t calls(const std::string& kind) {
        return twilio.ledger().count([&](const sim::LedgerEntry& e) { return e.kind == kind; });
    }
    bool is_opted_out(const std::string& person) const {
        return db.count("SELECT count(*) FROM opt_outs WHERE phone_number = '" + person + "'") == 1;
    }
};

/// A worker beside the test, with a router or without; told to stop at the end.
class Filling {
  public:
    Filling(const Missing& system, backfill::Settings settings, bool with_router = true)
        : worker_{system.db.options("backfill"), std::move(settings), wake_, system_clock(), 1},
          router_{system.db.options("router"), router_wake_, {}, system_clock(), 1},
          filling_{[this](const std::stop_token& stop) { worker_.run(stop); }} {
        if (!with_router) return;
        routing_ = std::jthread{[this](const std::stop_token& stop) {
            Wake sleep;
            while (!stop.stop_requested()) {
                if (router_.run_once() == 0) sleep.wait_for(stop, std::chrono::milliseconds{10});
            }
        }};
    }

  private:
    Wake wake_;
    Wake router_wake_;
    backfill::Worker worker_;
    router::Worker router_;
    std::jthread filling_;
    std::jthread routing_;
};

inline sim::Media picture(int number) {
    return {.sid = {},
            .url = fmt::format("https://media.example.test/{}.jpg", number),
            .content_type = "image/jpeg"};
}

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace pgcourier::test
