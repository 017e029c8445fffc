#pragma once
// Answers the console's questions from the database: one thread, one connection, a bounded queue,
// whatever the number of viewers. Who asks what somebody else has just asked gets the same answer.
// The connection is made when somebody asks, and closed when nobody has asked for a minute.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "console/live.hpp"
#include "http/routes.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::console {

/// The key of the question whose answer live viewers are told.
constexpr const char* kOverviewKey = "overview";

/// Looks or acts, on the desk's thread. May throw pg::Error.
using Work = std::function<http::Response(pg::Connection&)>;

struct DeskOptions {
    std::size_t questions = 64;                 // that wait; more are answered 503
    std::size_t acts = 32;                      // the same; they go before all questions
    std::size_t askers = 256;                   // of one question that wait; more are answered 503
    std::chrono::milliseconds fresh{1'000};     // so long at least an answer is given to others too
    std::chrono::milliseconds stalest{10'000};  // and so long at most
    std::chrono::milliseconds late{10'000};     // a question that waited longer is answered 503
    /// The same of an act, which is not done: short of the route's deadline by connecting (5 s) and
    /// by its statement (5 s).
    std::chrono::milliseconds late_act{4'000};
    std::chrono::milliseconds idle{60'000};    // then the connection is closed
    std::chrono::milliseconds busiest{1'000};  // between two events for the viewers, at least
    std::chrono::milliseconds quiet{2'000};    // the same, unless somebody was told of news
    std::chrono::milliseconds laziest{10'000};
    /// The viewers' events, and one question that is asked again and again, each take at most one
    /// part in so many of one connection's time.
    int share = 50;
};

class Desk {
  public:
    /// overview  makes what live viewers are told
    /// minute    called on the desk's thread each minute at least, also while nobody asks
    Desk(pg::ConnectOptions connect, Live& live, Work overview, std::function<void()> minute,
         const Clock& clock, const DeskOptions& options = {});

    /// Answers a question. From any thread; never waits.
    /// key  equal for questions that have the same answer
    void ask(std::string key, Work work, http::Responder respond);
    /// Answers by doing something, before all questions that wait: when the database is slow, what
    /// many look at must not keep the one who pauses waiting. Never shared, and what was answered
    /// before is forgotten.
    void act(Work work, http::Responder respond);
    /// Somebody views: look whether they are to be told something.
    void look_up();
    /// A notification says that something has happened: viewers are told as soon as they may be.
    /// From any thread; costs next to nothing, however often it is called.
    void news();

    void run(std::stop_token stop);

  private:
    struct Task {
        std::string key;  // empty: an act
        Work work;
        SteadyTime asked_at;
        std::vector<http::Responder> askers;
    };
    struct Answered {
        SteadyTime until;
        http::Response response;
    };

    std::optional<Task> next(std::stop_token stop);
    SteadyTime::duration patience();
    void do_task(Task task);
    void tell_viewers();
    http::Response answer(const Work& work, bool is_act = false);
    http::Response failed(const pg::Error& error, bool is_away);
    void remember(std::string_view key, const http::Response& response, SteadyTime::duration took);
    std::optional<http::Response> remembered(std::string_view key);

    const pg::ConnectOptions connect_;
    Live& live_;
    const Work overview_;
    const std::function<void()> minute_;
    const Clock& clock_;
    const DeskOptions options_;
    const Log log_{"Console"};
    std::optional<pg::Connection> db_;  // of the thread that runs
    SteadyTime used_at_;                // likewise
    SteadyTime live_at_;                // likewise: the next event
    SteadyTime live_after_;             // likewise: no sooner, whatever the news
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Task> tasks_;                                 // guarded by mutex_: questions
    std::deque<Task> acts_;                                  // guarded by mutex_
    std::map<std::string, Answered, std::less<>> answered_;  // guarded by mutex_
    bool is_looked_for_ = false;                             // guarded by mutex_: somebody views
    bool has_news_ = false;                                  // guarded by mutex_: not told yet
    bool is_stopping_ = false;                               // guarded by mutex_
};

}  // namespace pgcourier::console
