#include "base/ids.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace pgcourier;

BOOST_AUTO_TEST_CASE(a_fresh_id_is_a_version_4_uuid_in_lower_case) {
    for (int i = 0; i < 1000; ++i) {
        const std::string id = new_uuid();
        BOOST_REQUIRE_EQUAL(id.size(), 36U);
        for (std::size_t at = 0; at < id.size(); ++at) {
            const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
            const bool is_right = is_dash ? id[at] == '-'
                                          : std::string_view{"0123456789abcdef"}.find(id[at]) !=
                                                std::string_view::npos;
            BOOST_REQUIRE_MESSAGE(is_right, id << " at " << at);
        }
        BOOST_REQUIRE_EQUAL(id[14], '4');
        BOOST_REQUIRE_NE(std::string_view{"89ab"}.find(id[19]), std::string_view::npos);
    }
}

BOOST_AUTO_TEST_CASE(fresh_ids_differ) {
    std::set<std::string> seen;
    for (int i = 0; i < 10'000; ++i) seen.insert(new_uuid());

    BOOST_TEST(seen.size() == 10'000U);
}

BOOST_AUTO_TEST_CASE(ids_of_different_kinds_are_different_types) {
    static_assert(!std::is_convertible_v<TenantId, MessageId>);
    static_assert(!std::is_convertible_v<std::string, TenantId>);

    BOOST_TEST((TenantId{"a"} == TenantId{"a"}));
    BOOST_TEST((TenantId{"a"} < TenantId{"b"}));
    BOOST_TEST(TenantId{}.empty());
    BOOST_TEST(!TenantId{"a"}.empty());
}
