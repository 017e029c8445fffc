#include "cli/output.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// Characters, not bytes: names have accents. Good enough for a table, which needs no more.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

// What comes from outside must not move the terminal's cursor.
std::string printable(std::string_view text) {
    std::string out{text};
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    return out;
}

enum class Kind { text, number, boolean, json };

// Oids from pg_type.dat.
Kind kind_of(unsigned type) {
    switch (type) {
        case 16:
            return Kind::boolean;
        case 20:
        case 21:
        case 23:
        case 700:
        case 701:
        case 1700:
            return Kind::number;
        case 114:
        case 3802:
            return Kind::json;
        default:
            return Kind::text;
    }
}

void write_object(JsonWriter& json, const pg::Rows& rows, int index) {
    json.StartObject();
    for (int column = 0; column < rows.columns(); ++column) {
        const std::string_view name = rows.column_name(column);
        const pg::Row row = rows[index];
        const std::string_view value = row.text(column);
        json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
        if (row.is_null(column)) {
            json.Null();
        } else if (const Kind kind = kind_of(rows.column_type(column)); kind == Kind::boolean) {
            json.Bool(value == "t");
        } else if (kind == Kind::text || value == "NaN" || value.ends_with("nfinity")) {
            json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
        } else {
            json.RawValue(value.data(), value.size(), rapidjson::kNumberType);
        }
    }
    json.EndObject();
}

}  // namespace

void print_table(const pg::Rows& rows, const std::string& nothing) {
    if (rows.empty()) {
        std::printf("%s\n", nothing.c_str());
        return;
    }
    const auto columns = static_cast<std::size_t>(rows.columns());
    std::vector<std::vector<std::string>> lines(1);
    std::vector<std::size_t> widths(columns);
    for (int column = 0; column < rows.columns(); ++column)
        lines[0].emplace_back(rows.column_name(column));
    for (const pg::Row row : rows) {
        std::vector<std::string>& line = lines.emplace_back();
        for (int column = 0; column < rows.columns(); ++column)
            line.push_back(printable(row.text(column)));
    }
    for (const auto& line : lines) {
        for (std::size_t i = 0; i < columns; ++i)
            widths[i] = std::max(widths[i], width_of(line[i]));
    }
    for (const auto& line : lines) {
        std::string out;
        for (std::size_t i = 0; i < columns; ++i) {
            const bool is_number = kind_of(rows.column_type(static_cast<int>(i))) == Kind::number;
            const std::string space(widths[i] - width_of(line[i]), ' ');
            out += i == 0 ? "" : "  ";
            out += is_number ? space + line[i] : line[i] + space;
        }
        out.erase(out.find_last_not_of(' ') + 1);
        std::printf("%s\n", out.c_str());
    }
}

void print_json(const pg::Rows& rows) {
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    json.StartArray();
    for (int i = 0; i < rows.size(); ++i) write_object(json, rows, i);
    json.EndArray();
    std::printf("%s\n", buffer.GetString());
}

void print_rows(const pg::Rows& rows, bool as_json, const std::string& nothing) {
    if (as_json) {
        print_json(rows);
    } else {
        print_table(rows, nothing);
    }
}

void print_record(const pg::Rows& rows, bool as_json) {
    if (rows.empty()) return;
    if (as_json) {
        rapidjson::StringBuffer buffer;
        JsonWriter json{buffer};
        write_object(json, rows, 0);
        std::printf("%s\n", buffer.GetString());
        return;
    }
    std::size_t width = 0;
    for (int column = 0; column < rows.columns(); ++column)
        width = std::max(width, rows.column_name(column).size());
    for (int column = 0; column < rows.columns(); ++column) {
        if (rows[0].is_null(column)) continue;
        std::printf("%-*s  %s\n", static_cast<int>(width),
                    std::string{rows.column_name(column)}.c_str(),
                    printable(rows[0].text(column)).c_str());
    }
}

}  // namespace pgcourier::cli
