// The program as it is built for production has the protections of its compiler and linker; the
// page that says so is SECURITY.md.
// release only: other builds, with sanitizers or for a debugger, have none of them
#include "support/process.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <memory>
#include <string>

namespace {

std::string readelf(const char* options) {
    const std::string command = std::string{"readelf -W "} + options + " " PGCOURIER_BINARY;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
    BOOST_REQUIRE(pipe);
    std::string output;
    char buffer[4096];
    while (const std::size_t count = fread(buffer, 1, sizeof buffer, pipe.get()))
        output.append(buffer, count);
    return output;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(it_may_lie_anywhere_and_what_it_jumps_through_is_read_only) {
    BOOST_TEST(has(readelf("-h"), "DYN (Position-Independent Executable file)"));
    const std::string segments = readelf("-l");
    BOOST_TEST(has(segments, "GNU_RELRO"));
    // No memory that is both written and run.
    BOOST_TEST(!has(segments, "RWE"));
    BOOST_TEST(has(readelf("-d"), "BIND_NOW"));
}

BOOST_AUTO_TEST_CASE(its_stack_and_its_copies_are_guarded) {
    const std::string symbols = readelf("--dyn-syms");
    BOOST_TEST(has(symbols, "__stack_chk_fail"));
    BOOST_TEST(has(symbols, "__memcpy_chk"));
    // _GLIBCXX_ASSERTIONS
    BOOST_TEST(has(symbols, "__glibcxx_assert_fail"));
}
