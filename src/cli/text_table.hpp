#pragma once
// A table of texts for people, for what does not come as rows of the database.

#include <string>
#include <vector>

namespace pgcourier::cli {

/// Prints lines of as many cells each, below each other; the first line is the head. To standard
/// output.
///
/// numbers  the columns that are aligned to the right
void print_cells(const std::vector<std::vector<std::string>>& lines,
                 const std::vector<std::size_t>& numbers = {});

}  // namespace pgcourier::cli
