#include "pg/error.hpp"

#include "pg/statement_error.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier {

BOOST_AUTO_TEST_CASE(a_fatal_is_the_end_of_the_session_whatever_its_sqlstate) {
    for (const char* state : {"XX000", "53300", "08P01", "57P01", "25P03", "28000", ""}) {
        const pg::StatementError fatal{state, "doing", "said", "", pg::Severity::fatal};
        BOOST_TEST(fatal.is_lost(), state);
        BOOST_TEST(fatal.is_retryable(), state);
        BOOST_TEST(!fatal.is_about_rows(), state);
    }
    for (const char* state : {"XX000", "53300", "23505", "25P03"})
        BOOST_TEST(!(pg::StatementError{state, "doing", "said"}.is_lost()), state);
    BOOST_TEST((pg::StatementError{"XX001", "doing", "said"}.is_about_rows()));
}

BOOST_AUTO_TEST_CASE(a_commit_that_nobody_knows_of_leaves_no_connection) {
    for (const char* state : {"", "08P01", "XX000"}) {
        const pg::CommitUnknown unknown{state, "commit"};
        BOOST_TEST(unknown.is_lost(), state);
        BOOST_TEST(unknown.sqlstate() == state);
    }
}

}  // namespace pgcourier
