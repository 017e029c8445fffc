#pragma once
// Where a page of a list ended, as the opaque text that the browser gives back for the next one.
// Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::console {

/// The key of the last row that was shown: the columns by which the list is ordered.
struct Cursor {
    std::string at{};  // a time, as PostgreSQL prints it; empty where the list has none
    std::string id{};
};

/// What ops.cursor made.
/// returns  nullopt when it is no such text, or its time is none
std::optional<Cursor> cursor_from(std::string_view text);

/// Whether this is a time as a browser or PostgreSQL writes it: `2026-02-08T10:00:00.123Z`, with
/// seconds and zone left out or not. Its fields are within their bounds.
bool is_time(std::string_view text);

/// A number of rows a page: from 1 to 100, 50 for an empty text.
/// returns  nullopt when it is something else
std::optional<int> limit_from(std::string_view text);

}  // namespace pgcourier::console
