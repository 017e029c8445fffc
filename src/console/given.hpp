#pragma once
// What a request gives, name by name, checked as it is read: the first that is wrong is kept, with
// what was expected.

#include "http/request.hpp"
#include "twilio/form.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace pgcourier::console {

class Given {
  public:
    /// The pairs of a query.
    static Given of_query(std::string_view query);
    /// The fields of a JSON object.
    static Given of_json(std::string_view json);

    /// A text; nothing when it is missing or empty.
    std::optional<std::string> text(const char* name, std::size_t most_bytes = 400);
    /// A text that may be empty; nothing when it is missing.
    std::optional<std::string> text_or_empty(const char* name, std::size_t most_bytes = 4000);
    /// One that must be there.
    std::string needed(const char* name, const char* expected, std::size_t most_bytes = 400);
    /// One of these words, which must be there.
    std::string choice(const char* name, std::initializer_list<std::string_view> words);
    std::optional<std::string> time(const char* name);
    std::optional<int> number(const char* name);
    std::optional<double> rate(const char* name);
    std::optional<bool> flag(const char* name);
    /// The JSON of an object or array within; nothing when it is missing.
    std::optional<std::string> json(const char* name, char first);

    /// Wrong when there is anything but these, or one of them is empty (other than `may_be_empty`):
    /// what narrows an act must not be passed over.
    void nothing_but(std::initializer_list<std::string_view> names, std::string_view may_be_empty);

    /// Says what else is wrong; only the first counts.
    void wrong(std::string_view name, std::string_view expected);
    /// 400 when something was wrong.
    std::optional<http::Response> problem() const;

  private:
    explicit Given(twilio::Params fields) : fields_{std::move(fields)} {}
    twilio::Params fields_;
    std::string problem_;
};

}  // namespace pgcourier::console
