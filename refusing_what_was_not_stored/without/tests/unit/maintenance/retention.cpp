// Which errors let the rest of a step be tried, for retention and for erasing a person.
#include "maintenance/refusal.hpp"

#include <boost/test/unit_test.hpp>

using pgcourier::maintenance::is_refusal;
using pgcourier::pg::Error;

BOOST_AUTO_TEST_CASE(a_row_or_who_has_it_locked_may_be_to_blame) {
    for (const char* state : {"23503", "23514", "P0001", "SH001", "42501", "55P03"})
        BOOST_TEST(is_refusal(Error{state, "x"}), state);
}

BOOST_AUTO_TEST_CASE(what_is_lacking_for_any_row_is_no_refusal) {
    for (const char* state : {"", "08006", "57P01", "57014", "40P01", "53100", "25006"})
        BOOST_TEST(!is_refusal(Error{state, "x"}), state);
}
