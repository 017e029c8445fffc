#include "support/test_database.hpp"

#include "base/rng.hpp"
#include "pg/migrate.hpp"
#include "support/free_port.hpp"
#include "support/pooler.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <regex>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace pgcourier::test {
namespace {

namespace fs = std::filesystem;

bool is_durable = false;
bool is_on_disk = false;
bool is_preparing = false;
bool is_started = false;
std::vector<std::string> more_settings;
fs::path chosen_parent;  // empty: see server_parent

// Outlives every test case; removed at exit by the process that made it (a forked child leaves it
// alone).
struct Scratch {
    pid_t owner = getpid();
    std::string path;
    explicit Scratch(const fs::path& parent)
        : path{fmt::format("{}/pgcourier-test-{}-{:08x}", parent.string(), getpid(),
                           static_cast<std::uint32_t>(random_seed()))} {
        fs::create_directories(path);
        chmod(path.c_str(), 0755);
    }
    ~Scratch() {
        std::error_code ignored;
        if (getpid() == owner) fs::remove_all(path, ignored);
    }
};

// In memory where there is enough: each case has a database of its own, some 300 files, which a
// disk's file system makes and removes several times slower.
fs::path server_parent() {
    if (!chosen_parent.empty()) return chosen_parent;
    static constexpr std::uintmax_t kEnough = 4ULL << 30;
    const fs::path memory = "/dev/shm";
    std::error_code ignored;
    const auto space = fs::space(memory, ignored);
    return !is_on_disk && !ignored && space.available >= kEnough ? memory
                                                                 : fs::temp_directory_path();
}

void run_on(const Secret& url, const std::string& script) {
    pg::Connection connection{{.target = *pg::parse_url(url), .role = "test-admin"}};
    connection.exec_script(script.c_str());
}

/// Whether the next one may use the same session: nothing is set, begun or given new defaults in
/// it.
bool leaves_session_alone(const std::string& script) {
    static const std::regex kLeftOver{
        R"((^|;)\s*(SET|BEGIN|LISTEN|LOCK|PREPARE|CREATE TEMP|ALTER (DATABASE|ROLE|SYSTEM))\b|set_config|advisory_lock)"};
    return !std::regex_search(script, kLeftOver);
}

void unpack_prepared(const std::string& directory) {
    if (is_preparing) return;
    fs::create_directories(directory);
    const std::string unpack =
        fmt::format("tar -C '{}' -xf '{}'", directory, PGCOURIER_TEST_CLUSTER);
    if (std::system(unpack.c_str()) != 0)
        throw std::runtime_error{unpack + " failed: was the target prepared_cluster built?"};
}

// A bench would tell of a durable server, and measure another one.
void must_not_run_yet(const char* what) {
    if (is_started)
        throw std::logic_error{std::string{what} + "() comes before the first use of the server"};
}

}  // namespace

void use_durable_server() {
    if (!is_durable) must_not_run_yet("use_durable_server");
    is_durable = true;
}

void use_server_on_disk() {
    if (!is_on_disk) must_not_run_yet("use_server_on_disk");
    is_on_disk = true;
}

void use_server_setting(const std::string& setting) {
    must_not_run_yet("use_server_setting");
    more_settings.push_back(setting);
}

void use_server_in(const std::string& directory) {
    must_not_run_yet("use_server_in");
    chosen_parent = directory;
}

std::string scratch_directory() {
    static const Scratch scratch{fs::temp_directory_path()};
    return scratch.path;
}

pg::PrivatePostgres& test_server() {
    static const Scratch scratch{server_parent()};  // destroyed after the server
    static pg::PrivatePostgres server = [] {
        is_started = true;
        unpack_prepared(scratch.path + "/postgres");
        std::vector<std::string> settings{
            "max_connections=1000",
            // On the disk as a server of a database's own would have it.
            is_on_disk ? "shared_buffers=2GB" : "shared_buffers=128MB", "max_wal_size=1GB",
            "log_statement=none", "log_min_duration_statement=-1", "autovacuum_naptime=10s"};
        settings.insert(settings.end(), more_settings.begin(), more_settings.end());
        auto started = pg::PrivatePostgres::start({
            .directory = scratch.path + "/postgres",
            .port = free_port(),
            .is_durable = is_durable,
            .settings = std::move(settings),
        });
        if (!started) throw std::runtime_error{started.error().what};
        return std::move(*started);
    }();
    return server;
}

