#include "base/log.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidjson/document.h>

#include <algorithm>
#include <limits>
#include <regex>

using namespace pgcourier;

namespace {

const Log kLog{"Worker"};

/// The lines that `write` logs, as one text.
template <class Write>
std::string logged(LogLevel level, LogFormat format, Write write) {
    configure_log(level, format);
    const LogCapture capture;
    write();
    return capture.text();
}

/// The line without its time, which stands in its first 27 characters.
std::string after_time(const std::string& line) {
    static const std::regex kTime{R"(\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] )"};
    BOOST_REQUIRE_MESSAGE(std::regex_search(line, kTime, std::regex_constants::match_continuous),
                          line);
    return line.substr(27);
}

rapidjson::Document parsed(const std::string& line) {
    rapidjson::Document json;
    json.Parse(line);
    BOOST_REQUIRE_MESSAGE(!json.HasParseError() && json.IsObject(), line);
    return json;
}

std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

constexpr const char* kForged =
    "hello\n[2026-02-08T10:00:00.123Z] [ERROR] [Worker] forged\r\x1b[31m";

}  // namespace

BOOST_AUTO_TEST_CASE(a_text_line_is_time_level_component_message_and_fields) {
    const std::string line = logged(LogLevel::info, LogFormat::text, [] {
        kLog.info("Message sent successfully",
                  {{"correlationId", "c-1"}, {"attempts", 2}, {"ok", true}, {"seconds", 0.5}});
    });

    BOOST_TEST(after_time(line) ==
               "[INFO] [Worker] Message sent successfully "
               "{\"correlationId\":\"c-1\",\"attempts\":2,\"ok\":true,\"seconds\":0.5}\n");
}

BOOST_AUTO_TEST_CASE(a_text_line_without_fields_ends_with_its_message) {
    const std::string line =
        logged(LogLevel::info, LogFormat::text, [] { kLog.warn("Webhook slow"); });

    BOOST_TEST(after_time(line) == "[WARN] [Worker] Webhook slow\n");
}

BOOST_AUTO_TEST_CASE(a_json_line_is_one_object_with_the_fields_beside_the_message) {
    const std::string line = logged(LogLevel::info, LogFormat::json, [] {
        kLog.error("Duplicate message detected",
                   {{"correlationId", "c-1"}, {"attempts", -2}, {"late", false}});
    });

    const rapidjson::Document json = parsed(line);
    BOOST_TEST(lines_of(line) == 1U);
    BOOST_TEST(json["level"].GetString() == "ERROR");
    BOOST_TEST(json["component"].GetString() == "Worker");
    BOOST_TEST(json["message"].GetString() == "Duplicate message detected");
    BOOST_TEST(json["correlationId"].GetString() == "c-1");
    BOOST_TEST(json["attempts"].GetInt() == -2);
    BOOST_TEST(!json["late"].GetBool());
    BOOST_TEST(json["time"].GetStringLength() == 24U);
}

BOOST_AUTO_TEST_CASE(a_text_message_cannot_forge_a_line_of_its_own) {
    const std::string line = logged(LogLevel::info, LogFormat::text, [] {
        kLog.info(kForged, {{"found", kForged}});
    });

    BOOST_TEST(lines_of(line) == 1U);
    BOOST_TEST(after_time(line) ==
               "[INFO] [Worker] hello [2026-02-08T10:00:00.123Z] [ERROR] [Worker] forged  [31m "
               "{\"found\":\"hello\\n[2026-02-08T10:00:00.123Z] [ERROR] [Worker] "
               "forged\\r\\u001B[31m\"}\n");
}

BOOST_AUTO_TEST_CASE(a_json_message_cannot_forge_a_line_or_a_field) {
    constexpr const char* kBreakOut = "x\",\"level\":\"ERROR\n";
    const std::string line = logged(LogLevel::info, LogFormat::json, [] {
        kLog.info(kBreakOut, {{"found", kBreakOut}});
    });

    const rapidjson::Document json = parsed(line);
    BOOST_TEST(lines_of(line) == 1U);
    BOOST_TEST(json["level"].GetString() == "INFO");
    BOOST_TEST(json["message"].GetString() == kBreakOut);
    BOOST_TEST(json["found"].GetString() == kBreakOut);
}

BOOST_AUTO_TEST_CASE(braces_in_a_message_are_not_a_format) {
    const std::string line =
        logged(LogLevel::info, LogFormat::text, [] { kLog.info("{} {0} %s"); });

    BOOST_TEST(after_time(line) == "[INFO] [Worker] {} {0} %s\n");
}

BOOST_AUTO_TEST_CASE(a_number_that_json_cannot_hold_is_null) {
    const std::string line = logged(LogLevel::info, LogFormat::json, [] {
        kLog.info("Worker metrics", {{"rate", std::numeric_limits<double>::quiet_NaN()}, {"n", 1}});
    });

    const rapidjson::Document json = parsed(line);
    BOOST_TEST(json["rate"].IsNull());
    BOOST_TEST(json["n"].GetInt() == 1);
}

BOOST_AUTO_TEST_CASE(lines_below_the_level_are_not_written) {
    const std::string lines = logged(LogLevel::warn, LogFormat::text, [] {
        kLog.debug("one");
        kLog.info("two");
        kLog.warn("three");
        kLog.error("four");
    });

    BOOST_TEST(lines_of(lines) == 2U);
    BOOST_TEST(lines.find("three") != std::string::npos);
    BOOST_TEST(lines.find("four") != std::string::npos);
    BOOST_TEST(!Log::enabled(LogLevel::info));
    set_log_level(LogLevel::debug);
    BOOST_TEST(Log::enabled(LogLevel::debug));
}

BOOST_AUTO_TEST_CASE(what_a_terminal_obeys_is_escaped_in_fields_and_left_out_of_messages) {
    // C1's CSI, DEL, a separator of lines and a mark that turns the text, all as UTF-8.
    const std::string evil = "a\u009b31m\x7f\u2028\u202eb";
    const std::string text = logged(LogLevel::info, LogFormat::text, [&] {
        kLog.info(evil, {{"why", evil}});
    });
    BOOST_TEST(after_time(text) ==
               "[INFO] [Worker] a 31m   b {\"why\":\"a\\u009b31m\\u007f\\u2028\\u202eb\"}\n");

    const std::string json = logged(LogLevel::info, LogFormat::json, [&] { kLog.info(evil); });
    BOOST_TEST(parsed(json)["message"].GetString() == evil);
    BOOST_TEST(json.find("\u009b") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_line_is_utf8_whatever_is_told) {
    const std::string cut = "caf\xC3";  // a text that was cut within a letter
    BOOST_TEST(after_time(logged(LogLevel::info, LogFormat::text, [&] {
                   kLog.info(cut, {{"where", cut}});
               })) == "[INFO] [Worker] caf\uFFFD {\"where\":\"caf\uFFFD\"}\n");
    const std::string json = logged(LogLevel::info, LogFormat::json, [&] { kLog.info(cut); });
    BOOST_TEST(parsed(json)["message"].GetString() == "caf\uFFFD");
}
