#pragma once
// /metrics. What the process counts is at hand; what the database knows is read for whoever asks,
// at most every five seconds, on a connection that is there anyway. A scrape is answered whatever
// the database does: then without what only it knows, and with pgcourier_database_up 0 when it
// answered nothing else either.

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "http/routes.hpp"
#include "ops/gauges.hpp"
#include "pg/connection.hpp"

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

namespace pgcourier::ops {

struct ScrapeOptions {
    std::chrono::milliseconds fresh{5'000};  // so long what was read from the database holds
    std::chrono::milliseconds late{5'000};   // so long a scrape waits for the views
};

class Scrape {
  public:
    /// live  adds what is counted outside of the registry; on any thread
    /// ask   has refresh() called soon, on the thread that has the connection; must not wait
    Scrape(const Metrics& metrics, std::function<void(Samples&)> live, std::function<void()> ask,
           const Clock& clock, ScrapeOptions options = {});

    /// GET /metrics. The scrape outlives the routes.
    void add_route(http::Routes& routes);

    /// Reads the views when somebody waits for them, and answers.
    /// throws  pg::Error when the connection is lost; whoever waits is then answered by
    ///         database_answers(false)
    void refresh(pg::Connection& db);
    /// What is known of the database beside that. From any thread.
    void database_answers(bool answers);

  private:
    void answer(http::Responder respond);
    bool may_wait(http::Responder& respond);
    http::Response answer_late();
    void answer_all(bool is_up, Samples read);
    http::Response response() const;

    const Metrics& metrics_;
    const std::function<void(Samples&)> live_;
    const std::function<void()> ask_;
    const Clock& clock_;
    const ScrapeOptions options_;
    mutable std::mutex mutex_;
    std::vector<http::Responder> waiting_;  // guarded by mutex_
    Samples read_;                          // guarded by mutex_
    SteadyTime read_at_;                    // guarded by mutex_: also when it failed
    bool is_up_ = true;                     // guarded by mutex_
    SteadyTime answered_at_;                // guarded by mutex_: anything by the database
    Gauges gauges_;                         // of the thread that refreshes
};

}  // namespace pgcourier::ops
