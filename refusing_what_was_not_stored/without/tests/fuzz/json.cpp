// JSON from outside: what is written anew is JSON that jsonb accepts (UTF-8, no U+0000 and no lone
// surrogate, by RapidJSON's own recursive reading with validation), and stays the same when it is
// written anew again; any bytes make a JSON string that says what pg_text says; a payload is always
// a JSON object, whatever the body was.
#include "twilio/json.hpp"

#include "fuzz/support.hpp"
#include "twilio/payload.hpp"

#include <rapidjson/document.h>

#include <string>

using namespace pgcourier;
using namespace pgcourier::twilio;
using fuzz::require;

namespace {

rapidjson::Document parsed(const std::string& text) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str(), text.size());
    return document;
}

bool is_jsonb(const std::string& text) {
    return !parsed(text).HasParseError() && fuzz::is_pg_text(text) &&
           text.find("\\u0000") == std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::Input{data, size}.rest();

    const auto clean = clean_json(text);
    if (clean) {
        // An escaped backslash before u0000 is no U+0000, so this cannot be looked for in the text.
        const rapidjson::Document document = parsed(clean->text);
        require(!document.HasParseError() && fuzz::is_pg_text(clean->text), "clean JSON is JSON");
        require(document.IsObject() == clean->is_object, "is_object says whether it is one");
        const auto again = clean_json(clean->text);
        require(again && again->text == clean->text, "clean(clean(x)) == clean(x)");
        require(json_value(text) == clean->text, "a JSON value stays JSON");
    } else {
        require(json_value(text) == json_string(text), "no JSON becomes a JSON string");
    }
    for (const auto& [key, value] : json_fields(text)) {
        require(clean && clean->is_object, "only an object has fields");
        require(fuzz::is_utf8(key) && fuzz::is_utf8(value), "fields are UTF-8");
    }

    const std::string string = json_string(text);
    const rapidjson::Document document = parsed(string);
    require(!document.HasParseError() && document.IsString(), "a JSON string is one");
    require(std::string_view(document.GetString(), document.GetStringLength()) == pg_text(text),
            "a JSON string says what the text says");
    const std::string plain = pg_text(text);
    require(fuzz::is_pg_text(plain) && pg_text(plain) == plain, "pg_text is valid and stays so");
    require(!fuzz::is_pg_text(text) || plain == text, "pg_text leaves valid text alone");

    for (const BodyFormat format : {BodyFormat::form, BodyFormat::json}) {
        const std::string payload = payload_json(format, text);
        const rapidjson::Document object = parsed(payload);
        require(!object.HasParseError() && object.IsObject() && fuzz::is_pg_text(payload),
                "a payload is a JSON object");
        if (format == BodyFormat::form)
            require(is_jsonb(payload) || payload.find("\\\\u0000") != std::string::npos,
                    "a form's payload has no U+0000");
    }
    return 0;
}
