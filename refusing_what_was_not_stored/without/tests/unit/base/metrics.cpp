#include "base/metrics.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_metric_is_made_once_and_found_again_by_name_and_labels) {
    Counter& one = counter("test_found_total", "Help.", {{"kind", "a"}});
    BOOST_TEST(&one == &counter("test_found_total", "Help.", {{"kind", "a"}}));
    BOOST_TEST(&one != &counter("test_found_total", "Help.", {{"kind", "b"}}));
    one.Increment();
    const std::string text = to_text(*process_metrics());
    BOOST_TEST(has(text, "# HELP test_found_total Help.\n# TYPE test_found_total counter\n"));
    BOOST_TEST(has(text, "test_found_total{kind=\"a\"} 1\n"));
    BOOST_TEST(has(text, "test_found_total{kind=\"b\"} 0\n"));
}

BOOST_AUTO_TEST_CASE(samples_of_one_name_stand_together_behind_the_registry) {
    Samples samples;
    samples.add_gauge("test_depth", "Depth.", 1, {{"queue", "a"}});
    samples.add_counter("test_seen_total", "Seen.", 2);
    samples.add_gauge("test_depth", "Depth.", 3, {{"queue", "b"}});
    BOOST_TEST(has(to_text(Metrics{}, samples),
                   "# HELP test_depth Depth.\n# TYPE test_depth gauge\n"
                   "test_depth{queue=\"a\"} 1\ntest_depth{queue=\"b\"} 3\n"
                   "# HELP test_seen_total Seen.\n# TYPE test_seen_total counter\n"
                   "test_seen_total 2\n"));
}

BOOST_AUTO_TEST_CASE(what_is_counted_while_it_lives_is_counted_once_also_when_moved) {
    Gauge& open = gauge("test_open", "Open.");
    {
        Counted one{open};
        Counted other{std::move(one)};
        BOOST_TEST(open.Value() == 1);
        Counted third{open};
        third = std::move(other);
        BOOST_TEST(open.Value() == 2);
    }
    BOOST_TEST(open.Value() == 0);
}
