#include "twilio/json.hpp"

#include "twilio/payload.hpp"
#include "twilio/sid.hpp"

#include <rapidjson/error/error.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pgcourier::twilio {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxNumberChars = 32;
constexpr std::size_t kMaxExponentDigits = 2;
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
                            rapidjson::kParseValidateEncodingFlag;

using Buffer = rapidjson::StringBuffer;
using Writer = rapidjson::Writer<Buffer>;

std::size_t digits_at(std::string_view text) {
    return static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) -
        text.begin());
}

struct Number {
    std::size_t chars = 0;  // of what is no number: what was looked at and found wanting
    std::size_t exponent_digits = 0;
    bool is_number = false;
};

/// The number that the text begins with (RFC 8259, section 6).
Number number_at(std::string_view text) {
    std::size_t i = text.starts_with('-') ? 1 : 0;
    const std::size_t whole = digits_at(text.substr(i));
    const bool is_whole = whole == 1 || (whole > 1 && text[i] != '0');
    i += whole;
    if (!is_whole) return {.chars = i};
    if (text.substr(i).starts_with('.')) {
        const std::size_t fraction = digits_at(text.substr(i + 1));
        if (fraction == 0) return {.chars = i};
        i += 1 + fraction;
    }
    if (i == text.size() || (text[i] != 'e' && text[i] != 'E')) return {i, 0, true};
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const std::size_t exponent = digits_at(text.substr(i));
    if (exponent == 0) return {.chars = i};
    return {i + exponent, exponent, true};
}

/// The four hexadecimal digits after `\u`; -1 when they are none.
int escaped_unit(std::string_view text) {
    if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
    const std::string_view digits = text.substr(2, 4);
    if (!std::all_of(digits.begin(), digits.end(), is_hex_digit)) return -1;
    return static_cast<int>(std::stoul(std::string{digits}, nullptr, 16));
}

bool is_high_surrogate(int unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_low_surrogate(int unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// How many bytes of the escape at the start of `text` are copied as they are; 0 for one that
/// PostgreSQL cannot hold.
std::size_t holdable_escape(std::string_view text) {
    const int unit = escaped_unit(text);
    if (unit < 0) return std::min<std::size_t>(2, text.size());
    if (is_high_surrogate(unit)) return is_low_surrogate(escaped_unit(text.substr(6))) ? 12 : 0;
    return unit == 0 || is_low_surrogate(unit) ? 0 : 6;
}

/// Replaces what RapidJSON or jsonb would refuse, without judging whether the rest is JSON.
std::string repaired(std::string_view bytes) {
    const std::string text = pg_text(bytes);
    const std::string_view view{text};
    std::string out;
    out.reserve(text.size());
    bool in_string = false;
    for (std::size_t i = 0; i < view.size();) {
        const char c = view[i];
        std::size_t copied = 1;
        if (in_string && c == '\\') {
            copied = holdable_escape(view.substr(i));
            if (copied == 0) {
                out += "\\ufffd";
                i += 6;
                continue;
            }
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == '-' || (c >= '0' && c <= '9'))) {
            const Number number = number_at(view.substr(i));
            // Of what is no number too: looked at again from its second digit on, a long run of
            // digits would take the square of its length.
            copied = std::max<std::size_t>(1, number.chars);
            if (number.is_number &&
                (copied > kMaxNumberChars || number.exponent_digits > kMaxExponentDigits)) {
                out.append("\"").append(view.substr(i, copied)).append("\"");
                i += copied;
                continue;
            }
        }
        out.append(view.substr(i, copied));
        i += copied;
    }
    return out;
}

/// Writes what it reads, down to kMaxDepth. Derived handlers see the depth before each value.
class Rewrite {
  public:
    explicit Rewrite(Buffer& out) : writer_{out} {}

    bool Null() { return writer_.Null(); }
    bool Bool(bool value) { return writer_.Bool(value); }
    bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
        return writer_.RawValue(text, size, rapidjson::kNumberType);
    }
    bool String(const char* text, rapidjson::SizeType size, bool) {
        return writer_.String(text, size);
    }
    bool Key(const char* text, rapidjson::SizeType size, bool) { return writer_.Key(text, size); }
    bool StartObject() { return ++depth_ <= kMaxDepth && writer_.StartObject(); }
    bool EndObject(rapidjson::SizeType) { return --depth_ >= 0 && writer_.EndObject(); }
    bool StartArray() { return ++depth_ <= kMaxDepth && writer_.StartArray(); }
    bool EndArray(rapidjson::SizeType) { return --depth_ >= 0 && writer_.EndArray(); }
    // Never called: numbers come as text.
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }

  private:
    Writer writer_;
    int depth_ = 0;
};

