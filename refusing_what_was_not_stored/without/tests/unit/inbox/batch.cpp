#include "inbox/batch.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::inbox;

namespace {

using Keys = std::vector<std::string_view>;
using Order = std::vector<std::size_t>;
using Ids = std::vector<std::int64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(events_are_inserted_in_the_bytewise_order_of_their_keys) {
    const Keys keys{"status:SM2:sent", "msg:SM2", "msg:SM1", "raw:\xFF", "msg:SM10"};

    BOOST_TEST(insertion_order(keys) == (Order{2, 4, 1, 3, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(of_twins_the_first_that_came_is_inserted) {
    const Keys keys{"b", "a", "b", "a", "a"};

    BOOST_TEST(insertion_order(keys) == (Order{1, 0}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(no_events_have_no_order) {
    BOOST_TEST(insertion_order({}).empty());
    BOOST_TEST(inserted_ids({}, {}, {}).empty());
}

BOOST_AUTO_TEST_CASE(a_returned_row_answers_the_twin_that_was_inserted) {
    const Keys keys{"b", "a", "b", "c"};
    const Order order = insertion_order(keys);
    const std::vector<Inserted> rows{{"b", 8}, {"c", 9}};  // a was there already

    BOOST_TEST(inserted_ids(keys, order, rows) == (Ids{8, 0, 0, 9}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rows_may_come_back_in_any_order) {
    const Keys keys{"b", "a", "d", "c"};
    const Order order = insertion_order(keys);
    const std::vector<Inserted> rows{{"d", 1}, {"a", 2}, {"c", 3}, {"b", 4}};

    BOOST_TEST(inserted_ids(keys, order, rows) == (Ids{4, 2, 1, 3}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_row_that_nobody_inserted_is_our_own_bug) {
    const Keys keys{"a", "c"};
    const Order order = insertion_order(keys);

    BOOST_CHECK_THROW(inserted_ids(keys, order, std::vector<Inserted>{{"b", 1}}), std::logic_error);
    BOOST_CHECK_THROW(inserted_ids(keys, order, std::vector<Inserted>{{"d", 1}}), std::logic_error);
}
