#include "mutations/mutants.hpp"

#include <boost/test/unit_test.hpp>

using pgcourier::test::Mutant;
using pgcourier::test::mutants_of;

namespace {

const char* const kStatement =
    R"(-- module.name: a head; it's a comment (with a quote, WHERE AND OR)
WITH looked AS MATERIALIZED (
    SELECT q.seq FROM queue AS q
    JOIN messages AS m ON m.id = q.id AND m.body = 'a AND (b'
    WHERE q.due BETWEEN 1 AND 2 AND (q.a OR q.b  -- why
          = 3)
      AND CASE WHEN q.a AND q.b THEN true ELSE false END
    ORDER BY q.seq
    FOR UPDATE OF q SKIP LOCKED),
walk (a, b) AS (SELECT DISTINCT ON (x) x FROM t WHERE EXISTS (SELECT FROM u WHERE u.x = t.x) LIMIT 1)
INSERT INTO t (x) SELECT 1 FROM t LEFT JOIN LATERAL (SELECT 1) AS l ON true WHERE x IN (1, 2)
ON CONFLICT (x) WHERE x IS NOT NULL DO UPDATE SET x = 1 WHERE t.x = 2
RETURNING count(*) FILTER (WHERE x = 1), x;
)";

}  // namespace

BOOST_AUTO_TEST_CASE(each_condition_each_side_of_an_or_and_each_lock_is_taken_out_by_itself) {
    std::vector<std::string> names;
    for (const Mutant& mutant : mutants_of(kStatement)) names.push_back(mutant.name);
    const std::vector<std::string> expected{
        "looked: m.id = q.id",
        "looked: m.body = 'a AND (b'",
        "looked: q.due BETWEEN 1 AND 2",
        "looked: (q.a OR q.b = 3)",
        "looked: OR q.a",
        "looked: OR q.b = 3",
        "looked: CASE WHEN q.a AND q.b THEN true ELSE false END",
        "looked: SKIP LOCKED",
        "looked: FOR UPDATE OF q SKIP LOCKED",
        "walk: EXISTS (SELECT FROM u WHERE u.x = t.x)",
        "walk: u.x = t.x",
        "main: x IN (1, 2)",
        "main: t.x = 2",
        "main: x = 1",
    };
    BOOST_TEST(names == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_taken_out_stays_in_the_text_and_does_nothing) {
    for (const Mutant& mutant : mutants_of(kStatement)) {
        BOOST_TEST(mutant.text.size() <= std::string_view{kStatement}.size());
        BOOST_TEST(mutant.text.find("--") == std::string::npos);
    }
    const std::vector<Mutant> mutants = mutants_of(kStatement);
    BOOST_TEST(mutants[0].text.find("ON (true OR (m.id = q.id)) AND m.body") != std::string::npos);
    BOOST_TEST(mutants[4].text.find("AND ((false AND (q.a)) OR q.b") != std::string::npos);
    BOOST_TEST(mutants[7].text.find("FOR UPDATE OF q /*SKIP LOCKED*/)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_of_the_same_words_have_two_names) {
    const auto mutants = mutants_of("-- a head\nSELECT 1 WHERE a UNION ALL SELECT 2 WHERE a;");
    BOOST_REQUIRE(mutants.size() == 2);
    BOOST_TEST(mutants[0].name == "main: a");
    BOOST_TEST(mutants[1].name == "main: a #2");
    BOOST_TEST(mutants[1].text == "\nSELECT 1 WHERE a UNION ALL SELECT 2 WHERE (true OR (a));");
}