void prepare_cluster(const std::string& file) {
    is_preparing = true;
    run_on(test_server().url("postgres"), "CREATE DATABASE migrated");
    pg::Connection connection{
        {.target = *pg::parse_url(test_server().url("migrated")), .role = "test-migrate"}};
    const auto report = pg::migrate_up(connection, 5);
    if (!report) throw std::runtime_error{report.error().what};
    test_server().stop();
    const std::string pack =
        fmt::format("tar -C '{}' -cf '{}' data", test_server().directory(), file);
    if (std::system(pack.c_str()) != 0) throw std::runtime_error{pack + " failed"};
}

TestDatabase::TestDatabase(Content content) {
    static int count = 0;
    name_ = fmt::format("case_{}", ++count);
    const std::string base = content == Content::migrated ? "migrated" : "template0";
    run_on(test_server().url("postgres"),
           fmt::format("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name_, base));
    const PgBouncer* pooler = test_pooler();
    url_ = pooler == nullptr ? direct_url(*this) : pooler->url(name_);
}

TestDatabase::~TestDatabase() {
    connection_.reset();
    try {
        if (test_server().is_running()) {
            run_on(test_server().url("postgres"),
                   fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name_));
        }
    } catch (const pg::Error&) {
        // The whole server goes at exit.
    }
}

pg::ConnectOptions TestDatabase::options(const std::string& role) const {
    return {.target = *pg::parse_url(url_), .role = role};
}

// Tests look again and again, and a connection's first query costs a hundred times what the next
// ones do. Who finds the connection in use (by a query that waits for a lock, perhaps) makes one.
template <class Use>
auto TestDatabase::with_connection(Use use) const {
    const std::unique_lock lock{querying_, std::try_to_lock};
    if (lock && connection_) {
        try {
            return use(*connection_);
        } catch (const pg::Error& e) {
            if (!e.is_lost()) throw;
            connection_.reset();
        }
    }
    auto connection = std::make_unique<pg::Connection>(connect_directly(*this, "test-query"));
    auto result = use(*connection);
    if (lock) connection_ = std::move(connection);
    return result;
}

void TestDatabase::exec(const std::string& script) const {
    if (!leaves_session_alone(script)) return run_on(direct_url(*this), script);
    const std::unique_lock lock{querying_, std::try_to_lock};
    if (!lock) return run_on(direct_url(*this), script);
    // Asked first whether it is still there: a script that was cut off is not run again.
    try {
        if (connection_) connection_->exec_script("SELECT");
    } catch (const pg::Error&) {
        connection_.reset();
    }
    if (!connection_)
        connection_ = std::make_unique<pg::Connection>(connect_directly(*this, "test-query"));
    try {
        connection_->exec_script(script.c_str());
    } catch (const pg::Error&) {
        connection_.reset();
        throw;
    }
}

std::string TestDatabase::query_value(const std::string& query) const {
    return with_connection([&](pg::Connection& connection) {
        const pg::Rows rows = connection.exec_script(query.c_str());
        return rows.empty() ? std::string{} : rows[0].string(0);
    });
}

std::vector<std::string> TestDatabase::query_rows(const std::string& query) const {
    const pg::Rows rows = with_connection(
        [&](pg::Connection& connection) { return connection.exec_script(query.c_str()); });
    std::vector<std::string> lines;
    for (const pg::Row row : rows) {
        std::string line;
        for (int column = 0; column < rows.columns(); ++column) {
            if (column > 0) line += '|';
            line += row.text(column);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

std::string TestDatabase::add_tenant(const std::string& name, const std::string& number) const {
    static constexpr pg::Statement kAdd{
        "test_add_tenant",
        "INSERT INTO tenants (name, whatsapp_phone_number) VALUES ($1, $2) RETURNING id"};
    return with_connection([&](pg::Connection& connection) {
        return connection.exec(kAdd, pg::Params{name, number})[0].string(0);
    });
}

void TestDatabase::add_seller(const std::string& tenant_id, const std::string& number) const {
    static constexpr pg::Statement kAdd{
        "test_add_seller", "INSERT INTO seller_phones (tenant_id, phone_number) VALUES ($1, $2)"};
    with_connection([&](pg::Connection& connection) {
        return connection.exec(kAdd, pg::Params{tenant_id, number});
    });
}

void TestDatabase::warm_up(const std::string& credentials) const {
    exec(
        "INSERT INTO outbox_scopes (scope, calls, last_success_at) SELECT s.scope, 1024, now() "
        "FROM (SELECT 'provider' AS scope UNION ALL SELECT '" +
        credentials +
        "' UNION ALL SELECT 'sender:' || whatsapp_phone_number FROM tenants WHERE "
        "whatsapp_phone_number IS NOT NULL) AS s ON CONFLICT (scope) DO NOTHING");
}

}  // namespace pgcourier::test
