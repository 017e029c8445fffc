#include "harness/statement_log.hpp"

#include "support/eventually.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <stdexcept>

namespace pgcourier::bench {
namespace {

constexpr std::size_t kFirstWords = 40;

/// `execute maintenance.tick: -- …` or `statement: LISTEN messages_out`
std::string name_of(const std::string& logged) {
    static const std::regex kNamed{R"(^execute ([a-z_.]+): )"};
    std::smatch found;
    if (std::regex_search(logged, found, kNamed)) return found[1];
    const std::size_t colon = logged.find(": ");
    const std::string text = colon == std::string::npos ? logged : logged.substr(colon + 2);
    return text.empty() ? "(empty)" : text.substr(0, kFirstWords);
}

}  // namespace

StatementLog::StatementLog(const test::TestDatabase& db)
    : path_{test::test_server().directory() + "/server.log"} {
    db.exec("ALTER SYSTEM SET log_line_prefix = 'from %a|'");
    db.exec("SELECT pg_reload_conf()");
    db.exec("ALTER DATABASE " + db.name() + " SET log_statement = 'all'");
    const bool is_set = test::eventually(
        [&] { return db.query_value("SHOW log_line_prefix").starts_with("from "); });
    if (!is_set) throw std::runtime_error{"the server does not take log_line_prefix"};
    begin();
}

void StatementLog::begin() {
    from_ = std::filesystem::file_size(path_);
}

std::map<std::string, std::uint64_t> StatementLog::counts() const {
    // The lines of a text that go on begin with a tab. An empty statement has no text.
    static const std::regex kStatement{
        R"(^from pgcourier/([a-z-]+)\|LOG:  ((execute|statement).*)$)"};
    std::map<std::string, std::uint64_t> all;
    std::ifstream file{path_};
    file.seekg(static_cast<std::streamoff>(from_));
    for (std::string line; std::getline(file, line);) {
        std::smatch found;
        if (!std::regex_match(line, found, kStatement)) continue;
        const std::string role = found[1];
        if (role.starts_with("test") || role == "bench") continue;
        ++all[role + " " + name_of(found[2])];
    }
    return all;
}

}  // namespace pgcourier::bench
