#include "sim/message.hpp"

#include "twilio/form.hpp"
#include "twilio/json.hpp"
#include "twilio/sid.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

using namespace pgcourier;
using namespace pgcourier::sim;
using twilio::find;
using twilio::json_fields;
using twilio::Params;

namespace {

const std::string kAccount = "AC00000000000000000000000000005151";

Message a_message() {
    Message message;
    message.sid = "SM0123456789abcdef0123456789abcdef";
    message.from = "whatsapp:+33700000001";
    message.to = "whatsapp:+33612345678";
    message.body = "Ça \"coûte\" 1+1 € ?\n";
    message.created = message.updated = WallTime{std::chrono::milliseconds{1'558'719'886'789}};
    return message;
}

bool has_keys(const Params& fields, const std::set<std::string>& keys) {
    std::set<std::string> found;
    for (const auto& [key, value] : fields) found.insert(key);
    return found == keys;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_sid_is_its_prefix_and_32_small_hexadecimal_digits) {
    Rng rng{1};
    std::set<std::string> sids;
    for (int i = 0; i < 1000; ++i) sids.insert(new_sid("SM", rng));
    BOOST_TEST(sids.size() == 1000u);
    BOOST_TEST(std::all_of(sids.begin(), sids.end(), twilio::is_message_sid));
}

BOOST_AUTO_TEST_CASE(times_are_written_as_in_rfc_2822_in_whole_seconds) {
    BOOST_TEST(rfc2822(WallTime{std::chrono::milliseconds{1'558'719'886'789}}) ==
               "Fri, 24 May 2019 17:44:46 +0000");
}

// The properties of api.v2010.account.message in Twilio's OpenAPI description.
BOOST_AUTO_TEST_CASE(the_resource_has_exactly_twilios_fields) {
    const Params fields = json_fields(to_json(a_message(), kAccount));

    BOOST_TEST(has_keys(fields, {"account_sid",
                                 "api_version",
                                 "body",
                                 "date_created",
                                 "date_sent",
                                 "date_updated",
                                 "direction",
                                 "error_code",
                                 "error_message",
                                 "from",
                                 "messaging_service_sid",
                                 "num_media",
                                 "num_segments",
                                 "price",
                                 "price_unit",
                                 "sid",
                                 "status",
                                 "subresource_uris",
                                 "to",
                                 "uri"}));
    BOOST_TEST(*find(fields, "account_sid") == kAccount);
    BOOST_TEST(*find(fields, "api_version") == "2010-04-01");
    BOOST_TEST(*find(fields, "body") == "Ça \"coûte\" 1+1 € ?\n");
    BOOST_TEST(*find(fields, "date_created") == "Fri, 24 May 2019 17:44:46 +0000");
    BOOST_TEST(*find(fields, "direction") == "outbound-api");
    BOOST_TEST(*find(fields, "status") == "queued");
    BOOST_TEST(*find(fields, "uri") == "/2010-04-01/Accounts/" + kAccount +
                                           "/Messages/SM0123456789abcdef0123456789abcdef.json");
}

// json_fields shows null as an empty text, so the text itself is looked at.
BOOST_AUTO_TEST_CASE(what_is_not_known_is_null_and_counts_are_texts) {
    const std::string json = to_json(a_message(), kAccount);
    for (const char* part :
         {"\"date_sent\":null", "\"error_code\":null", "\"error_message\":null", "\"price\":null",
          "\"price_unit\":null", "\"messaging_service_sid\":null", "\"num_media\":\"0\"",
          "\"num_segments\":\"1\"", "\"from\":\"whatsapp:+33700000001\""}) {
        BOOST_TEST(json.find(part) != std::string::npos, part);
    }
}

BOOST_AUTO_TEST_CASE(an_error_is_a_number_with_words) {
    Message message = a_message();
    message.error_code = 63016;
    const std::string json = to_json(message, kAccount);
    BOOST_TEST(json.find("\"error_code\":63016,") != std::string::npos);
    BOOST_TEST(json.find("\"error_message\":null") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_media_list_names_each_item) {
    Message message = a_message();
    message.sid[0] = 'M';
    message.media = {{"ME0123456789abcdef0123456789abcdef", "https://x.test/a.jpg", "image/jpeg"}};
    const Params fields = json_fields(media_json(message, kAccount));

    BOOST_TEST(has_keys(fields, {"end", "first_page_uri", "media_list", "next_page_uri", "page",
                                 "page_size", "previous_page_uri", "start", "uri"}));
    std::string item = *find(fields, "media_list");
    item = item.substr(1, item.size() - 2);
    const Params media = json_fields(item);
    BOOST_TEST(has_keys(media, {"account_sid", "content_type", "date_created", "date_updated",
                                "parent_sid", "sid", "uri"}));
    BOOST_TEST(*find(media, "content_type") == "image/jpeg");
    BOOST_TEST(*find(media, "uri") == "/2010-04-01/Accounts/" + kAccount +
                                          "/Messages/MM0123456789abcdef0123456789abcdef/Media/"
                                          "ME0123456789abcdef0123456789abcdef.json");
}
