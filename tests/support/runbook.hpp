#pragma once
// A page of documentation whose fenced blocks are run as its reader would run them: `sql` by psql,
// `sh` by the shell, in which `pgcourier` is the built program. A `text` block is what the block
// before it prints, a `log` block is lines of the program's log. Every other fence is a complaint.

#include "support/audit.hpp"
#include "support/process.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace pgcourier::test {

struct Block {
    std::string section;   // the heading above it
    std::string language;  // behind the fence
    std::string text;
    int line = 0;  // of the fence, from 1
};

struct Page {
    std::string path;
    std::vector<std::string> sections;  // headings of the second level, in order
    std::vector<Block> blocks;
};

/// path  below the source's directory
/// throws  std::runtime_error when there is none
Page read_page(const std::string& path);

/// What stays of a line when ids, times, numbers and the widths of columns are taken out of it: two
/// lines with the same one say the same of different messages.
std::string skeleton(const std::string& line);

/// The situation that a page speaks of.
struct Situation {
    Variables variables;  // of the shell: DATABASE_URL, what the service has
    /// What `<message id>` and the like stand for, asked anew at each.
    std::map<std::string, std::function<std::string()>> names;
    std::function<std::string()> log;            // all that the service has logged
    std::chrono::milliseconds patience{30'000};  // for a line that is still to be logged
};

/// Walks a page from section to section, while a test changes the situation between them.
class Walk {
  public:
    Walk(Page page, Situation situation);

    /// Runs a section's blocks, in their order.
    ///
    /// returns  a line for each that fails or does not print the lines that the page shows, up to
    /// their skeletons
    Complaints section(const std::string& name);
    /// The sections with blocks that nobody walked.
    Complaints unwalked() const;

    Situation& situation() { return situation_; }

  private:
    void run(const Block& block);
    void compare_output(const Block& block);
    void find_in_log(const Block& block);
    void complain(const Block& block, const std::string& what);
    std::string with_names(const Block& block);

    Page page_;
    Situation situation_;
    std::set<std::string> walked_;
    Complaints complaints_;
    std::string output_;  // of the last block that ran
    bool has_output_ = false;
};

}  // namespace pgcourier::test
