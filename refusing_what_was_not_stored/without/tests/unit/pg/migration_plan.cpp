#include "pg/migration_plan.hpp"

#include <boost/test/unit_test.hpp>

namespace pgcourier::pg {
namespace {

using Names = std::vector<std::string>;

const std::vector<KnownMigration> kKnown = {{"1_a", "aa"}, {"2_b", "bb"}, {"3_c", "cc"}};

std::string problem_of(const Result<MigrationPlan>& plan) {
    BOOST_REQUIRE(!plan);
    return plan.error().what;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_empty_database_gets_all_in_order) {
    const auto plan = plan_migrations(kKnown, {}, {}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->run == (Names{"1_a", "2_b", "3_c"}), boost::test_tools::per_element());
    BOOST_TEST(plan->adopt.empty());
    BOOST_TEST(!plan->is_newer);
}

BOOST_AUTO_TEST_CASE(what_is_recorded_is_left_alone) {
    const auto plan = plan_migrations(kKnown, {{"1_a", "aa"}, {"2_b", "bb"}}, {}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->run == Names{"3_c"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_prisma_finished_is_recorded_and_the_rest_is_run) {
    const auto plan = plan_migrations(
        kKnown, {},
        {{"1_a", true}, {"1_their_own", true}, {"2_b", true}, {"9_their_own", false, true}}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->adopt == (Names{"1_a", "2_b"}), boost::test_tools::per_element());
    BOOST_TEST(plan->run == Names{"3_c"}, boost::test_tools::per_element());
    BOOST_TEST(plan->foreign == (Names{"1_their_own", "9_their_own"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_gap_stops_with_the_name_of_what_is_missing) {
    BOOST_TEST(problem_of(plan_migrations(kKnown, {}, {{"1_a", true}, {"3_c", true}}, 1)) ==
               "2_b: was not applied, but 3_c after it was");
    BOOST_TEST(problem_of(plan_migrations(kKnown, {{"1_a", "aa"}, {"3_c", "cc"}}, {}, 1)) ==
               "2_b: was not applied, but 3_c after it was");
}

BOOST_AUTO_TEST_CASE(one_that_prisma_rolled_back_was_not_applied) {
    BOOST_TEST(problem_of(plan_migrations(kKnown, {}, {{"1_a", true}, {"2_b"}, {"3_c", true}}, 1))
                   .starts_with("2_b: was not applied"));
    const auto plan = plan_migrations(kKnown, {}, {{"1_a", true}, {"2_b"}}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->run == (Names{"2_b", "3_c"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_unfinished_one_of_ours_stops) {
    BOOST_TEST(problem_of(plan_migrations(kKnown, {}, {{"1_a", true}, {"2_b", false, true}}, 1))
                   .starts_with("2_b: Prisma began it and has not finished it"));
}

BOOST_AUTO_TEST_CASE(a_failed_attempt_beside_a_good_one_is_no_matter) {
    const auto plan = plan_migrations(kKnown, {}, {{"1_a", true, true}}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->adopt == Names{"1_a"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_changed_one_of_ours_stops_and_prismas_checksum_is_not_compared) {
    BOOST_TEST(problem_of(plan_migrations(kKnown, {{"1_a", "aa"}, {"2_b", "xx"}}, {}, 1))
                   .starts_with("2_b: changed after it was applied"));
    BOOST_TEST(plan_migrations(kKnown, {{"1_a", "xx", true}}, {}, 1).has_value());
}

BOOST_AUTO_TEST_CASE(a_newer_one_is_tolerated_unless_it_requires_a_newer_program) {
    const std::vector<RecordedMigration> all = {{"1_a", "aa"}, {"2_b", "bb"}, {"3_c", "cc"}};
    auto recorded = all;
    recorded.push_back({"4_new", "dd", false, 1});
    const auto plan = plan_migrations(kKnown, recorded, {}, 1);
    BOOST_REQUIRE(plan);
    BOOST_TEST(plan->is_newer);
    BOOST_TEST(plan->run.empty());

    recorded.back().requires_program = 2;
    BOOST_TEST(problem_of(plan_migrations(kKnown, recorded, {}, 1)) ==
               "4_new: this database requires a newer pgcourier (level 2, this is 1)");
}

BOOST_AUTO_TEST_CASE(a_migration_says_at_its_head_what_it_requires) {
    BOOST_TEST(
        required_program("-- Drops what the last program read.\n-- requires: 3\nSELECT 1;") == 3);
    BOOST_TEST(required_program("-- nothing\nSELECT 1;\n-- requires: 3\n") == 0);
    BOOST_TEST(required_program("-- requires: 2") == 2);
    BOOST_TEST(required_program("") == 0);
}

BOOST_AUTO_TEST_CASE(a_level_is_never_below_none) {
    BOOST_TEST(required_program("-- requires: -3\n") == 0);
    BOOST_TEST(required_program("-- requires: 99999999999\n") == 0);
}

}  // namespace pgcourier::pg
