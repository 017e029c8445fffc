#pragma once
// application/x-www-form-urlencoded, read exactly as Twilio's signature rules need it and written
// as its API takes it.

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::twilio {

using Params = std::vector<std::pair<std::string, std::string>>;

/// Reads a body or a query (without `?`), keeping order and repeats.
///
/// `+` and `%20` are a space; a bad percent sequence stays as it is; `&&` and a trailing `&` give
/// nothing; a key without `=` has an empty value. The bytes are not checked for UTF-8.
Params decode_form(std::string_view text);

/// The same, pair by pair in the order of the text, without decoding and without copying:
/// `visit(key, value)`.
template <class Visit>
void for_each_encoded_pair(std::string_view text, Visit&& visit) {
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        visit(pair.substr(0, equals),
              equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    }
}

/// What decode_form() gives, in one buffer: two allocations and not one for each text.
class Form {
  public:
    using Pair = std::pair<std::string_view, std::string_view>;

    explicit Form(std::string_view text);
    explicit Form(const Params& params);

    /// In order, with repeats; they live as long as the form, also when it is moved.
    std::span<const Pair> pairs() const { return pairs_; }
    bool has(std::string_view key) const;
    /// The first value of `key`, empty when there is none.
    std::string_view value(std::string_view key) const;

  private:
    std::unique_ptr<char[]> buffer_;
    std::vector<Pair> pairs_;
};

/// Appends one decoded key or value; it is never longer than its encoded form.
void append_decoded(std::string& out, std::string_view encoded);

/// Keys and values joined by `=` and `&`, a space as `+`; the inverse of decode_form.
std::string encode_form(const Params& params);

/// All but letters, digits and `-._~` as `%XX` (RFC 3986): for a path segment or a query value.
std::string percent_encode(std::string_view text);

/// The first value of `key`, nullptr when there is none. Lives as long as `params`.
const std::string* find(const Params& params, std::string_view key);

/// The first value of `key`, empty when there is none.
std::string_view value_or_empty(const Params& params, std::string_view key);

}  // namespace pgcourier::twilio
