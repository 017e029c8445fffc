#include "twilio/details.hpp"

#include "base/address.hpp"
#include "twilio/json.hpp"
#include "twilio/payload.hpp"

#include <initializer_list>

namespace pgcourier::twilio {
namespace {

/// A JSON object in the making; what is empty is left out.
class Object {
  public:
    void add_text(std::string_view key, std::string_view text) {
        if (!text.empty()) add_json(key, json_string(text));
    }
    void add_json(std::string_view key, std::string_view json) {
        if (json.empty()) return;
        text_.append(text_.empty() ? "{" : ",").append(json_string(key)).append(":").append(json);
    }
    /// returns  empty when nothing was added
    std::string text() const { return text_.empty() ? text_ : text_ + "}"; }

  private:
    std::string text_;
};

struct Field {
    std::string_view key;
    std::string_view parameter;
};

std::string object_of(const Form& form, std::initializer_list<Field> fields) {
    Object object;
    for (const auto& [key, parameter] : fields) object.add_text(key, form.value(parameter));
    return object.text();
}

std::string referral_of(const Form& form) {
    // ReferralNumMedia=0 is always there and says nothing alone.
    std::string advertisement = object_of(form, {{"body", "ReferralBody"},
                                                 {"headline", "ReferralHeadline"},
                                                 {"source_id", "ReferralSourceId"},
                                                 {"source_type", "ReferralSourceType"},
                                                 {"source_url", "ReferralSourceUrl"},
                                                 {"media_id", "ReferralMediaId"},
                                                 {"media_content_type", "ReferralMediaContentType"},
                                                 {"media_url", "ReferralMediaUrl"},
                                                 {"ctwa_clid", "ReferralCtwaClid"}});
    if (advertisement.empty()) return {};
    const std::string_view count = form.value("ReferralNumMedia");
    if (count.empty()) return advertisement;
    return advertisement.substr(0, advertisement.size() - 1) +
           ",\"num_media\":" + json_string(count) + "}";
}

}  // namespace

std::string details_json(const Form& form) {
    const auto value = [&form](std::string_view key) { return form.value(key); };
    Object details;
    details.add_json("button", object_of(form, {{"text", "ButtonText"},
                                                {"payload", "ButtonPayload"},
                                                {"type", "ButtonType"}}));
    details.add_json("list", object_of(form, {{"id", "ListId"},
                                              {"title", "ListTitle"},
                                              {"description", "ListDescription"}}));
    details.add_json("location", object_of(form, {{"latitude", "Latitude"},
                                                  {"longitude", "Longitude"},
                                                  {"address", "Address"},
                                                  {"label", "Label"}}));
    Object quoted;
    quoted.add_text("message_sid", value("OriginalRepliedMessageSid"));
    quoted.add_text("sender", bare_address(value("OriginalRepliedMessageSender")));
    details.add_json("quoted", quoted.text());
    details.add_json("referral", referral_of(form));
    if (value("Forwarded") == "true") details.add_json("forwarded", "true");
    if (value("FrequentlyForwarded") == "true") details.add_json("frequently_forwarded", "true");
    const auto add_embedded = [&](std::string_view key, std::string_view parameter) {
        if (!value(parameter).empty()) details.add_json(key, json_value(value(parameter)));
    };
    add_embedded("interactive_data", "InteractiveData");
    add_embedded("flow_data", "FlowData");
    add_embedded("channel_metadata", "ChannelMetadata");
    details.add_text("message_type", value("MessageType"));
    details.add_text("date_sent", value("DateSent"));
    return details.text();
}

}  // namespace pgcourier::twilio
