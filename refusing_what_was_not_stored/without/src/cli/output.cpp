#include "cli/output.hpp"

#include "cli/text.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstdio>

namespace pgcourier::cli {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

enum class Kind { text, number, boolean, json, time };

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
        case 1114:
        case 1184:
            return Kind::time;
        default:
            return Kind::text;
    }
}

// A connection's times are in UTC, and so are those without a zone.
std::string iso_time(std::string_view text) {
    std::string iso{text.ends_with("+00") ? text.substr(0, text.size() - 3) : text};
    // Not infinity, nor what a session in another zone or style says.
    const bool is_utc = iso.size() >= 19 && iso[4] == '-' && iso[10] == ' ' &&
                        iso.find_first_not_of("0123456789.", 17) == std::string::npos;
    if (!is_utc) return std::string{text};
    iso[10] = 'T';
    return iso + 'Z';
}

void write_object(JsonWriter& json, const pg::Rows& rows, const pg::Row& row, int until) {
    json.StartObject();
    for (int column = 0; column < std::min(until, rows.columns()); ++column) {
        const std::string_view name = rows.column_name(column);
        const std::string_view value = row.text(column);
        json.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
        if (row.is_null(column)) {
            json.Null();
        } else if (const Kind kind = kind_of(rows.column_type(column)); kind == Kind::boolean) {
            json.Bool(value == "t");
        } else if (kind == Kind::time) {
            json.String(iso_time(value));
        } else if (kind == Kind::text || value == "NaN" || value.ends_with("nfinity")) {
            json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
        } else {
            json.RawValue(value.data(), value.size(), rapidjson::kNumberType);
        }
    }
    json.EndObject();
}

/// A value as people read it; NULL is empty.
std::string cell(const pg::Rows& rows, const pg::Row& row, int column) {
    if (kind_of(rows.column_type(column)) == Kind::boolean && !row.is_null(column))
        return row.text(column) == "t" ? "yes" : "no";
    return printable(row.text(column));
}

}  // namespace

Table table_of(const pg::Rows& rows, int until) {
    const int columns = std::min(until, rows.columns());
    Table table;
    table.lines.emplace_back();
    for (int column = 0; column < columns; ++column) {
        table.lines[0].emplace_back(rows.column_name(column));
        if (kind_of(rows.column_type(column)) == Kind::number)
            table.numbers.insert(static_cast<std::size_t>(column));
    }
    for (const pg::Row row : rows) {
        std::vector<std::string>& line = table.lines.emplace_back();
        for (int column = 0; column < columns; ++column) line.push_back(cell(rows, row, column));
    }
    return table;
}

void print_table(const pg::Rows& rows, const std::string& nothing) {
    if (rows.empty()) {
        say(nothing);
    } else {
        print_table(table_of(rows));
    }
}

std::string json_of(const pg::Rows& rows, int until) {
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    json.StartArray();
    for (const pg::Row row : rows) write_object(json, rows, row, until);
    json.EndArray();
    return buffer.GetString();
}

std::string json_of(const pg::Rows& rows, const pg::Row& row, int until) {
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    write_object(json, rows, row, until);
    return buffer.GetString();
}

void print_json(const pg::Rows& rows) {
    say_json(json_of(rows));
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
        say_json(json_of(rows, rows[0]));
        return;
    }
    std::size_t width = 0;
    for (int column = 0; column < rows.columns(); ++column)
        width = std::max(width, rows.column_name(column).size());
    for (int column = 0; column < rows.columns(); ++column) {
        if (rows[0].is_null(column)) continue;
        std::printf("%-*s  %s\n", static_cast<int>(width),
                    std::string{rows.column_name(column)}.c_str(),
                    cell(rows, rows[0], column).c_str());
    }
}

void tell_result(const std::string& words, bool as_json) {
    if (!as_json) {
        say(words);
        return;
    }
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    json.StartObject();
    json.Key("result");
    json.String(words);
    json.EndObject();
    say_json(buffer.GetString());
}

}  // namespace pgcourier::cli
