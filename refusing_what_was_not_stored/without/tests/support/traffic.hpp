#pragma once
// Both sides of a shop at the same time, for faults to happen under: customers who write through
// Twilio, and the shop that writes to them. Keeps ledgers of what it was promised: webhooks that
// were answered 200, rows whose INSERT was answered. It never asks the program what it did.

#include "support/audit.hpp"
#include "support/cluster.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace pgcourier::test {

struct Pace {
    int webhooks = 100;       // new ones a second; 0: none
    int messages = 100;       // the shop's, a second; 0: none
    int recipients = 2'000;   // of these, in turn
    int most_deliveries = 1;  // each webhook comes once to so many times, at any instances
    int poison_percent = 0;   // of the webhooks, with what a customer's client may well send
};

class Traffic {
  public:
    /// Begins at once. Posts to all instances of the cluster in turn.
    Traffic(Cluster& cluster, Pace pace, std::uint64_t seed);
    ~Traffic();
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;

    /// The shop writes to this database from now on.
    void write_to(pg::ConnectOptions database);
    /// Whether the shop writes. What it did not meanwhile it makes up for.
    void let_shop_write(bool lets) { is_shop_silent_ = !lets; }
    /// No more; waits until what is under way is answered.
    void stop();

    /// Webhooks that were answered 200 so far.
    std::size_t acknowledged() const;
    /// Answers other than 200, and posts without one.
    std::size_t refused() const { return refused_; }
    /// The shop's messages that are surely committed.
    int written() const { return written_; }
    /// Waits until so many more webhooks were answered 200.
    bool goes_on(std::size_t by, std::chrono::milliseconds patience) const;

    /// Webhooks that were answered 200 and are not there, or not routed. For when all has come to
    /// rest.
    Complaints lost_webhooks(pg::Connection& db) const;

  private:
    void post(const std::stop_token& stop);
    void write(const std::stop_token& stop);
    std::string body_of(std::uint64_t number, bool is_poison) const;

    Cluster& cluster_;
    Pace pace_;
    std::uint64_t seed_;
    std::atomic<std::size_t> refused_{0};
    std::atomic<int> written_{0};
    std::atomic<bool> is_shop_silent_{false};
    mutable std::mutex mutex_;
    std::set<std::uint64_t> acknowledged_;        // numbers of message_sid(); guarded by mutex_
    std::optional<pg::ConnectOptions> moved_to_;  // guarded by mutex_
    std::jthread posting_;
    std::jthread writing_;
};

/// Webhooks that had more than one effect.
Complaints doubled_webhooks(pg::Connection& db);
/// Webhooks that nobody routes.
Complaints stuck_webhooks(pg::Connection& db);

/// Ends the traffic, waits until all has come to rest, and checks with Boost.Test that nothing was
/// lost, doubled, disordered, given up, or got stuck, and that no process has ever held more than
/// 256 MiB. The database to judge by is `db`, if it is not the cluster's any more.
void end_well(Cluster& cluster, Traffic& traffic, const std::string& fault,
              pg::Connection* db = nullptr);

}  // namespace pgcourier::test
