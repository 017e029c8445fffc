// main() of every test program. Compiled apart from the precompiled header, which has Boost.Test
// without a main.
#define BOOST_TEST_MODULE pgcourier
#include <boost/test/results_collector.hpp>
#include <boost/test/tree/observer.hpp>
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>

namespace {

namespace ut = boost::unit_test;

struct Disable : ut::test_tree_visitor {
    void visit(const ut::test_case& test) override {
        const_cast<ut::test_case&>(test).p_run_status.value = ut::test_unit::RS_DISABLED;
    }
};

/// With TEST_STOP_AT_FIRST_FAILURE set nothing is begun after a case that failed; the program ends
/// as it always does.
struct StopsAtFirstFailure : ut::test_observer {
    StopsAtFirstFailure() {
        if (std::getenv("TEST_STOP_AT_FIRST_FAILURE") != nullptr)
            ut::framework::register_observer(*this);
    }
    void test_unit_finish(const ut::test_unit& unit, unsigned long) override {
        if (unit.p_type != ut::TUT_CASE || ut::results_collector.results(unit.p_id).passed())
            return;
        Disable disable;
        ut::traverse_test_tree(ut::framework::master_test_suite(), disable, true);
    }
};

StopsAtFirstFailure stops_at_first_failure;

}  // namespace
