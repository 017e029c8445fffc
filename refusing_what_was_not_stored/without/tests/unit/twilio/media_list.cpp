#include "twilio/media_list.hpp"

#include <boost/test/unit_test.hpp>

using namespace pgcourier::twilio;

namespace {

constexpr const char* kBase = "https://api.twilio.com";
constexpr const char* kAccount = "AC00000000000000000000000000000001";
constexpr const char* kSid = "MM00000000000000000000000000000002";
const std::string kPath = std::string{"/2010-04-01/Accounts/"} + kAccount + "/Messages/" + kSid;

std::string item(const std::string& uri, const std::string& type = R"("image/jpeg")") {
    return R"({"content_type": )" + type + R"(, "uri": ")" + uri + R"("})";
}

std::string list(const std::string& items) {
    return R"({"media_list": [)" + items + R"(], "next_page_uri": null})";
}

std::string problem(std::string_view body) {
    const auto media = read_media_list(kBase, kAccount, kSid, body);
    return media ? "none" : media.error().what;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_path_is_below_the_message) {
    BOOST_TEST(media_list_path(kAccount, kSid) == kPath + "/Media.json");
}

BOOST_AUTO_TEST_CASE(a_url_is_the_items_uri_without_json_as_in_a_webhook) {
    const auto media = read_media_list(kBase, kAccount, kSid,
                                       list(item(kPath + "/Media/ME1.json") + "," +
                                            item(kPath + "/Media/ME2.json", R"("audio/ogg")")));
    BOOST_REQUIRE(media);
    BOOST_REQUIRE(media->size() == 2);
    BOOST_TEST((*media)[0].url == kBase + kPath + "/Media/ME1");
    BOOST_TEST((*media)[0].content_type == "image/jpeg");
    BOOST_TEST((*media)[1].content_type == "audio/ogg");
}

BOOST_AUTO_TEST_CASE(a_type_may_be_missing_and_the_list_may_be_empty) {
    const auto media =
        read_media_list(kBase, kAccount, kSid, list(item(kPath + "/Media/ME1.json", "null")));
    BOOST_REQUIRE(media);
    BOOST_TEST(media->front().content_type.empty());
    BOOST_TEST(problem(list("")) == "none");
}

BOOST_AUTO_TEST_CASE(what_is_not_of_this_message_is_not_taken) {
    for (const std::string& uri :
         {std::string{"https://evil.example/x"}, std::string{"//evil.example/x"}, kPath + "/x",
          kPath + "/Media/../../x", kPath + "x/Media/ME1.json", kPath + "/Media/ME1 x",
          kPath + "/Media/ME1\\nHost: evil.example", std::string{}}) {
        BOOST_TEST(problem(list(item(uri))) == "a listed medium is not of this message", uri);
    }
    BOOST_TEST(problem(list("1")) == "a listed medium is not of this message");
}

BOOST_AUTO_TEST_CASE(what_is_no_list_of_media_is_said_to_be_none) {
    BOOST_TEST(problem("") == "the list of media is no JSON object");
    BOOST_TEST(problem("[]") == "the list of media is no JSON object");
    BOOST_TEST(problem("{}") == "the list of media has no media_list");
    BOOST_TEST(problem(R"({"media_list": {}})") == "the list of media has no media_list");
    BOOST_TEST(problem(std::string(256 * 1024 + 1, ' ')) ==
               "the list of media is larger than 256 KiB");
    std::string many = item(kPath + "/Media/ME.json");
    for (int i = 0; i < 64; ++i) many += "," + item(kPath + "/Media/ME.json");
    BOOST_TEST(problem(list(many)) == "the list has more than 64 media");
}
