#include "base/fault_point.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace pgcourier;

namespace {

std::vector<std::string> passed;

void note(const char* name) {
    passed.emplace_back(name);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_point_tells_the_hook_and_nobody_else) {
    fault_point("a.before");
    fault_hook = note;
    fault_point("a.now");
    fault_hook = nullptr;
    fault_point("a.after");
    BOOST_TEST(passed == std::vector<std::string>{"a.now"}, boost::test_tools::per_element());
}
