#include "base/config_settings.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <map>

using namespace pgcourier;
namespace data = boost::unit_test::data;

namespace {

using Values = std::map<std::string, std::string>;

Environment environment_of(Values values) {
    return [values = std::move(values)](const char* name) -> std::optional<std::string> {
        const auto found = values.find(name);
        return found == values.end() ? std::nullopt : std::optional{found->second};
    };
}

}  // namespace

BOOST_DATA_TEST_CASE(
    a_secret_is_known_by_its_name,
    data::make(std::vector<std::string>{
        "DATABASE_URL", "DATABASE_DIRECT_URL", "TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY",
        "TWILIO_API_KEY_SECRET", "TWILIO_WEBHOOK_SECRET", "OPS_TOKEN", "OPS_TOKEN_READONLY",
        "SENTRY_DSN", "REDIS_URL", "REDIS_TOKEN", "SOME_NEW_WEBHOOK_URL", "SOME_NEW_PASSWORD"})) {
    BOOST_TEST(is_secret(sample));
}

BOOST_DATA_TEST_CASE(what_people_have_to_see_is_none,
                     data::make(std::vector<std::string>{
                         "WEBHOOK_PUBLIC_URL", "LOG_LEVEL", "TWILIO_API_BASE_URL",
                         "TRUSTED_PROXIES", "TWILIO_ACCOUNT_SID", "TWILIO_API_KEY_SID"})) {
    BOOST_TEST(!is_secret(sample));
}

BOOST_AUTO_TEST_CASE(no_setting_shows_what_is_secret) {
    Values values;
    for (const Variable& variable : variables()) {
        if (is_secret(variable.name)) values[std::string{variable.name}] = "pa55word";
    }
    for (const Setting& setting : settings(Config{}, ConfigFile{}, environment_of(values))) {
        BOOST_TEST(setting.value.find("pa55word") == std::string::npos, setting.name);
        if (setting.is_secret) BOOST_TEST(setting.value == "(set, not shown)", setting.name);
        BOOST_TEST(setting.source == (setting.is_secret ? "environment" : "default"));
    }
}

BOOST_AUTO_TEST_CASE(a_change_is_named_once_and_an_empty_value_is_none) {
    const Environment before =
        environment_of({{"PORT", "1"}, {"LOG_LEVEL", "info"}, {"HOST", ""}, {"OTHER", "1"}});
    const Environment after =
        environment_of({{"PORT", "2"}, {"LOG_LEVEL", " info "}, {"OTHER", "2"}});
    BOOST_TEST(changed_variables(before, after) == std::vector<std::string_view>{"PORT"},
               boost::test_tools::per_element());
}
