#pragma once
// Commands that go on looking until somebody ends them. A database that goes away is told of and
// asked again: what is watched is most often watched because something is wrong.

#include "cli/table.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::cli {

/// A connection that is made when it is needed, and anew when it was lost.
class LastingConnection {
  public:
    /// What `use` returns; nothing when the database does not answer for now (see trouble()).
    /// throws  Failure, pg::Error: nothing that passes by itself, or it never answered yet
    template <class Use>
    auto with(const Use& use) -> std::optional<decltype(use(std::declval<pg::Connection&>()))> {
        try {
            if (!db_) db_.emplace(open());
            auto result = use(*db_);
            has_answered_ = true;
            return result;
        } catch (const pg::Error& e) {
            note(e);
            return std::nullopt;
        }
    }

    /// What is wrong with the database, for people.
    const std::string& trouble() const { return trouble_; }

  private:
    static pg::Connection open();
    /// In the handler of `error`.
    void note(const pg::Error& error);

    std::optional<pg::Connection> db_;
    bool has_answered_ = false;
    std::string trouble_;
};

/// What one look shows, line by line, in this look.
using Looking = std::function<std::vector<std::string>(pg::Connection&, const Look&)>;

/// Looks at once and then again and again; on a terminal each look is drawn over the one before,
/// elsewhere it stands below, after an empty line. The database has rest for at least four times as
/// long as a look takes. Returns when somebody ends it or nobody reads it any more.
///
/// every  from one look to the next
/// throws Failure, pg::Error: the first look failed, or what failed does not pass by itself
void keep_looking(std::chrono::milliseconds every, const Looking& look);

/// Sleeps.
/// returns  false when somebody ends the program, or nobody reads its output any more
bool wait_or_end(std::chrono::milliseconds time);

}  // namespace pgcourier::cli
