#include "base/ids.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <thread>

using namespace pgcourier;

namespace {

void check_uuid(const std::string& id, char version) {
    BOOST_REQUIRE_EQUAL(id.size(), 36U);
    for (std::size_t at = 0; at < id.size(); ++at) {
        const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
        const bool is_right =
            is_dash ? id[at] == '-'
                    : std::string_view{"0123456789abcdef"}.find(id[at]) != std::string_view::npos;
        BOOST_REQUIRE_MESSAGE(is_right, id << " at " << at);
    }
    BOOST_REQUIRE_EQUAL(id[14], version);
    BOOST_REQUIRE_NE(std::string_view{"89ab"}.find(id[19]), std::string_view::npos);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fresh_id_is_a_version_4_uuid_in_lower_case) {
    for (int i = 0; i < 1000; ++i) check_uuid(new_uuid(), '4');
}

BOOST_AUTO_TEST_CASE(an_ordered_id_is_a_version_7_uuid_of_its_time) {
    const auto now_ms = [] {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    };
    for (int i = 0; i < 1000; ++i) {
        const auto before = now_ms();
        const std::string id = new_ordered_id();
        const auto after = now_ms();
        check_uuid(id, '7');
        const auto ms = std::stoll(id.substr(0, 8) + id.substr(9, 4), nullptr, 16);
        BOOST_REQUIRE_GE(ms, before);
        BOOST_REQUIRE_LE(ms, after);
    }
}

BOOST_AUTO_TEST_CASE(fresh_ids_differ) {
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) {
        seen.insert(new_uuid());
        seen.insert(new_ordered_id());
    }
    std::jthread{[&seen] {  // whose pool of random bytes is another
        for (int i = 0; i < 10'000; ++i) seen.insert(new_ordered_id());
    }}
        .join();

    BOOST_TEST(seen.size() == 30'000U);
}

BOOST_AUTO_TEST_CASE(ids_of_different_kinds_are_different_types) {
    static_assert(!std::is_convertible_v<TenantId, MessageId>);
    static_assert(!std::is_convertible_v<std::string, TenantId>);

    BOOST_TEST((TenantId{"a"} == TenantId{"a"}));
    BOOST_TEST((TenantId{"a"} < TenantId{"b"}));
    BOOST_TEST(TenantId{}.empty());
    BOOST_TEST(!TenantId{"a"}.empty());
}
