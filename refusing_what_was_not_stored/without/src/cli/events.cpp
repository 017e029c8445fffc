// `pgcourier events [--correlation ID] [--tenant SHOP] [--follow]`
#include "cli/cli.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/tenants.hpp"
#include "cli/text.hpp"
#include "sql/cli.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>

namespace pgcourier::cli {
namespace {

constexpr std::chrono::seconds kLookAgain{1};
constexpr std::int64_t kMostAtOnce = 10'000;

struct Options {
    std::string correlation;
    std::string tenant;
    std::int64_t limit = 100;
    bool follow = false;
    bool as_json = false;
};

/// What a look found that was not there before, and how it is shown.
struct News {
    pg::Rows rows;
    std::vector<int> unseen;  // of the rows, in their order
    int columns = 0;          // the first ones are shown
};

/// Events as they come. A transaction may write an event late, between others that were seen: what
/// was shown is remembered, and not how many.
class Feed {
  public:
    Feed(Options options, std::optional<std::string> tenant)
        : options_{std::move(options)}, tenant_{std::move(tenant)} {}

    News look(pg::Connection& db) { return options_.correlation.empty() ? latest(db) : trace(db); }

  private:
    News trace(pg::Connection& db) {
        News news{db.exec(sql::cli::events_trace, pg::Params{options_.correlation}), {}, 5};
        for (int i = 0; i < news.rows.size(); ++i) {
            const pg::Row row = news.rows[i];
            std::string key;
            for (int column = 0; column < 4; ++column) key += row.string(column) + '\n';
            if (seen_.emplace(std::move(key), std::string{}).second) news.unseen.push_back(i);
        }
        return news;
    }

    News latest(pg::Connection& db) {
        const std::int64_t limit = since_ ? kMostAtOnce : options_.limit;
        News news{db.exec(sql::cli::events_latest, pg::Params{limit, since_, tenant_}), {}, 6};
        for (int i = 0; i < news.rows.size(); ++i) {
            const pg::Row row = news.rows[i];
            if (is_left_out(row)) continue;
            if (seen_.emplace(row.string(6), row.string(0)).second) news.unseen.push_back(i);
        }
        if (news.rows.empty()) return news;
        settle(news.rows[0].string(7));
        // What was left out for the limit's sake is not news a second later.
        if (news.rows.size() == limit) {
            settle(news.rows[0].string(0));
            first_ = {news.rows[0].string(0), news.rows[0].string(6)};
        }
        return news;
    }

    /// Of the same time as the first event that was within the limit, and before it.
    bool is_left_out(const pg::Row& row) const {
        return row.text(0) == first_.first && row.text(6) < first_.second;
    }

    /// What is older than this comes no more. Times of one form compare as texts do.
    void settle(const std::string& until) {
        if (!since_ || *since_ < until) since_ = until;
        std::erase_if(seen_, [this](const auto& event) { return event.second < *since_; });
    }

    Options options_;
    std::optional<std::string> tenant_;
    std::optional<std::string> since_;
    std::pair<std::string, std::string> first_;  // its time and id
    std::map<std::string, std::string> seen_;    // id to time; of a trace, what it showed
};

void print(const News& news, bool as_json, GrowingTable& table) {
    if (!as_json) {
        Table lines = table_of(news.rows, news.columns);
        std::vector<std::vector<std::string>> kept{std::move(lines.lines[0])};
        for (const int i : news.unseen)
            kept.push_back(std::move(lines.lines[static_cast<std::size_t>(i) + 1]));
        lines.lines = std::move(kept);
        if (!news.unseen.empty()) table.add(lines);
        return;
    }
    for (const int i : news.unseen) say_json(json_of(news.rows, news.rows[i], news.columns));
}

/// Goes on until somebody ends it, also when the database goes away and comes back.
void follow(Feed& feed, bool as_json) {
    hold_signals(Hangup::ends);
    LastingConnection db;
    GrowingTable table;
    bool is_told = false;
    do {
        const auto news = db.with([&feed](pg::Connection& to) { return feed.look(to); });
        if (news) {
            print(*news, as_json, table);
        } else if (!is_told) {
            std::fprintf(stderr, "pgcourier: %s\n  It is asked again.\n",
                         printable_lines(db.trouble()).c_str());
        }
        is_told = !news;
    } while (wait_or_end(kLookAgain));
}

int events(const Options& options) {
    std::optional<pg::Connection> db{connect()};
    std::optional<std::string> tenant;
    if (!options.tenant.empty()) tenant = find_tenant(*db, options.tenant);
    Feed feed{options, tenant};
    if (options.follow) {
        db.reset();
        follow(feed, options.as_json);
        return kOk;
    }
    const News news = feed.look(*db);
    if (!options.correlation.empty() && news.rows.empty())
        throw Failure{kFailed, "nothing is known of " + options.correlation};
    if (options.as_json) {
        say_json(json_of(news.rows, news.columns));
    } else if (news.rows.empty()) {
        std::printf("Nothing happened.\n");
    } else {
        print_table(table_of(news.rows, news.columns));
    }
    return kOk;
}

}  // namespace

void add_events(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "events", "Show what happened, the newest last: of everything, or of one message");
    CLI::Option* correlation = command->add_option(
        "--correlation", options->correlation,
        "All that happened to one message: its correlation id, its own or Twilio's");
    command->add_option("--tenant", options->tenant, "Only of this shop: its id, number or name")
        ->excludes(correlation);
    command->add_option("--limit", options->limit, "Begin with at most so many")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    command->add_flag("--follow", options->follow,
                      "Go on showing what happens, until Ctrl-C; also when the database was away");
    command->add_flag("--json", options->as_json,
                      "Print JSON: an array, or with --follow an object a line");
    command->callback([&chosen, options] { chosen = [options] { return events(*options); }; });
}

}  // namespace pgcourier::cli
