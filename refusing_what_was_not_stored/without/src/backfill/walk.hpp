#pragma once
// One walk through Twilio's list: each number, each day of the window, the oldest first. Stores
// what is missing in the order in which it was said, and nothing that is there.

#include "backfill/calls.hpp"
#include "backfill/store.hpp"
#include "backfill/window.hpp"
#include "pg/connection.hpp"
#include "twilio/event.hpp"
#include "twilio/message_list.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgcourier::backfill {

enum class Walked {
    whole,
    held_back,  // all but a list, or but messages with media: problem() says why
    stopped,    // it was told to, or has lost its gap
    failed      // Twilio's lists cannot be read: problem() says why
};

struct WalkSettings {
    std::string account_sid;
    Window window;
    WallTime now;
    Take take = Take::all;
    bool is_dry_run = false;  // only counts
    /// A message whose media Twilio does not tell is not waited for any longer: its text is stored
    /// without. Else it is held back, it alone.
    bool gives_media_up = false;
    /// In how many walks in a row, before this one, something could not be read.
    int failures = 0;
};

/// With texts of 1600 characters still under the 4 MiB that are read of one answer.
inline constexpr std::size_t kPageSize = 200;
/// Of one day to one number; Twilio's own pages end before that, or it gives out pages in a circle.
inline constexpr int kMostPages = 5'000;
inline constexpr const char* kTooManyPages = "the list has more than 5000 pages for one day";

class Walk {
  public:
    /// db, calls     outlive it
    /// may_go_on     asked at least each second
    Walk(pg::Connection& db, Calls& calls, WalkSettings settings, std::function<bool()> may_go_on);

    /// Reads what people wrote to these numbers, from `begin` on. `at` is called before each day
    /// with where to begin again should the walk end there: all before that is stored; false ends
    /// the walk. What alone cannot be read is held back until all others are through. A list that
    /// gets no answer, or a 5xx, is one of these unless the next numbers' get none either.
    ///
    /// throws  pg::Error; doing it again is safe
    Walked messages(const std::vector<std::string>& numbers, const Place& begin,
                    const std::function<bool(const Place&)>& at);
    /// Reads the same for a walk that takes words only: the lists of all numbers beside each other,
    /// those of `first` before the others. What is behind `begin` may be read twice.
    Walked words(const std::vector<std::string>& numbers,
                 const std::set<std::string, std::less<>>& first, const Place& begin,
                 const std::function<bool(const Place&)>& at);
    /// Reads what became of messages that these numbers sent; stores what is news as callbacks.
    Walked deliveries(const std::vector<SendingNumber>& numbers, WallTime until, const Place& begin,
                      const std::function<bool(const Place&)>& at);

    const Tally& tally() const { return tally_; }
    const std::string& problem() const { return problem_; }
    bool has_held_media_back() const { return has_held_media_back_; }
    /// Whether some list got no answer, or a 5xx: it may yet.
    bool lacked_answer() const { return lacked_answer_; }
    /// The events of the words that were found, stored just now or there already: sending waits
    /// for their routing.
    const std::vector<std::int64_t>& found_words() const { return words_; }

  private:
    using Messages = std::vector<twilio::ListedMessage>;
    using Media = std::vector<twilio::Media>;
    Walked read_page(const Reply& reply, const std::string& number, twilio::MessagePage& page);
    Walked pages(const twilio::ListFilter& filter, const std::function<Walked(Messages)>& each);
    Walked day_of_messages(const std::string& number, std::chrono::sys_days day);
    Walked keep_missing(Messages page, Messages& missing);
    Walked store(Messages missing);
    Walked store_some(Messages some);
    std::optional<std::vector<Media>> media_of(Messages& some);
    Walked day_of_deliveries(const std::string& number, std::chrono::sys_days day);
    Walked failed(std::string why);
    Walked hold_back(std::string why);
    Walked no_answer(const std::string& number, std::string why);
    void note_held_back(const Place& place);
    Walked through();

    pg::Connection& db_;
    Calls& calls_;
    WalkSettings settings_;
    std::function<bool()> may_go_on_;
    Tally tally_;
    std::string problem_;
    std::vector<std::int64_t> words_;
    std::string held_back_why_;       // empty: nothing was held back
    std::optional<Place> held_back_;  // the first list of which something was
    bool has_held_media_back_ = false;
    bool lacked_answer_ = false;
    bool has_read_ = false;             // a list, or begins behind some that were read before
    std::set<std::string> unanswered_;  // the numbers that got no answer since a list was read
};

}  // namespace pgcourier::backfill
