#include "support/pgbouncer.hpp"

#include "pg/private_postgres.hpp"
#include "pg/url.hpp"
#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/test_database.hpp"
#include "support/unprivileged.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>

namespace pgcourier::test {
namespace {

constexpr const char* kProgram = "/usr/sbin/pgbouncer";

std::string value_of(const pg::Target& target, std::string_view name) {
    for (const auto& [keyword, value] : target.keywords) {
        if (keyword == name) return value;
    }
    return "";
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream{path} << text;
}

// Few connections to the server, so that they change hands all the time. A user that is not in the
// file is looked up as auth_user.
std::string settings(const pg::Target& server, std::uint16_t port, const std::string& directory) {
    return fmt::format(
        "[databases]\n"
        "* = host={} port={}\n"
        "[pgbouncer]\n"
        "listen_addr = 127.0.0.1\n"
        "listen_port = {}\n"
        "unix_socket_dir =\n"
        "auth_type = trust\n"
        "auth_file = {}/users.txt\n"
        "auth_user = postgres\n"
        "pool_mode = transaction\n"
        "max_client_conn = 1000\n"
        "default_pool_size = 6\n"
        "server_idle_timeout = 5\n"
        // After a refused connection it waits 15 s by default, however soon the server is back.
        "server_login_retry = 1\n",
        value_of(server, "host"), value_of(server, "port"), port, directory);
}

}  // namespace

PgBouncer::PgBouncer(const pg::PrivatePostgres& server)
    : port_{free_port()}, directory_{fmt::format("{}/pgbouncer-{}", scratch_directory(), port_)} {
    if (!std::filesystem::exists(kProgram))
        throw std::runtime_error{"no PgBouncer: install Debian's package pgbouncer"};
    std::filesystem::create_directories(directory_);
    write_file(directory_ + "/users.txt", "\"postgres\" \"\"\n");
    write_file(directory_ + "/pgbouncer.ini",
               settings(*pg::parse_url(server.url("postgres")), port_, directory_));
    pid_ =
        run_unprivileged({kProgram, directory_ + "/pgbouncer.ini"}, directory_ + "/pgbouncer.log");

    const std::string probe =
        fmt::format("host=127.0.0.1 port={} user=postgres dbname=postgres", port_);
    const bool answers = eventually([&] { return PQping(probe.c_str()) == PQPING_OK; });
    if (!answers) throw std::runtime_error{"PgBouncer does not start:\n" + log()};
}

PgBouncer::~PgBouncer() {
    kill(pid_, SIGTERM);  // at once, also with connections
    waitpid(pid_, nullptr, 0);
}

Secret PgBouncer::url(const std::string& database) const {
    return Secret{fmt::format("postgresql://postgres@127.0.0.1:{}/{}", port_, database)};
}

std::string PgBouncer::log() const {
    std::ostringstream text;
    text << std::ifstream{directory_ + "/pgbouncer.log"}.rdbuf();
    return text.str();
}

}  // namespace pgcourier::test
