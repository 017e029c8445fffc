#pragma once
// Words as a terminal shows them: how many columns they take, and what of them may be printed. What
// comes from outside (rows, arguments, what a server said) is printed by say() and say_json().

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::cli {

/// Columns that UTF-8 takes on a terminal: accents none, East Asian letters and pictures two.
std::size_t width_of(std::string_view text);

/// The same words without what moves a terminal's cursor or changes its colours: what comes from
/// outside must not.
std::string printable(std::string_view text);

/// The same words in lines of at most `columns`, broken between words where they have room.
/// columns  0: no bound
std::vector<std::string> wrapped(std::string_view text, std::size_t columns);

/// The same, but line feeds stay.
std::string printable_lines(std::string_view text);

/// Prints printable_lines() and a line feed to standard output.
void say(std::string_view text);

/// The same for a JSON text: what a terminal would obey is escaped in its strings.
void say_json(std::string_view json);

/// At most `columns` of it; what is left out is told by an ellipsis.
std::string cut(std::string_view text, std::size_t columns);

}  // namespace pgcourier::cli
