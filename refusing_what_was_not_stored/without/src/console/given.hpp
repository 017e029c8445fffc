#pragma once
// What a request gives, name by name, checked as it is read: the first that is wrong is kept, with
// what was expected. What an act does not read it refuses: a misspelt condition is none.

#include "http/request.hpp"

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::console {

class Given {
  public:
    /// The pairs of a query. Names that nobody reads are no problem.
    static Given of_query(std::string_view query);
    /// The fields of a JSON object. A name that nobody has read when problem() is asked is one, and
    /// so is one that is given twice.
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
    /// The JSON of an array of at most `most` texts; nothing when it is missing.
    std::optional<std::string> texts(const char* name, std::size_t most);
    /// The fields of an object within; nothing when it is missing.
    std::optional<Given> object(const char* name);

    /// Nothing that is given may be null, or empty but for `exception`: somebody's variable was not
    /// set, and a condition that is not there would mean everything.
    void refuse_blanks(std::string_view exception);
    /// Says what else is wrong; only the first counts.
    void wrong(std::string_view name, std::string_view expected);
    /// The same, with what is wrong in the object of this name.
    void wrong_within(std::string_view name, const Given& inner);
    /// 400 when something was wrong.
    std::optional<http::Response> problem() const;

  private:
    enum class Kind { text, null, texts, list, object };
    struct Field {
        std::string name;
        std::string value;  // of a list or an object its JSON
        Kind kind = Kind::text;
        std::size_t items = 0;  // of a list
    };

    const Field* find(std::string_view name) const;
    const Field* read(const char* name);
    std::string trouble() const;

    std::vector<Field> fields_;
    std::set<std::string, std::less<>> read_;
    bool is_strict_ = false;
    std::string problem_;
};

}  // namespace pgcourier::console
