#pragma once
// Words as a terminal shows them: how many columns they take, and what of them may be printed.
// Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace pgcourier::cli {

/// Columns that UTF-8 takes on a terminal: accents none, East Asian letters and pictures two.
std::size_t width_of(std::string_view text);

/// The same words without what moves a terminal's cursor or changes its colours: what comes from
/// outside must not.
std::string printable(std::string_view text);

/// At most `columns` of it; what is left out is told by an ellipsis.
std::string cut(std::string_view text, std::size_t columns);

}  // namespace pgcourier::cli
