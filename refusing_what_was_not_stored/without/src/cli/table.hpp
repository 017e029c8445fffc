#pragma once
// A table of texts for people. It fits the terminal's width; what would have to lose an id, a
// number or a time for that is printed as records instead, a field a line. Where there is no
// terminal it is as wide as it needs to be.

#include <set>
#include <string>
#include <vector>

namespace pgcourier::cli {

struct Table {
    std::vector<std::vector<std::string>> lines;  // the first one is the head
    std::set<std::size_t> numbers;                // the columns that are aligned to the right
};

/// How a table is to look.
struct Look {
    std::size_t width = 0;  // of a line, 0: no bound
    bool has_colours = false;
};

/// The look for standard output as it is now.
Look look_of_output();

/// The table's lines. When they are wider than `look.width`, the widest columns are cut, names and
/// words before ids, which somebody may want to copy. Colours are given to the head and to the
/// words of the columns `state` and `status`. Pure.
///
/// widths  what the columns had in the lines above these, which they keep or exceed; gets what they
/// have now
std::vector<std::string> lay_out(const Table& table, const Look& look,
                                 std::vector<std::size_t>* widths = nullptr);

/// Whether the table can be as narrow as `width` while ids, numbers, times and masked values stay
/// whole and words keep enough to be told apart. Pure.
bool fits(const Table& table, std::size_t width);

/// Each line as a record: its fields one below the other, without those that are empty; an empty
/// line between records. Nothing is cut: a terminal wraps what is longer than its lines. Pure.
std::vector<std::string> lay_out_records(const Table& table, const Look& look);

/// Prints it to standard output, as records where it does not fit.
void print_table(const Table& table);

/// A table that goes on: what is added stands below what was, under one head.
class GrowingTable {
  public:
    /// Prints the lines of `table`, whose head is always the same.
    void add(const Table& table);

  private:
    std::vector<std::size_t> widths_;
    bool has_records_ = false;  // since something did not fit; also what comes later then
};

}  // namespace pgcourier::cli
