#pragma once
// One connection to PostgreSQL, owned by one thread for its life. Keeps no session state that a
// transaction pooler would lose: what a transaction needs is set inside it. After any Error with
// is_lost(), drop it.

#include "base/clock.hpp"
#include "pg/connection_metrics.hpp"
#include "pg/error.hpp"
#include "pg/params.hpp"
#include "pg/rows.hpp"
#include "pg/statement.hpp"
#include "pg/url.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pgcourier::pg {

class Reconnects;

using ConnHandle = std::unique_ptr<PGconn, FreeWith<PQfinish>>;

struct ConnectOptions {
    Target target;
    std::string role;  // application_name becomes pgcourier/<role>
    /// Statements are prepared once and reused; must be off behind a transaction pooler.
    bool is_direct = true;
    std::chrono::seconds connect_timeout{5};  // the target's own counts when it is shorter
    /// The longest that one statement of a transaction may run, and a transaction may stand idle.
    std::chrono::milliseconds statement_timeout{10000};
    /// An exchange, however many statements it has, is answered within this, or the connection is
    /// taken for lost. Above statement_timeout.
    std::chrono::milliseconds answer_timeout{15000};
    /// Set by a connection that found a transaction pooler in its way: those that are made of these
    /// options or of a copy then prepare nothing.
    std::shared_ptr<std::atomic<bool>> has_met_pooler = std::make_shared<std::atomic<bool>>(false);
    /// Those of a process share it; null: connects whenever it is told to.
    std::shared_ptr<Reconnects> reconnects{};
    /// Gets each NOTICE and WARNING of the server, one line.
    std::function<void(std::string_view)> on_notice{};
};

/// A statement and its parameters, as part of a batch.
struct Call {
    const Statement& statement;
    Params params{};
};

class Connection {
  public:
    /// throws  Error (lost, or refused with its SQLSTATE)
    explicit Connection(ConnectOptions options);

    /// One statement in its own transaction, or in the open one.
    Rows exec(const Statement& statement, const Params& params = {});

    /// Several statements without parameters, as they stand in a file: one implicit transaction
    /// unless the text says otherwise. returns the last one's rows
    Rows exec_script(const char* text);

    /// All calls in ONE round trip (libpq pipeline mode), in one transaction: BEGIN, `SET LOCAL`s
    /// for synchronous_commit = on and the timeouts, the calls, COMMIT.
    ///
    /// returns  one Rows for each call
    /// throws   CommitUnknown when the connection broke, or the other side ended it, after COMMIT
    /// was given to it and before its reply; Error: nothing of it happened
    std::vector<Rows> transact(std::span<const Call> calls);

    /// All calls in one round trip inside the transaction that is open (see Transaction).
    std::vector<Rows> pipeline(std::span<const Call> calls);

    int server_version() const;
    /// How long to wait for the server from now on; for work that rightly takes long.
    /// returns  what it was
    std::chrono::milliseconds set_answer_timeout(std::chrono::milliseconds timeout) {
        return std::exchange(options_.answer_timeout, timeout);
    }
    /// How long a statement of a transaction may run from now on.
    /// returns  what it was
    std::chrono::milliseconds set_statement_timeout(std::chrono::milliseconds timeout) {
        return std::exchange(options_.statement_timeout, timeout);
    }
    /// Whether TLS has decrypted bytes that libpq has not taken yet: the socket has nothing to read
    /// then, and poll() would wait for what is already there.
    bool has_decrypted() const;
    /// For Listener only, which polls the socket and reads notifications.
    PGconn* raw() { return conn_.get(); }

  private:
    friend class Transaction;
    struct Step;  // what travels in a pipeline: a call, or plain words such as BEGIN
    struct Progress;

    Step begin_settings() const;
    template <class Exchange>
    auto counted(Exchange exchange);
    std::vector<Rows> run(std::span<const Step> steps);
    std::vector<Rows> run_steps(std::span<const Step> steps);
    std::vector<Rows> run_pipeline(std::span<const Step> steps, Progress& progress);
    void pass_fault_points(std::span<const Step> steps, const char* moment);
    Rows run_script(const char* text, SteadyTime deadline);
    void send(const Step& step);
    SteadyTime answer_deadline() const;
    void wait_for_answer(SteadyTime deadline);
    ResultHandle next_result(SteadyTime deadline);
    void roll_back(SteadyTime deadline);
    void met_pooler();
    [[noreturn]] void throw_lost(const char* doing);

    ConnectOptions options_;
    ConnectionMetrics metrics_;
    // At a place of its own, which libpq knows: a Connection may be moved.
    std::unique_ptr<std::function<void(std::string_view)>> on_notice_;
    ConnHandle conn_;
    std::optional<Counted> is_open_;
    std::unordered_set<std::string_view>
        prepared_;  // names of statements, which are constants of the program
};

/// A transaction over several round trips. Rolls back unless `commit()` ran.
class Transaction {
  public:
    explicit Transaction(Connection& connection);
    /// Begins with `calls` in the same round trip; `rows` gets one Rows for each.
    Transaction(Connection& connection, std::span<const Call> calls, std::vector<Rows>& rows);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    /// The calls and COMMIT in one round trip.
    /// throws  CommitUnknown when the connection broke before the reply to COMMIT
    std::vector<Rows> commit(std::span<const Call> calls = {});

  private:
    Connection* connection_;
};

}  // namespace pgcourier::pg
