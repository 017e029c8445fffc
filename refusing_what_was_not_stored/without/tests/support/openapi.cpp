#include "support/openapi.hpp"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <regex>
#include <stdexcept>

namespace pgcourier::test {
namespace {

struct Line {
    std::size_t indent;
    std::string_view text;  // without the indent
    std::size_t number;
};

class Reader {
  public:
    explicit Reader(std::string_view text) {
        for (std::size_t number = 1; !text.empty(); ++number) {
            const std::size_t end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            const std::size_t indent = line.find_first_not_of(' ');
            if (indent == std::string_view::npos) continue;
            lines_.push_back({indent, line.substr(indent), number});
        }
    }

    Yaml read_block(std::size_t indent) {
        Yaml node;
        while (at_ < lines_.size() && lines_[at_].indent == indent) {
            const Line line = lines_[at_];
            if (line.text.starts_with("- ")) {
                ++at_;
                node.list.push_back(read_flow(line.text.substr(2), line.number));
                continue;
            }
            const std::size_t colon = end_of_key(line.text);
            if (colon == std::string_view::npos) fail(line.number);
            std::string key = unquoted(line.text.substr(0, colon));
            std::string_view rest = line.text.substr(colon + 1);
            while (rest.starts_with(' ')) rest.remove_prefix(1);
            ++at_;
            Yaml value;
            if (rest == "|") {
                while (at_ < lines_.size() && lines_[at_].indent > indent)
                    value.text.append(lines_[at_++].text).append("\n");
            } else if (!rest.empty()) {
                value = read_flow(rest, line.number);
            } else if (at_ < lines_.size() && lines_[at_].indent > indent) {
                value = read_block(lines_[at_].indent);
            }
            node.map.emplace_back(std::move(key), std::move(value));
        }
        if (at_ < lines_.size() && lines_[at_].indent > indent) fail(lines_[at_].number);
        return node;
    }

  private:
    [[noreturn]] static void fail(std::size_t line) {
        throw std::runtime_error{fmt::format("line {} is YAML that we do not read", line)};
    }
    static std::size_t end_of_key(std::string_view text) {
        if (text.starts_with('\'')) return text.find('\'', 1) + 1;
        const std::size_t colon = text.find(": ");
        if (colon != std::string_view::npos) return colon;
        return text.ends_with(':') ? text.size() - 1 : std::string_view::npos;
    }
    static std::string unquoted(std::string_view text) {
        if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"'))
            text = text.substr(1, text.size() - 2);
        return std::string{text};
    }

    static Yaml read_flow(std::string_view text, std::size_t line) {
        std::string_view rest = text;
        // A plain scalar of a block line goes to the line's end, whatever is in it.
        const bool is_flow = rest.starts_with('{') || rest.starts_with('[');
        if (!is_flow) return {.text = unquoted(rest)};
        Yaml node = take(rest, line);
        if (!rest.empty()) fail(line);
        return node;
    }
    static void skip(std::string_view& rest) {
        while (rest.starts_with(' ')) rest.remove_prefix(1);
    }
    static std::string take_quoted(std::string_view& rest, std::size_t line) {
        std::string text;
        rest.remove_prefix(1);
        while (!rest.empty()) {
            if (rest.starts_with("''")) {
                text += '\'';
                rest.remove_prefix(2);
            } else if (rest.front() == '\'') {
                rest.remove_prefix(1);
                return text;
            } else {
                text += rest.front();
                rest.remove_prefix(1);
            }
        }
        fail(line);
    }
    static std::string take_scalar(std::string_view& rest, std::size_t line,
                                   std::string_view ends) {
        if (rest.starts_with('\'')) return take_quoted(rest, line);
        const std::size_t end = std::min(rest.find_first_of(ends), rest.size());
        const std::string text{rest.substr(0, end)};
        rest.remove_prefix(end);
        return text;
    }
    static Yaml take(std::string_view& rest, std::size_t line) {
        Yaml node;
        skip(rest);
        if (rest.starts_with('{') || rest.starts_with('[')) {
            const bool is_map = rest.front() == '{';
            const char end = is_map ? '}' : ']';
            rest.remove_prefix(1);
            for (skip(rest); !rest.starts_with(end); skip(rest)) {
                if (is_map) {
                    std::string key = take_scalar(rest, line, ":,{}[]");
                    if (!rest.starts_with(':')) fail(line);
                    rest.remove_prefix(1);
                    node.map.emplace_back(std::move(key), take(rest, line));
                } else {
                    node.list.push_back(take(rest, line));
                }
                skip(rest);
                if (rest.starts_with(',')) {
                    rest.remove_prefix(1);
                } else if (!rest.starts_with(end)) {
                    fail(line);
                }
            }
            rest.remove_prefix(1);
            return node;
        }
        node.text = take_scalar(rest, line, ",{}[]");
        return node;
    }

