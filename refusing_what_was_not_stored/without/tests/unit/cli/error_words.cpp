#include "cli/error_words.hpp"

#include "pg/statement_error.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::cli {

BOOST_AUTO_TEST_CASE(what_postgresql_said_and_advises_and_not_which_statement_it_was) {
    const pg::StatementError error{"P0001", "cli.pause", "no tenant has the id x",
                                   "SELECT id, name FROM ops.tenants"};
    BOOST_TEST(std::string{error.what()} == "cli.pause: no tenant has the id x");
    BOOST_TEST(error_words(error) == "no tenant has the id x\n  SELECT id, name FROM ops.tenants");
    BOOST_TEST(error_words(pg::StatementError{"22007", "cli.dlq_list", "invalid input syntax"}) ==
               "invalid input syntax");
}

BOOST_AUTO_TEST_CASE(a_connection_that_broke_is_told_as_such) {
    BOOST_TEST(error_words(pg::StatementError{"", "cli.status",
                                              "server closed the connection unexpectedly"}) ==
               "the connection to the database was lost: server closed the connection "
               "unexpectedly");
    BOOST_TEST(error_words(pg::Error{"", "connecting to db.example.com:5432/shop: refused"}) ==
               "connecting to db.example.com:5432/shop: refused");
}

BOOST_AUTO_TEST_CASE(a_schema_that_is_another_one_says_which_command_to_run) {
    for (const char* state : {"42P01", "42703", "42883", "3F000"}) {
        const std::string words = error_words(pg::StatementError{
            state, "cli.status", "relation \"ops.health\" does not exist", "Perhaps another"});
        BOOST_TEST(words.find("pgcourier migrate up") != std::string::npos, state);
    }
    BOOST_TEST(
        error_words(pg::StatementError{"42501", "cli.status", "permission denied for view health"})
            .find("pgcourier_service") != std::string::npos);
}

}  // namespace pgcourier::cli
