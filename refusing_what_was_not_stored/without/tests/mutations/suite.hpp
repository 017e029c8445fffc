#pragma once
// A test program with another text in the place of a statement. SQL is embedded, so that the
// program itself is changed: a copy of it, never what was built.

#include <chrono>
#include <string>
#include <string_view>

namespace pgcourier::test {

struct SuiteRun {
    enum class End { passed, failed, died, hangs };
    End end;
    /// The first case that failed.
    std::string failed_case;
    /// What it said of that.
    std::string said;
    std::chrono::milliseconds took;
};

class Suite {
  public:
    /// built  what CMake has built; it is read once
    /// copy   is written before each run, and goes at the end
    Suite(const std::string& built, std::string copy);
    ~Suite();
    Suite(const Suite&) = delete;
    Suite& operator=(const Suite&) = delete;

    /// Whether it can come to run this text.
    bool has(std::string_view text) const { return program_.find(text) != std::string::npos; }
    /// Runs it up to the first case that fails, with `other` in the place of `text`.
    ///
    /// other     not longer than `text`; both empty: as it was built
    /// only      a single case; empty: all
    /// patience  then it is killed
    SuiteRun run(std::string_view text, std::string_view other, const std::string& only,
                 std::chrono::milliseconds patience) const;

  private:
    std::string program_;
    std::string copy_;
};

}  // namespace pgcourier::test
