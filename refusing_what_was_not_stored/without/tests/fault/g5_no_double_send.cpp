// links: outbox sim
#include "support/sending.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace pgcourier;
using namespace std::chrono_literals;
using test::eventually;
using test::Sending;

namespace {

constexpr const char* kAnna = "+33612345678";

// A sender in a process of its own. Forked before this process has any thread; waits for a line
// that says where the provider is.
class Child {
  public:
    explicit Child(const test::TestDatabase& db) {
        BOOST_REQUIRE(pipe(pipe_) == 0);
        pid_ = fork();
        BOOST_REQUIRE(pid_ >= 0);
        if (pid_ == 0) run(db);
        close(pipe_[0]);
    }
    ~Child() {
        kill();
        close(pipe_[1]);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void go(const outbox::SenderSettings& settings) const {
        const std::string line = settings.provider.base_url;
        BOOST_REQUIRE(write(pipe_[1], line.data(), line.size()) ==
                      static_cast<ssize_t>(line.size()));
    }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }

  private:
    [[noreturn]] void run(const test::TestDatabase& db) const {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char line[256];
        const ssize_t size = read(pipe_[0], line, sizeof line);
        if (size <= 0) _exit(1);
        const sim::SimulatorOptions account;
        outbox::SenderSettings settings;
        settings.provider = {.base_url = std::string{line, static_cast<std::size_t>(size)},
                             .account_sid = account.account_sid,
                             .user = account.account_sid,
                             .password = account.auth_token};
        settings.instance_id = "child";
        Wake wake;
        outbox::Sender sender{db.options("child"), settings, wake, system_clock(), 1};
        sender.run({});
        _exit(0);
    }

    int pipe_[2] = {-1, -1};
    pid_t pid_ = -1;
};

}  // namespace

// Fails without its protection: without/sweeping_to_unknown.patch.
BOOST_AUTO_TEST_CASE(
    a_sender_killed_while_its_call_is_out_leaves_an_unknown_message_that_is_never_sent_again) {
    test::TestDatabase db;
    Child child{db};
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    BOOST_REQUIRE(twilio.start());
    twilio.script().add({.then = {.delay = 60s}});  // taken at once, answered never
    const std::string shop = db.add_tenant("shop", test::kShopNumber);
    const auto add = [&](const std::string& body) {
        return db.query_value(fmt::format(
            R"(INSERT INTO messages_out (tenant_id, "to", body) VALUES ('{}', '{}', '{}') RETURNING id)",
            shop, kAnna, body));
    };
    const std::string id = add("once");
    const std::string next = add("waits");
    outbox::SenderSettings settings;
    settings.provider = {.base_url = twilio.base_url(),
                         .account_sid = twilio.options().account_sid,
                         .user = twilio.options().account_sid,
                         .password = twilio.options().auth_token};
    settings.instance_id = "heir";
    child.go(settings);
    BOOST_REQUIRE(eventually([&] { return twilio.ledger().accepted_to(kAnna) == 1; }));
    child.kill();  // the fault: Twilio has the message, nobody has the answer
    BOOST_REQUIRE(db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'") ==
                  "sending");
    BOOST_REQUIRE(db.count("SELECT count(*) FROM outbox_leases WHERE instance_id = 'child'") == 1);

    twilio.script().clear();
    Wake wake;
    outbox::Sender heir{db.options(), settings, wake, system_clock(), 1};
    auto connection = db.connect();
    BOOST_TEST(heir.run_once() == 0);
    BOOST_TEST(outbox::sweep(connection) == 0);
    db.exec("UPDATE outbox_leases SET expires_at = now()");  // its 30 s have passed
    BOOST_TEST(outbox::sweep(connection) == 1);
    for (int i = 0; i < 5; ++i) BOOST_TEST(heir.run_once() == 0);
    BOOST_TEST(db.query_value("SELECT status FROM messages_out WHERE id = '" + id + "'") ==
               "unknown");
    BOOST_TEST(db.query_value("SELECT status FROM messages_out WHERE id = '" + next + "'") ==
               "pending");
    BOOST_TEST(twilio.ledger().attempts_to(kAnna) == 1);
}

BOOST_AUTO_TEST_CASE(
    a_sender_killed_at_random_under_load_sends_nothing_twice_and_leaves_nothing_sending) {
    std::mt19937 random{20261125};
    for (int round = 0; round < 5; ++round) {
        test::TestDatabase db;
        Child first{db};
        sim::Simulator twilio{{.progress = {.callbacks = false}, .latency = 5ms}};
        BOOST_REQUIRE(twilio.start());
        const std::string shop = db.add_tenant("shop", test::kShopNumber);
        db.exec("INSERT INTO messages_out (tenant_id, \"to\", body) SELECT '" + shop +
                "', '+33600000' || lpad((g % 250)::text, 3, '0'), 'n' || g FROM generate_series(1, "
                "1000) AS g");
        outbox::SenderSettings settings;
        settings.provider = {.base_url = twilio.base_url(),
                             .account_sid = twilio.options().account_sid,
                             .user = twilio.options().account_sid,
                             .password = twilio.options().auth_token};
        settings.instance_id = "heir";
        first.go(settings);
        BOOST_REQUIRE(eventually([&] { return twilio.ledger().accepted() > 50; }));
        std::this_thread::sleep_for(std::chrono::milliseconds{random() % 60});
        first.kill();
        // What it had sent to the database may still be under way there.
        BOOST_REQUIRE(eventually([&] {
            return db.count(
                       "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                       "'pgcourier/child' AND datname = current_database()") == 0;
        }));
        BOOST_TEST_MESSAGE("killed after " << twilio.ledger().accepted() << " messages");
        BOOST_REQUIRE(
            db.count("SELECT count(*) FROM messages_out WHERE status IN ('pending', 'sending')") >
            0);

        db.exec("UPDATE outbox_leases SET expires_at = now()");
        auto connection = db.connect();
        outbox::sweep(connection);
        {
            test::RunningSender heir{db.options(), settings};
            BOOST_TEST(eventually(
                [&] {
                    return db.count(
                               "SELECT count(*) FROM outbox_leases WHERE unknown_since IS NULL") ==
                               0 &&
                           db.count(
                               "SELECT count(*) FROM outbox_queue AS q WHERE NOT EXISTS (SELECT "
                               "FROM outbox_leases "
                               "AS l WHERE l.recipient = q.recipient)") == 0;
                },
                30s));
        }
        BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sending'") == 0);
        std::map<std::string, int> bodies;
        for (const auto& e : twilio.ledger().entries()) {
            if (e.accepted) ++bodies[e.body];
        }
        for (const auto& [body, times] : bodies)
            BOOST_TEST(times == 1, body << " was sent " << times << " times");
        // Sent, unknown, or waiting behind an unknown one: nothing is lost.
        BOOST_TEST(db.count("SELECT count(*) FROM messages_out WHERE status = 'sent'") +
                       db.count("SELECT count(*) FROM messages_out WHERE status = 'unknown'") +
                       db.count("SELECT count(*) FROM outbox_queue") ==
                   1000);
    }
}
