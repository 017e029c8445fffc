#include "sim/script.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier;
using namespace pgcourier::sim;

namespace {

constexpr CallFacts kCreate{.call = ApiCall::create,
                            .to = "whatsapp:+33612345678",
                            .from = "whatsapp:+33700000001",
                            .body = "Votre commande est prête"};

Rule a_rule(const std::string& fields) {
    auto rules = read_rules(fields);
    BOOST_REQUIRE_MESSAGE(rules, fields << ": " << (rules ? "" : rules.error().what));
    BOOST_REQUIRE(rules->size() == 1u);
    return rules->front();
}

bool fits(const std::string& fields, const CallFacts& facts = kCreate) {
    Script script{1};
    script.add(a_rule(fields));
    return script.decide(facts).has_value();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_rule_is_read_from_json_and_from_a_form) {
    for (const char* text :
         {R"({"to":"+33612345678","status":429,"code":20429,"retry_after":2,"times":3})",
          "to=%2B33612345678&status=429&code=20429&retry_after=2&times=3"}) {
        const Rule rule = a_rule(text);
        BOOST_TEST(rule.to == "+33612345678");
        BOOST_TEST(rule.times == 3u);
        BOOST_TEST((rule.then.answer == Answer::error));
        BOOST_TEST(rule.then.status == 429);
        BOOST_TEST(rule.then.code == 20429);
        BOOST_TEST(*rule.then.retry_after == 2);
        BOOST_TEST(!rule.then.is_processed());
    }
}

BOOST_AUTO_TEST_CASE(every_field_reaches_its_place) {
    const Rule rule = a_rule(
        R"({"call":"list","from":"+1","body_prefix":"x","skip":2,"probability":0.25,"answer":"huge",)"
        R"("processes":false,"message":"m","delay_ms":7,"size":9,"callbacks":false,"step_ms":5,)"
        R"("last":"read","error_code":63024,"copies":2,"shuffled":true,"loss":0.5})");
    BOOST_TEST((rule.call == ApiCall::list));
    BOOST_TEST(rule.from == "+1");
    BOOST_TEST(rule.body_prefix == "x");
    BOOST_TEST(rule.skip == 2u);
    BOOST_TEST(rule.probability == 0.25);
    BOOST_TEST((rule.then.answer == Answer::huge));
    BOOST_TEST(!rule.then.is_processed());
    BOOST_TEST(rule.then.message == "m");
    BOOST_TEST(rule.then.delay->count() == 7);
    BOOST_TEST(rule.then.size == 9u);
    const Progress progress = rule.then.progress.on(Progress{});
    BOOST_TEST(!progress.callbacks);
    BOOST_TEST(progress.step.count() == 5);
    BOOST_TEST(progress.last == "read");
    BOOST_TEST(progress.error_code == 63024);
    BOOST_TEST(progress.copies == 2);
    BOOST_TEST(progress.is_shuffled);
    BOOST_TEST(progress.loss == 0.5);
}

BOOST_AUTO_TEST_CASE(what_a_rule_does_not_say_stays_as_it_was) {
    const Progress base{
        .callbacks = false, .step = std::chrono::milliseconds{3}, .last = "sent", .copies = 4};
    const Progress progress = a_rule(R"({"last":"undelivered"})").then.progress.on(base);
    BOOST_TEST(progress.last == "undelivered");
    BOOST_TEST(!progress.callbacks);
    BOOST_TEST(progress.step.count() == 3);
    BOOST_TEST(progress.copies == 4);
}

BOOST_AUTO_TEST_CASE(wrong_rules_are_refused_with_the_field) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"too":"+1"})", "no field"},   {R"({"answer":"explode"})", "answer"},
        {R"({"call":"delete"})", "call"},  {R"({"probability":1.5})", "probability"},
        {R"({"times":-1})", "times"},      {R"({"times":"many"})", "times"},
        {R"({"status":99})", "status"},    {R"({"processes":"yes"})", "processes"},
        {R"({"last":"lost"})", "last"},    {R"({"delay_ms":1e3})", "delay_ms"},
        {"{\"to\"", "expected JSON like"}, {"nope", "found \"nope\", expected JSON like"},
    };
    for (const auto& [text, words] : cases) {
        const auto rules = read_rules(text);
        BOOST_REQUIRE_MESSAGE(!rules, text);
        BOOST_TEST(rules.error().what.find(words) != std::string::npos, rules.error().what);
    }
}

BOOST_AUTO_TEST_CASE(rules_stand_one_a_line) {
    const auto rules = read_rules("{\"to\":\"+1\"}\r\n\n{\"to\":\"+2\"}\n");
    BOOST_REQUIRE(rules);
    BOOST_REQUIRE(rules->size() == 2u);
    BOOST_TEST(rules->at(1).to == "+2");
}

BOOST_AUTO_TEST_CASE(a_rule_fits_by_call_addresses_and_beginning_of_the_body) {
    BOOST_TEST(fits(R"({"answer":"hang"})"));
    BOOST_TEST(fits(R"({"to":"+33612345678"})"));
    BOOST_TEST(fits(R"({"to":"whatsapp:+33612345678"})"));
    BOOST_TEST(!fits(R"({"to":"+33612345679"})"));
    BOOST_TEST(fits(R"({"from":"+33700000001"})"));
    BOOST_TEST(!fits(R"({"from":"+33700000002"})"));
    BOOST_TEST(fits(R"({"body_prefix":"Votre"})"));
    BOOST_TEST(!fits(R"({"body_prefix":"votre"})"));
    BOOST_TEST(!fits(R"({"call":"list"})"));
    BOOST_TEST(
        fits(R"({"call":"any"})", {.call = ApiCall::media, .to = {}, .from = {}, .body = {}}));
    BOOST_TEST(
        !fits(R"({"answer":"hang"})", {.call = ApiCall::list, .to = {}, .from = {}, .body = {}}));
}

BOOST_AUTO_TEST_CASE(skip_and_times_choose_the_nth_calls) {
    Script script{1};
    script.add(a_rule(R"({"answer":"reset","skip":1,"times":2})"));
    std::string decided;
    for (int i = 0; i < 5; ++i) decided += script.decide(kCreate) ? 'x' : '.';
    BOOST_TEST(decided == ".xx..");
}

BOOST_AUTO_TEST_CASE(the_first_rule_that_fits_decides_and_a_spent_one_lets_the_next) {
    Script script{1};
    script.add(a_rule(R"({"status":503,"times":1})"));
    script.add(a_rule(R"({"status":500})"));
    BOOST_TEST(script.decide(kCreate)->status == 503);
    BOOST_TEST(script.decide(kCreate)->status == 500);
    script.clear();
    BOOST_TEST(!script.decide(kCreate));
}

BOOST_AUTO_TEST_CASE(a_probability_is_repeatable_by_its_seed) {
    const auto run = [](std::uint64_t seed) {
        Script script{seed};
        script.add(a_rule(R"({"answer":"reset","probability":0.3})"));
        std::string decided;
        for (int i = 0; i < 1000; ++i) decided += script.decide(kCreate) ? 'x' : '.';
        return decided;
    };
    const std::string decided = run(7);
    BOOST_TEST(decided == run(7));
    BOOST_TEST(decided != run(8));
    const auto share = std::count(decided.begin(), decided.end(), 'x');
    BOOST_TEST(share > 240);
    BOOST_TEST(share < 360);
}
