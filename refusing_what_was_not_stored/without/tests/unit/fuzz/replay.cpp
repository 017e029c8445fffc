// Every file of tests/fuzz/corpus once through its target: what the fuzzers begin with, and what
// they have found, stays good without clang.
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#define FUZZ_TARGET(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
#include <fuzz_targets.inc>
#undef FUZZ_TARGET

namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);
const std::vector<std::pair<std::string, Target>> kTargets{
#define FUZZ_TARGET(name) {#name, fuzz_##name},
#include <fuzz_targets.inc>
#undef FUZZ_TARGET
};

namespace fs = std::filesystem;
const fs::path kCorpus{PGCOURIER_FUZZ_CORPUS};

std::vector<std::uint8_t> bytes_of(const fs::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_file_of_a_corpus_keeps_what_its_target_demands) {
    for (const auto& [name, target] : kTargets) {
        std::size_t files = 0;
        for (const auto& entry : fs::directory_iterator{kCorpus / name}) {
            const std::vector<std::uint8_t> bytes = bytes_of(entry.path());
            BOOST_TEST_CONTEXT(entry.path().string()) {
                BOOST_CHECK_NO_THROW(target(bytes.data(), bytes.size()));
            }
            ++files;
        }
        BOOST_TEST(files >= 3U, name << " has " << files << " files in its corpus");
    }
}

BOOST_AUTO_TEST_CASE(every_target_takes_nothing_and_what_is_cut_off) {
    for (const auto& [name, target] : kTargets) {
        BOOST_TEST_CONTEXT(name) {
            BOOST_CHECK_NO_THROW(target(nullptr, 0));
        }
        for (const auto& entry : fs::directory_iterator{kCorpus / name}) {
            const std::vector<std::uint8_t> bytes = bytes_of(entry.path());
            for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 16) {
                BOOST_TEST_CONTEXT(entry.path().string() << " cut to " << size) {
                    // A copy of just that size, so that reading on would be seen by the sanitizers.
                    const std::vector<std::uint8_t> part{
                        bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
                    BOOST_CHECK_NO_THROW(target(part.data(), part.size()));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_corpus_has_a_target) {
    std::set<std::string> targets;
    for (const auto& [name, target] : kTargets) targets.insert(name);
    for (const auto& entry : fs::directory_iterator{kCorpus}) {
        BOOST_TEST(targets.contains(entry.path().filename().string()), entry.path().string());
    }
}
