#pragma once
// What the simulator was asked and what it took: the truth that tests compare the service's tables
// with. A line is in its file before the call is answered, so that it outlives a kill -9 of either
// side.

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::sim {

struct LedgerEntry {
    WallTime time;
    std::string
        kind;  // create, list, fetch, media; callback and inbound for what the simulator posted
    bool accepted = false;  // a create that took effect: the person gets the message
    std::string sid;        // of the message, when there is one
    std::string to;         // as in the call
    std::string from;
    std::string body;
    std::string media_url;
    std::string content_sid;
    std::string status_callback;
    std::string message_status;  // of a callback
    std::string answer;          // a name of Answer, what the script made of it
    int status = 0;              // HTTP: what was answered, or of a post what came back; 0: nothing
    int code = 0;                // Twilio's, of a refusal
};

/// One line of JSON, without its end.
std::string to_json(const LedgerEntry& entry);

/// The entries of a ledger file, in order; lines that are not whole are left out.
std::vector<LedgerEntry> read_ledger(const std::string& path);

/// Safe from any thread.
class Ledger {
  public:
    /// keep  how many entries stay in memory, the newest; 0: all
    explicit Ledger(std::size_t keep = 0) : keep_{keep} {}
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// From now on each entry is also appended to this file, which need not exist.
    Result<void> open(const std::string& path);

    void add(LedgerEntry entry);
    /// Forgets all; the file keeps what it has.
    void clear();

    /// How many entries this holds for, among those in memory.
    std::size_t count(const std::function<bool(const LedgerEntry&)>& holds) const;
    /// Messages taken since the start or clear(), also those no longer in memory.
    std::uint64_t accepted() const;
    /// Messages taken for this address (with or without `whatsapp:`).
    std::size_t accepted_to(std::string_view to) const;
    /// The same with this body.
    std::size_t accepted_to(std::string_view to, std::string_view body) const;
    /// Create calls for this address, whatever became of them.
    std::size_t attempts_to(std::string_view to) const;

    std::vector<LedgerEntry> entries() const;
    /// All in memory, a line each.
    std::string json_lines() const;

  private:
    const std::size_t keep_;
    mutable std::mutex mutex_;
    std::deque<LedgerEntry> entries_;  // guarded by mutex_
    std::uint64_t accepted_ = 0;       // guarded by mutex_
    int file_ = -1;                    // guarded by mutex_
};

}  // namespace pgcourier::sim
