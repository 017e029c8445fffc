#pragma once
// The simulated account: takes messages, lets them go through their statuses, tells these to the
// service, and lets people write to it. Knows nothing of the API's HTTP. Safe from any thread.

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "base/rng.hpp"
#include "sim/agenda.hpp"
#include "sim/ledger.hpp"
#include "sim/message_store.hpp"
#include "sim/options.hpp"
#include "sim/script.hpp"
#include "sim/webhook_form.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace pgcourier::sim {

struct InboundResult {
    std::string sid;
    std::vector<int> statuses;  // what each post was answered; 0: nothing
};

class Account {
  public:
    /// `options` and `clock` must outlive it.
    Account(const SimulatorOptions& options, const Clock& clock);

    const SimulatorOptions& options() const { return options_; }
    WallTime now() const { return clock_.now(); }
    Script& script() { return script_; }
    Ledger& ledger() { return ledger_; }
    Agenda& agenda() { return agenda_; }

    /// Gives a new message its sids and times.
    void stamp(Message& message);
    /// Takes it: it is in the list from now on and goes through its statuses.
    void take(const Message& message, const ProgressChange& change);

    std::optional<Message> find(std::string_view sid) const;
    Page list(const ListQuery& query) const;
    std::size_t size() const;

    /// A person writes. The message is in the list at once, whatever becomes of its webhook; `done`
    /// runs on the agenda's thread after the last answer, or never when the simulator is reset or
    /// ended before.
    ///
    /// returns  what is missing: nobody to write to, no webhook; nothing has happened then
    Result<void> receive(const Inbound& inbound, std::function<void(InboundResult)> done);

    /// Changes how messages that are taken from now on go on.
    void set_progress(const Progress& progress);

    /// Forgets messages, ledger (not its file), rules and all that was to come.
    void reset();

  private:
    struct Posting;

    void advance(std::uint64_t number, std::string_view status, int error_code);
    void tell(std::uint64_t number, std::string_view status, const Progress& progress);
    http::Call signed_post(const std::string& url, const twilio::Params& form);
    static void post_next(const std::shared_ptr<Posting>& posting);

    const SimulatorOptions& options_;
    const Clock& clock_;
    const Log log_{"TwilioSim"};
    Script script_;
    Ledger ledger_;

    mutable std::mutex mutex_;
    MessageStore store_;  // guarded by mutex_
    Progress progress_;   // guarded by mutex_
    Rng rng_;             // guarded by mutex_; losses and shuffles
    Rng sids_;  // guarded by mutex_; never seeded alike, or a restart would give out the same sids
                // again
    Agenda agenda_;  // last: its thread uses all of the above
};

}  // namespace pgcourier::sim
