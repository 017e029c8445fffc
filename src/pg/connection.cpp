#include "pg/connection.hpp"

#include "base/clock.hpp"
#include "base/fault_point.hpp"
#include "base/log.hpp"
#include "pg/reconnects.hpp"
#include "pg/statement_error.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <poll.h>

namespace pgcourier::pg {
namespace {

// Whatever a database or role has as its default: statements that come after a lock must see what
// was committed before it was theirs (G11).
constexpr Statement kBegin{"begin", "BEGIN ISOLATION LEVEL READ COMMITTED"};
constexpr Statement kCommit{"commit", "COMMIT"};
// One statement sets them all. `SET LOCAL` semantics: nothing leaks to the next user of a pooled
// connection. synchronous_commit, since a role or a pooler may have switched it off, and then a 200
// would not be on disk (G1).
// jit: compiling a plan takes longer than any statement of ours runs.
#define PGCOURIER_SETTINGS                                  \
    "SELECT set_config('synchronous_commit', 'on', true), " \
    "set_config('jit', 'off', true), "                      \
    "set_config('statement_timeout', $1, true), "           \
    "set_config('idle_in_transaction_session_timeout', $1, true)"
constexpr Statement kSettings{"settings", PGCOURIER_SETTINGS};
constexpr Statement kSettingsWithPath{"settings_with_path",
                                      PGCOURIER_SETTINGS ", set_config('search_path', $2, true)"};
#undef PGCOURIER_SETTINGS

using NotifyHandle = std::unique_ptr<PGnotify, FreeWith<PQfreemem>>;

std::string first_line(const char* text) {
    std::string line{text == nullptr ? "" : text};
    line.resize(std::min(line.find('\n'), line.size()));
    return line;
}

// By the word that no locale translates; an old pooler gives only the other one.
Severity severity_of(const PGresult* result) {
    const char* word = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (word == nullptr) word = PQresultErrorField(result, PG_DIAG_SEVERITY);
    const std::string_view severity{word == nullptr ? "" : word};
    return severity == "FATAL" || severity == "PANIC" ? Severity::fatal : Severity::error;
}

// Not DETAIL and CONTEXT, which quote the values of rows.
StatementError error_of(const PGresult* result, const char* doing) {
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char* hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (sqlstate == nullptr) return {"", doing, first_line(PQresultErrorMessage(result))};
    return {sqlstate, doing, message == nullptr ? "" : message, hint == nullptr ? "" : hint,
            severity_of(result)};
}

void receive_notice(void* self, const PGresult* result) {
    const auto& on_notice = *static_cast<const std::function<void(std::string_view)>*>(self);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (on_notice && message != nullptr) on_notice(message);
}

ConnHandle open(const ConnectOptions& options) {
    std::vector<std::pair<std::string, std::string>> keywords = {
        // A peer that vanished is noticed within 20 s, whether we are waiting for it or writing to
        // it.
        {"keepalives_idle", "10"},
        {"keepalives_interval", "3"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "15000"},
    };
    keywords.insert(keywords.end(), options.target.keywords.begin(), options.target.keywords.end());
    // The last of two counts: these are not the target's to choose.
    const auto timeout = options.target.connect_timeout(options.connect_timeout);
    keywords.emplace_back("connect_timeout", std::to_string(timeout.count()));
    keywords.emplace_back("client_encoding", "UTF8");
    keywords.emplace_back("application_name", "pgcourier/" + options.role);
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& [name, value] : keywords) {
        names.push_back(name.c_str());
        values.push_back(value.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    return ConnHandle{PQconnectdbParams(names.data(), values.data(), 0)};
}

}  // namespace

struct Connection::Step {
    const Statement& statement;
    Params params{};
    bool is_commit = false;
    bool is_reported = true;  // its rows are among those returned
};

/// How far an exchange came: what its end means depends on it.
struct Connection::Progress {
    bool sent_commit = false;                 // any of it may have left
    std::optional<StatementError> failure{};  // the first error that the server told
};

// Passes `sender:before_commit`, and `sender:outbox.settle:before_commit` for each statement of it.
// What came before the moment is on its way to the server then.
void Connection::pass_fault_points(std::span<const Step> steps, const char* moment) {
    PQflush(conn_.get());
    for (const Step& step : steps) {
        if (!step.is_reported) continue;
        fault_point(fmt::format("{}:{}:{}", options_.role, step.statement.name, moment).c_str());
    }
    fault_point(fmt::format("{}:{}", options_.role, moment).c_str());
}

// The one place where exchanges are timed and errors are counted: all that talks to the server goes
// through it.
template <class Exchange>
auto Connection::counted(Exchange exchange) {
    const SteadyTime began = system_clock().steady_now();
    try {
        auto result = exchange();
        metrics_.exchanged(in_seconds(system_clock().steady_now() - began));
        return result;
    } catch (const Error& e) {
        metrics_.failed(e);
        throw;
    }
}

Connection::Connection(ConnectOptions options)
    : options_{std::move(options)}, metrics_{options_.role} {
    if (*options_.has_met_pooler) options_.is_direct = false;
    if (options_.reconnects) {
        if (const auto why = options_.reconnects->refuse(system_clock().steady_now()))
            throw Error{"", *why};
    }
    conn_ = open(options_);
    if (!conn_) throw std::bad_alloc{};
    if (PQstatus(conn_.get()) != CONNECTION_OK) {
        const std::string why = first_line(PQerrorMessage(conn_.get()));
        // libpq does not say what it holds the server's certificate against.
        const bool is_untrusted = why.find("certificate verify failed") != std::string::npos;
        const Error failure{
            "", fmt::format("connecting to {}: {}{}", options_.target.described(), why,
                            is_untrusted ? "; expected one that the authorities in the file of "
                                           "sslrootcert vouch for"
                                         : "")};
        metrics_.failed(failure);
        if (options_.reconnects) options_.reconnects->failed(failure.what());
        throw failure;
    }
    is_open_ = metrics_.opened();
    on_notice_ = std::make_unique<std::function<void(std::string_view)>>(options_.on_notice);
    PQsetNoticeReceiver(conn_.get(), receive_notice, on_notice_.get());
    try {
        // Poolers keep TimeZone for each of their clients. To whom they give a server they give a
        // cancellation key of their own, with another process id than that of the server.
        const Rows server =
            exec_script("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SELECT pg_backend_pid()");
        if (options_.is_direct && server[0].int64(0) != PQbackendPID(conn_.get())) met_pooler();
        if (options_.is_direct && !options_.target.search_path.empty()) {
            static constexpr Statement kSetPath{"set_path",
                                                "SELECT set_config('search_path', $1, false)"};
            exec(kSetPath, Params{options_.target.search_path});
        }
        if (PQsetnonblocking(conn_.get(), 1) != 0) throw_lost("preparing the connection");
    } catch (const Error& e) {
        // Let in and then not answered, as by a pooler that has no server.
        if (options_.reconnects) options_.reconnects->failed(e.what());
        throw;
    }
    if (options_.reconnects) options_.reconnects->worked();
}

Rows Connection::exec(const Statement& statement, const Params& params) {
    const bool needs_path = !options_.is_direct && !options_.target.search_path.empty();
    if (needs_path && PQtransactionStatus(conn_.get()) == PQTRANS_IDLE) {
        const Call call{statement, params};
        return std::move(transact({&call, 1}).front());
    }
    std::vector<Step> steps;
    steps.push_back({statement, params});
    return std::move(run(steps).front());
}

Rows Connection::exec_script(const char* text) {
    return counted([&] { return run_script(text, answer_deadline()); });
}

Rows Connection::run_script(const char* text, SteadyTime deadline) {
    if (PQsendQuery(conn_.get(), text) == 0) throw_lost("sending a script");
    ResultHandle last;
    std::optional<StatementError> failure;
    while (ResultHandle result = next_result(deadline)) {
        const ExecStatusType status = PQresultStatus(result.get());
        if (status == PGRES_FATAL_ERROR) {
            if (!failure) failure = error_of(result.get(), "running a script");
            if (failure->is_lost()) throw *failure;  // whoever said it may be slow to hang up
        } else {
            last = std::move(result);
        }
    }
    if (PQstatus(conn_.get()) == CONNECTION_BAD) throw_lost("running a script");
    if (failure) {
        if (PQtransactionStatus(conn_.get()) == PQTRANS_INERROR) roll_back(deadline);
        throw *failure;
    }
    return Rows{std::move(last)};
}

std::vector<Rows> Connection::transact(std::span<const Call> calls) {
    std::vector<Step> steps;
    steps.reserve(calls.size() + 3);
    steps.push_back({kBegin, {}, false, false});
    steps.push_back(begin_settings());
    for (const Call& call : calls) steps.push_back({call.statement, call.params});
    steps.push_back({kCommit, {}, true, false});
    return run(steps);
}

std::vector<Rows> Connection::pipeline(std::span<const Call> calls) {
    std::vector<Step> steps;
    steps.reserve(calls.size());
    for (const Call& call : calls) steps.push_back({call.statement, call.params});
    return run(steps);
}

int Connection::server_version() const {
    return PQserverVersion(conn_.get());
}

bool Connection::has_decrypted() const {
    if (PQsslInUse(conn_.get()) == 0) return false;
    const auto* tls = static_cast<const SSL*>(PQsslStruct(conn_.get(), "OpenSSL"));
    return tls != nullptr && SSL_pending(tls) > 0;
}

Connection::Step Connection::begin_settings() const {
    const std::string timeout = std::to_string(options_.statement_timeout.count());
    if (!options_.is_direct && !options_.target.search_path.empty()) {
        return {kSettingsWithPath, Params{timeout, options_.target.search_path}, false, false};
    }
    return {kSettings, Params{timeout}, false, false};
}

std::vector<Rows> Connection::run(std::span<const Step> steps) {
    return counted([&] { return run_steps(steps); });
}

std::vector<Rows> Connection::run_steps(std::span<const Step> steps) {
    Progress progress;
    try {
        return run_pipeline(steps, progress);
    } catch (const Error& e) {
        // An error of a statement, which came before the connection broke, says that COMMIT was
        // skipped. The end of a session says nothing: a pooler tells of it as well when it is the
        // server that went, perhaps after it had committed.
        const bool was_skipped = progress.failure && !progress.failure->is_lost();
        if (progress.sent_commit && e.is_lost() && !was_skipped)
            throw CommitUnknown{e.sqlstate(), e.what()};
        throw;
    }
}

std::vector<Rows> Connection::run_pipeline(std::span<const Step> steps, Progress& progress) {
    PGconn* conn = conn_.get();
    const SteadyTime deadline = answer_deadline();
    if (PQenterPipelineMode(conn) == 0) throw_lost("starting a pipeline");
    std::vector<std::string_view> to_prepare;
    // What each expected result belongs to: a statement's preparation (no step) or its execution.
    std::vector<const Step*> expected;
    for (const Step& step : steps) {
        if (fault_hook != nullptr && step.is_commit) pass_fault_points(steps, "before_commit");
        const std::string_view name = step.statement.name;
        if (options_.is_direct && !prepared_.contains(name)) {
            const std::vector<unsigned> types = step.params.types();
            if (PQsendPrepare(conn, step.statement.name, step.statement.text, step.params.size(),
                              types.data()) == 0) {
                throw_lost(step.statement.name);
            }
            prepared_.insert(name);
            to_prepare.push_back(name);
            expected.push_back(nullptr);
        }
        // Already now: libpq writes when its buffer is full, and the server does not wait for the
        // end of the pipeline.
        progress.sent_commit = progress.sent_commit || step.is_commit;
        send(step);
        expected.push_back(&step);
    }
    if (PQpipelineSync(conn) == 0) throw_lost("ending a pipeline");

    std::vector<Rows> rows;
    rows.reserve(steps.size());
    std::optional<StatementError>& failure = progress.failure;
    std::size_t next_prepared = 0;
    if (fault_hook != nullptr && progress.sent_commit) pass_fault_points(steps, "commit_sent");
    for (const Step* step : expected) {
        ResultHandle result = next_result(deadline);
        const char* doing = step != nullptr ? step->statement.name : "preparing a statement";
        if (!result) throw_lost(doing);
        const ExecStatusType status = PQresultStatus(result.get());
        if (step == nullptr) {
            const std::string_view name = to_prepare[next_prepared++];
            if (status != PGRES_COMMAND_OK) prepared_.erase(name);
            doing = name.data();
        }
        if (status == PGRES_FATAL_ERROR) {
            if (!failure) failure = error_of(result.get(), doing);
            // After a FATAL nothing comes any more; whoever said it may be slow to hang up.
            if (failure->is_lost() || PQstatus(conn) == CONNECTION_BAD) throw *failure;
        } else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            // COMMIT of a transaction that had failed before answers ROLLBACK, and no error.
            if (step != nullptr && step->is_commit &&
                std::strcmp(PQcmdStatus(result.get()), "COMMIT") != 0) {
                failure = StatementError{"25P02", "commit",
                                         "answered by ROLLBACK: the transaction had failed before"};
            }
        }
        while (next_result(deadline)) {
        }  // the NULL that ends this statement's results
        if (step != nullptr && step->is_reported) rows.emplace_back(std::move(result));
    }
    const ResultHandle sync = next_result(deadline);
    if (!sync || PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) throw_lost("ending a pipeline");
    if (PQexitPipelineMode(conn) == 0) throw_lost("ending a pipeline");
    if (failure) {
        if (PQtransactionStatus(conn) == PQTRANS_INERROR) roll_back(deadline);
        // "prepared statement does not exist" / "already exists": a pooler gave us another server's
        // session.
        if (failure->sqlstate() == "26000" || failure->sqlstate() == "42P05") met_pooler();
        throw *failure;
    }
    // A server that somebody listened on, through a pooler, brings his notifications to whoever
    // has it: libpq would keep them for ever.
    if (!options_.is_direct) {
        while (const NotifyHandle stray{PQnotifies(conn)}) {
        }
    }
    if (fault_hook != nullptr && progress.sent_commit) pass_fault_points(steps, "committed");
    return rows;
}

void Connection::send(const Step& step) {
    const Params& params = step.params;
    const std::vector<const char*> values = params.values();
    const std::vector<int> lengths = params.lengths();
    const std::vector<int> formats = params.formats();
    const std::vector<unsigned> types = params.types();
    const int row_format = step.statement.has_binary_rows ? 1 : 0;
    const int sent =
        options_.is_direct
            ? PQsendQueryPrepared(conn_.get(), step.statement.name, params.size(), values.data(),
                                  lengths.data(), formats.data(), row_format)
            : PQsendQueryParams(conn_.get(), step.statement.text, params.size(), types.data(),
                                values.data(), lengths.data(), formats.data(), row_format);
    if (sent == 0) throw_lost(step.statement.name);
}

SteadyTime Connection::answer_deadline() const {
    return system_clock().steady_now() + options_.answer_timeout;
}

// Writes what is waiting to be written and reads what arrives: both at once, since a server that
// waits for us to read would never read what we write.
void Connection::wait_for_answer(SteadyTime deadline) {
    while (PQisBusy(conn_.get()) == 1) {
        const int unsent = PQflush(conn_.get());
        if (unsent < 0) return;  // PQgetResult tells
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - system_clock().steady_now());
        if (left.count() <= 0) {
            throw Error{
                "", fmt::format("no whole answer from {} within {} ms", options_.target.described(),
                                options_.answer_timeout.count())};
        }
        if (has_decrypted()) {
            if (PQconsumeInput(conn_.get()) == 0) return;
            continue;
        }
        pollfd ready{PQsocket(conn_.get()), static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)),
                     0};
        const int count = poll(&ready, 1, static_cast<int>(left.count()));
        if (count < 0 && errno != EINTR) return;
        if (count > 0 && (ready.revents & ~POLLOUT) != 0 && PQconsumeInput(conn_.get()) == 0)
            return;
    }
}

