#pragma once
// A database of its own for each test case, on a private PostgreSQL that this test program started.

#include "pg/connection.hpp"
#include "pg/private_postgres.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace pgcourier::test {

/// A directory of this process that goes with it. Readable by PostgreSQL's user.
std::string scratch_directory();

/// This program's server: started at the first call, ended at exit. Reachable over TCP too, so that
/// a proxy can stand between.
pg::PrivatePostgres& test_server();

/// The server commits as in production (fsync, full_page_writes). Before the first use of
/// test_server().
void use_durable_server();
/// For benches: its files are on the disk, as in production. Before the first use of test_server().
void use_server_on_disk();

/// One more `name=value` of its configuration. Before the first use of test_server().
void use_server_setting(const std::string& setting);

/// Its files are in this directory. Before the first use of test_server().
void use_server_in(const std::string& directory);

/// Packs a server's data into `file`: all servers of the tests begin as a copy of it. It has the
/// template `migrated`, of which each test case's database is a copy.
void prepare_cluster(const std::string& file);

class TestDatabase {
  public:
    enum class Content { migrated, empty };

    /// A fresh database; migrated ones are copies of a template that is migrated once.
    explicit TestDatabase(Content content = Content::migrated);
    ~TestDatabase();
    TestDatabase(const TestDatabase&) = delete;
    TestDatabase& operator=(const TestDatabase&) = delete;

    const Secret& url() const { return url_; }
    const std::string& name() const { return name_; }
    pg::PrivatePostgres& server() { return test_server(); }

    /// As the program connects; `role` shows in pg_stat_activity.
    pg::ConnectOptions options(const std::string& role = "test") const;
    pg::Connection connect(const std::string& role = "test") const {
        return pg::Connection{options(role)};
    }

    /// Statements as they would be typed in psql, on a connection of their own.
    void exec(const std::string& script) const;
    /// The first column of the first row; empty when there is none or it is NULL. Queries share a
    /// connection, which a test may well cut: they change nothing of their session.
    std::string query_value(const std::string& query) const;
    std::int64_t count(const std::string& query) const { return std::stoll(query_value(query)); }
    /// Every row as its columns joined by `|`.
    std::vector<std::string> query_rows(const std::string& query) const;

    /// A tenant with a number. returns its id
    std::string add_tenant(const std::string& name, const std::string& number) const;
    /// As after many successes: no scope of the outbox starts slowly, not the provider, not these
    /// credentials (`credentials:…`), not any tenant's number.
    void warm_up(const std::string& credentials) const;
    void add_seller(const std::string& tenant_id, const std::string& number) const;

  private:
    template <class Use>
    auto with_connection(Use use) const;

    std::string name_;
    Secret url_;
    mutable std::mutex querying_;
    mutable std::unique_ptr<pg::Connection> connection_;
};

}  // namespace pgcourier::test