/// Collects the fields of the outermost object; what is nested in one is written into its value.
class Fields {
  public:
    Params params;

    bool Null() {
        return depth_ == 1 ? set("") : nested([](Rewrite& r) { return r.Null(); });
    }
    bool Bool(bool value) {
        return depth_ == 1 ? set(value ? "true" : "false")
                           : nested([=](Rewrite& r) { return r.Bool(value); });
    }
    bool RawNumber(const char* text, rapidjson::SizeType size, bool copy) {
        return depth_ == 1 ? set({text, size})
                           : nested([=](Rewrite& r) { return r.RawNumber(text, size, copy); });
    }
    bool String(const char* text, rapidjson::SizeType size, bool copy) {
        return depth_ == 1 ? set({text, size})
                           : nested([=](Rewrite& r) { return r.String(text, size, copy); });
    }
    bool Key(const char* text, rapidjson::SizeType size, bool copy) {
        if (depth_ > 1) return nested([=](Rewrite& r) { return r.Key(text, size, copy); });
        params.emplace_back(std::string{text, size}, std::string{});
        return true;
    }
    bool StartObject() {
        if (depth_++ == 0) return true;
        return start([](Rewrite& r) { return r.StartObject(); });
    }
    bool StartArray() {
        if (depth_++ == 0) return false;  // no object
        return start([](Rewrite& r) { return r.StartArray(); });
    }
    bool EndObject(rapidjson::SizeType count) {
        if (--depth_ == 0) return true;
        return end([=](Rewrite& r) { return r.EndObject(count); });
    }
    bool EndArray(rapidjson::SizeType count) {
        return --depth_ > 0 && end([=](Rewrite& r) { return r.EndArray(count); });
    }
    bool Int(int) { return false; }
    bool Uint(unsigned) { return false; }
    bool Int64(std::int64_t) { return false; }
    bool Uint64(std::uint64_t) { return false; }
    bool Double(double) { return false; }

  private:
    bool set(std::string_view value) {
        params.back().second = value;
        return true;
    }
    template <class Write>
    bool nested(Write write) {
        return rewrite_ && write(*rewrite_);  // depth 0: a value outside any object
    }
    template <class Write>
    bool start(Write write) {
        if (depth_ == 2) {
            buffer_.Clear();
            rewrite_.emplace(buffer_);
        }
        return depth_ <= kMaxDepth && write(*rewrite_);
    }
    template <class Write>
    bool end(Write write) {
        if (!write(*rewrite_)) return false;
        if (depth_ == 1) {
            set({buffer_.GetString(), buffer_.GetSize()});
            rewrite_.reset();
        }
        return true;
    }

    Buffer buffer_;
    std::optional<Rewrite> rewrite_;
    int depth_ = 0;
};

template <class Handler>
bool parse(std::string_view text, Handler& handler) {
    if (text.size() > std::numeric_limits<rapidjson::SizeType>::max() / 8) return false;
    const std::string whole =
        repaired(text);  // without U+0000, so the stream ends where the text ends
    rapidjson::StringStream stream{whole.c_str()};
    rapidjson::Reader reader;
    return !reader.Parse<kFlags>(stream, handler).IsError();
}

}  // namespace

std::optional<Json> clean_json(std::string_view text) {
    Buffer out;
    Rewrite handler{out};
    if (!parse(text, handler)) return std::nullopt;
    std::string clean{out.GetString(), out.GetSize()};
    const bool is_object = clean.starts_with('{');
    return Json{std::move(clean), is_object};
}

void append_json_string(std::string& out, std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    constexpr std::string_view kNamed = "\"\\\b\t\n\f\r";
    constexpr std::string_view kNames = "\"\\btnfr";
    const auto needs_escape = [](char c) {
        return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
    };
    const std::string mended = is_plain(bytes) ? std::string{} : pg_text(bytes);
    const std::string_view text = mended.empty() ? bytes : mended;
    out += '"';
    for (auto at = text.begin(); at != text.end();) {
        const auto special = std::find_if(at, text.end(), needs_escape);
        out.append(at, special);
        at = special;
        if (at == text.end()) break;
        const char c = *at++;
        if (const std::size_t name = kNamed.find(c); name != std::string_view::npos) {
            out.append({'\\', kNames[name]});
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.append("\\u00").append({kDigits[byte >> 4], kDigits[byte & 0xF]});
        }
    }
    out += '"';
}

std::string json_string(std::string_view bytes) {
    std::string out;
    append_json_string(out, bytes);
    return out;
}

Params json_fields(std::string_view text) {
    Fields handler;
    if (!parse(text, handler)) return {};
    return std::move(handler.params);
}

}  // namespace pgcourier::twilio