ResultHandle Connection::next_result(SteadyTime deadline) {
    PQflush(conn_.get());
    wait_for_answer(deadline);
    return ResultHandle{PQgetResult(conn_.get())};
}

void Connection::roll_back(SteadyTime deadline) {
    run_script("ROLLBACK", deadline);
}

// From here on this connection prepares nothing, and neither does a later one of the same options.
void Connection::met_pooler() {
    options_.is_direct = false;
    options_.has_met_pooler->store(true);
    static std::atomic_flag is_told;
    if (is_told.test_and_set()) return;
    static const Log log{"Database"};
    log.warn(
        "A pooler stands before the database: statements are not prepared. Say so with "
        "pgbouncer=true in DATABASE_URL, and set DATABASE_DIRECT_URL to a connection past it",
        {{"database", options_.target.described()}});
}

void Connection::throw_lost(const char* doing) {
    throw StatementError{"", doing, first_line(PQerrorMessage(conn_.get()))};
}

Transaction::Transaction(Connection& connection) : connection_{&connection} {
    std::vector<Connection::Step> steps;
    steps.push_back({kBegin, {}, false, false});
    steps.push_back(connection.begin_settings());
    connection.run(steps);
}

Transaction::Transaction(Connection& connection, std::span<const Call> calls,
                         std::vector<Rows>& rows)
    : connection_{&connection} {
    std::vector<Connection::Step> steps;
    steps.reserve(calls.size() + 2);
    steps.push_back({kBegin, {}, false, false});
    steps.push_back(connection.begin_settings());
    for (const Call& call : calls) steps.push_back({call.statement, call.params});
    rows = connection.run(steps);
}

Transaction::~Transaction() {
    if (connection_ == nullptr || PQstatus(connection_->conn_.get()) != CONNECTION_OK) return;
    if (PQtransactionStatus(connection_->conn_.get()) == PQTRANS_IDLE) return;
    try {
        connection_->roll_back(connection_->answer_deadline());
    } catch (const Error&) {
        // The server rolls back by itself when the connection goes.
    }
}

std::vector<Rows> Transaction::commit(std::span<const Call> calls) {
    std::vector<Connection::Step> steps;
    steps.reserve(calls.size() + 1);
    for (const Call& call : calls) steps.push_back({call.statement, call.params});
    steps.push_back({kCommit, {}, true, false});
    return std::exchange(connection_, nullptr)->run(steps);
}

}  // namespace pgcourier::pg
