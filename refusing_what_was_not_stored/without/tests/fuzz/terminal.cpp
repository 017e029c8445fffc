// What commands print: no byte that a terminal obeys is left, whatever the text is; a text is cut
// to its columns; a table's lines are no wider than the terminal. Lines: columns, then the cells.
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "fuzz/support.hpp"

#include <string>

using namespace pgcourier;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const auto columns = static_cast<std::size_t>(fuzz::small_number(input.line()) % 200);
    const std::string_view text = input.rest();

    const std::string words = cli::printable(text);
    require(!fuzz::has_control(words), "what is printed has no control character");
    require(fuzz::is_utf8(words), "what is printed is UTF-8");
    require(cli::printable(words) == words, "printable(printable(x)) == printable(x)");
    require(cli::width_of(cli::cut(words, columns)) <= columns, "a text is cut to its columns");

    cli::Table table;
    table.lines.push_back({"id", "state", "words", "n"});
    table.numbers.insert(3);
    while (!input.empty() && table.lines.size() < 20) {
        std::vector<std::string>& line = table.lines.emplace_back();
        for (int i = 0; i < 4; ++i) line.push_back(cli::printable(input.line()));
    }
    const std::vector<std::string> lines =
        cli::lay_out(table, {.width = columns, .has_colours = false});
    require(lines.size() == table.lines.size(), "a row is a line");
    for (const std::string& line : lines) {
        require(!fuzz::has_control(line), "a line has no control character");
        require(columns == 0 || cli::width_of(line) <= columns, "a line fits the terminal");
    }
    return 0;
}
