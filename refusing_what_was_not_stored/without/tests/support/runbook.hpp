#pragma once
// A page of documentation whose fenced blocks are run as its reader would run them: `sql` by psql,
// `sh` by the shell, in which `pgcourier` is the built program. A `text` block is what the block
// before it prints, a `log` block is lines of the program's log. `yaml`, `ini`, `url` and `mermaid`
// hold nothing to run. Every other fence is a complaint.

#include "support/audit.hpp"
#include "support/process.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
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

/// README.md and all pages of docs/ and bench/, as paths below the source's directory.
std::vector<std::string> all_pages();
/// A page as it stands.
std::string text_of_page(const std::string& path);

/// Whether a fence of this language is something to run, or what that prints.
bool is_walked(const std::string& language);

/// The commands of an `sh` block: lines without their comments, those that end in `\` joined with
/// the next one.
std::vector<std::string> commands_of(const Block& block);

/// What stays of a line when ids, times, numbers and the widths of columns are taken out of it: two
/// lines with the same one say the same of different messages.
std::string skeleton(const std::string& line);

/// A command that a test cannot run as it stands on the page.
struct NotRun {
    std::string command;  // to the letter
    std::string why;
    std::function<void()> instead = {};  // what the test does when it comes to it
};

/// The situation that a page speaks of.
struct Situation {
    Variables variables;  // of the shell: DATABASE_URL, what the service has
    /// What `<message id>` and the like stand for, asked anew at each.
    std::map<std::string, std::function<std::string()>> names;
    std::function<std::string()> log;            // all that the service has logged
    std::chrono::milliseconds patience{30'000};  // for a line that is still to be logged
    std::vector<NotRun> not_run = {};
    /// What is another one here: a port, a path. Replaced wherever it stands in a block that runs.
    std::vector<std::pair<std::string, std::string>> replaced = {};
};

/// Walks a page from section to section, while a test changes the situation between them. What a
/// block exports, the blocks after it have.
class Walk {
  public:
    Walk(Page page, Situation situation);

    /// Runs a section's blocks, in their order.
    ///
    /// returns  a line for each that fails or does not print the lines that the page shows, up to
    /// their skeletons
    Complaints section(const std::string& name);
    /// All sections with blocks, in the order of the page.
    Complaints all_sections();
    /// The blocks that nobody walked, and the commands of `not_run` that the page does not have.
    Complaints unwalked() const;

    Situation& situation() { return situation_; }

  private:
    void run(const Block& block);
    void run_commands(const Block& block);
    void run_script(const Block& block, const std::string& text);
    void compare_output(const Block& block);
    void find_in_log(const Block& block);
    void complain(const Block& block, const std::string& what);
    std::string with_names(const Block& block, std::string text);

    Page page_;
    Situation situation_;
    std::set<std::string> walked_;
    std::set<std::string> met_;  // commands of not_run
    std::string exports_path_;   // what the shells of this page have exported
    Complaints complaints_;
    std::string output_;  // of the last block that ran
    bool has_output_ = false;
};

}  // namespace pgcourier::test