    std::vector<Line> lines_;
    std::size_t at_ = 0;
};

class Checker {
  public:
    Checker(const Yaml& document, std::vector<std::string>& found)
        : document_{document}, found_{found} {}

    void check(const Yaml& schema, const rapidjson::Value& value, const std::string& path) {
        if (const Yaml* reference = schema.find("$ref")) {
            constexpr std::string_view kPrefix = "#/components/schemas/";
            if (!reference->text.starts_with(kPrefix)) return say(path, "an unknown reference");
            return check(named(reference->text.substr(kPrefix.size())), value, path);
        }
        if (const Yaml* type = schema.find("type"); type != nullptr && !has_type(*type, value))
            return say(path, "another type");
        if (value.IsNull()) return;
        const Yaml* words = schema.find("enum");
        if (words != nullptr && value.IsString() &&
            std::ranges::find(words->list, std::string_view{value.GetString()}, &Yaml::text) ==
                words->list.end()) {
            say(path, fmt::format("{} is not one of the words", value.GetString()));
        }
        const Yaml* format = schema.find("format");
        static const std::regex kTime{R"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)"};
        if (format != nullptr && format->text == "date-time" &&
            !std::regex_match(value.GetString(), kTime)) {
            say(path, fmt::format("{} is no time", value.GetString()));
        }
        if (value.IsObject()) check_object(schema, value, path);
        if (const Yaml* items = schema.find("items"); items != nullptr && value.IsArray()) {
            for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
                check(*items, value[i], fmt::format("{}[{}]", path, i));
        }
    }
    const Yaml& named(std::string_view schema) const {
        return document_.at("components").at("schemas").at(schema);
    }

  private:
    void say(const std::string& path, const std::string& what) {
        found_.push_back(path + ": " + what);
    }
    void check_object(const Yaml& schema, const rapidjson::Value& value, const std::string& path) {
        if (const Yaml* required = schema.find("required")) {
            for (const Yaml& key : required->list) {
                if (!value.HasMember(key.text.c_str())) say(path + '.' + key.text, "is missing");
            }
        }
        const Yaml* properties = schema.find("properties");
        if (properties == nullptr) return;
        for (const auto& member : value.GetObject()) {
            const Yaml* property = properties->find(member.name.GetString());
            const std::string inner = path + '.' + member.name.GetString();
            if (property == nullptr) {
                say(inner, "is not described");
            } else {
                check(*property, member.value, inner);
            }
        }
    }
    static bool has_type(const Yaml& type, const rapidjson::Value& value) {
        if (!type.list.empty()) {
            return std::ranges::any_of(type.list,
                                       [&](const Yaml& one) { return has_type(one, value); });
        }
        if (type.text == "object") return value.IsObject();
        if (type.text == "array") return value.IsArray();
        if (type.text == "string") return value.IsString();
        if (type.text == "integer") return value.IsInt64();
        if (type.text == "number") return value.IsNumber();
        if (type.text == "boolean") return value.IsBool();
        if (type.text == "null") return value.IsNull();
        throw std::runtime_error{"a schema has the unknown type " + type.text};
    }

    const Yaml& document_;
    std::vector<std::string>& found_;
};

}  // namespace

const Yaml* Yaml::find(std::string_view key) const {
    const auto found = std::ranges::find(map, key, &std::pair<std::string, Yaml>::first);
    return found == map.end() ? nullptr : &found->second;
}

const Yaml& Yaml::at(std::string_view key) const {
    const Yaml* found = find(key);
    if (found == nullptr) throw std::runtime_error{"there is no " + std::string{key}};
    return *found;
}

Yaml parse_yaml(std::string_view text) {
    return Reader{text}.read_block(0);
}

std::vector<std::string> differences(const Yaml& document, std::string_view schema,
                                     std::string_view json) {
    std::vector<std::string> found;
    rapidjson::Document value;
    value.Parse(json.data(), json.size());
    if (value.HasParseError()) return {"it is no JSON: " + std::string{json.substr(0, 200)}};
    Checker checker{document, found};
    checker.check(checker.named(schema), value, std::string{schema});
    return found;
}

}  // namespace pgcourier::test
