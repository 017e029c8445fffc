// The command line on a terminal: its width, its colours, what it asks, what it draws anew.
#include "cli/text.hpp"
#include "support/eventually.hpp"
#include "support/terminal.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <signal.h>

namespace pgcourier {
namespace {

using namespace test;

struct Cli {
    TestDatabase db;
    std::string tenant = db.add_tenant("Shop", "+33700000001");

    Variables variables(Variables further = {}) const {
        further.emplace("DATABASE_URL", db.url().reveal());
        return further;
    }
    void give_up(int count) const {
        db.exec(fmt::format(
            "INSERT INTO messages_out (id, tenant_id, \"to\", body, status) SELECT 'm' || g, "
            "'{0}', "
            "'+33612345678', 'x', 'dead' FROM generate_series(1, {1}) AS g;"
            "INSERT INTO dead_letter_jobs (id, tenant_id, job_type, payload, error_message) SELECT "
            "'l' || g, '{0}', 'message_out', jsonb_build_object('message_out_id', 'm' || g), "
            "repeat('a long reason ', 20) FROM generate_series(1, {1}) AS g",
            tenant, count));
    }
    std::int64_t unresolved() const {
        return db.count("SELECT count(*) FROM dead_letter_jobs WHERE resolved_at IS NULL");
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// How often it stands there.
int count_of(const std::string& part, const std::string& text) {
    int count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(tables_are_cut_to_the_width_of_the_terminal_and_of_nothing_else, Cli) {
    give_up(2);
    constexpr int kColumns = 180;
    OnTerminal terminal{{"dlq", "list"}, variables(), kColumns};
    BOOST_TEST(terminal.wait() == 0);
    BOOST_TEST(has(terminal.output(), "…"));
    for (const std::string& line : plain_lines(terminal.output()))
        BOOST_TEST(cli::width_of(line) <= std::size_t{kColumns}, line);

    // Where ids would be cut there are records, with all that is needed next.
    OnTerminal narrow{{"dlq", "list"}, variables(), 80};
    BOOST_TEST(narrow.wait() == 0);
    const std::vector<std::string> lines = plain_lines(narrow.output());
    const auto stands = [&lines](const std::string& line) {
        return std::find(lines.begin(), lines.end(), line) != lines.end();
    };
    for (const char* line : {"id          l1", "id          l2"}) BOOST_TEST(stands(line));
    BOOST_TEST(stands("tenant_id   " + tenant), narrow.output());
    BOOST_TEST(!has(narrow.output(), "…"));
    const Ran ran = run_program({"dlq", "list"}, variables());
    BOOST_TEST(!has(ran.output, "…"));
    BOOST_TEST(has(ran.output, "a long reason a long reason a long reason a long reason"));
}

BOOST_FIXTURE_TEST_CASE(colours_are_for_terminals_that_want_them, Cli) {
    const auto has_colours = [&](const Variables& further) {
        OnTerminal terminal{{"status"}, variables(further)};
        terminal.wait();
        return has(terminal.output(), "\033[");
    };
    BOOST_TEST(has_colours({}));
    BOOST_TEST(!has_colours({{"NO_COLOR", "1"}}));
    BOOST_TEST(has_colours({{"NO_COLOR", ""}}));
    BOOST_TEST(!has_colours({{"TERM", "dumb"}}));
    BOOST_TEST(!has(run_program({"status"}, variables({{"TERM", "xterm"}})).output, "\033["));
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_taken_back_is_asked_on_a_terminal_only, Cli) {
    give_up(3);
    const std::vector<std::string> discard{"dlq", "discard", "--all"};
    for (const char* answer : {"n\n", "\n", "\x04"}) {
        OnTerminal refused{discard, variables()};
        BOOST_REQUIRE(refused.wait_for_output("Discard 3 dead letters? [y/N]"));
        refused.type(answer);
        BOOST_TEST(refused.wait() == 1);
        BOOST_TEST(has(refused.output(), "nothing was done"));
        BOOST_TEST(unresolved() == 3);
    }
    OnTerminal agreed{discard, variables()};
    BOOST_REQUIRE(agreed.wait_for_output("[y/N]"));
    agreed.type("y\n");
    BOOST_TEST(agreed.wait() == 0);
    BOOST_TEST(unresolved() == 0);

    OnTerminal sure{{"erase", "--phone", "+33612345678", "--yes"}, variables()};
    BOOST_TEST(sure.wait() == 0);
    BOOST_TEST(!has(sure.output(), "[y/N]"));
    OnTerminal erase{{"erase", "--phone", "+33612345678"}, variables()};
    BOOST_REQUIRE(erase.wait_for_output("Erase +336…78 everywhere?"));
    erase.type("n\n");
    BOOST_TEST(erase.wait() == 1);
    OnTerminal dry{{"prune", "--dry-run"}, variables()};
    BOOST_TEST(dry.wait() == 0);
    BOOST_TEST(!has(dry.output(), "[y/N]"));

    const Ran prune = run_program({"prune"}, variables());
    BOOST_TEST(prune.exit_code == 0);
    BOOST_TEST(!has(prune.output, "[y/N]"));
}

BOOST_FIXTURE_TEST_CASE(status_is_drawn_anew_in_its_place, Cli) {
    OnTerminal terminal{{"status", "--watch", "0.2"}, variables(), 70, 10};
    BOOST_REQUIRE(terminal.wait_for_output("All is well."));
    give_up(1);
    BOOST_REQUIRE(terminal.wait_for_output("Warning: unresolved dead letters 1."));
    std::string pages_apart = terminal.output();
    for (std::size_t at = 0; (at = pages_apart.find("\033[H", at)) != std::string::npos; at += 4)
        pages_apart.insert(at, 1, '\n');
    for (const std::string& line : plain_lines(pages_apart))
        BOOST_TEST(cli::width_of(line) <= 70u, line);
    // No more lines than the window has, each time from the top.
    const std::string& output = terminal.output();
    const int pages = count_of("\033[H", output);
    BOOST_TEST(pages >= 2);
    BOOST_TEST(count_of("\n", output) <= 9 * pages);
    terminal.type("q");
    BOOST_TEST(terminal.wait() == 3);
    // The cursor and the screen that was there before are back.
    BOOST_TEST(terminal.output().ends_with("\033[?25h\033[?1049l"));
}

BOOST_FIXTURE_TEST_CASE(status_stands_below_the_one_before_where_nothing_can_be_drawn, Cli) {
    Process watching{{"status", "--watch", "0.1"}, variables()};
    BOOST_REQUIRE(eventually([&] { return count_of("All is well.", watching.output()) > 2; },
                             std::chrono::seconds{30}));
    watching.signal(SIGTERM);
    BOOST_TEST(watching.wait() == 0);
    BOOST_TEST(!has(watching.output(), "\033"));
}

BOOST_FIXTURE_TEST_CASE(top_is_drawn_anew_until_a_key_or_a_signal_ends_it, Cli) {
    const std::vector<std::pair<std::string, int>> ends{
        {"q", 0}, {"\x03", 0}, {"", SIGTERM}, {"", SIGHUP}};
    for (const auto& [key, number] : ends) {
        OnTerminal terminal{{"top"}, variables(), 90, 40};
        BOOST_REQUIRE(terminal.wait_for_output("webhook-processing"));
        BOOST_REQUIRE(eventually([&] { return count_of("\033[H", terminal.output()) > 1; },
                                 std::chrono::seconds{30}));
        if (number == 0) {
            terminal.type(key);
        } else {
            terminal.signal(number);
        }
        BOOST_TEST(terminal.wait() == 0);
        for (const std::string& line : plain_lines(terminal.output()))
            BOOST_TEST(cli::width_of(line) <= 90u, line);
        BOOST_TEST(terminal.output().ends_with("\033[?25h\033[?1049l"));
    }
    OnTerminal once{{"top", "--once"}, variables()};
    BOOST_TEST(once.wait() == 0);
    BOOST_TEST(!has(once.output(), "\033[H"));
}

}  // namespace pgcourier
