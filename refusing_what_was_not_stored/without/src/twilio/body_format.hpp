#pragma once
// The two kinds of body that Twilio posts.

#include <optional>
#include <string_view>

namespace pgcourier::twilio {

enum class BodyFormat { form, json };

/// By the media type alone: case and parameters (`; charset=utf-8`) do not matter.
///
/// returns  nullopt for any other type and for none: such a body is not authenticated by anything
std::optional<BodyFormat> body_format(std::string_view content_type);

}  // namespace pgcourier::twilio
