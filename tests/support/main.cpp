// main() of every test program. Compiled apart from the precompiled header, which has Boost.Test
// without a main.
#define BOOST_TEST_MODULE pgcourier
#include <boost/test/unit_test.hpp>
