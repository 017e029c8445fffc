#pragma once
// The list of one message's media: the path that asks for it, and its answer, read without trust.
// https://www.twilio.com/docs/messaging/api/media-resource#read-multiple-media-resources

#include "base/result.hpp"
#include "twilio/event.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::twilio {

/// `/2010-04-01/Accounts/AC…/Messages/MM…/Media.json`, below TWILIO_API_BASE_URL. A message has ten
/// at most, so that one page has all of them.
std::string media_list_path(std::string_view account_sid, std::string_view message_sid);

/// Reads the body of a 200.
///
/// base_url  of the API: a URL is as in a webhook, `https://api.twilio.com/…/Media/ME…`
/// returns   in Twilio's order, at most 64; or what is wrong with it
Result<std::vector<Media>> read_media_list(std::string_view base_url, std::string_view account_sid,
                                           std::string_view message_sid, std::string_view body);

}  // namespace pgcourier::twilio
