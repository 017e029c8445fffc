// links: pg
// tests/schema.sql is the dump after all migrations: a change of the schema is read as its diff.
#include "base/handle.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

namespace pgcourier {
namespace {

const std::string kPath = std::string{PGCOURIER_SOURCE_DIR} + "/tests/schema.sql";

/// What pg_dump writes beside the schema: settings, comments of its own, the checksum of sql/ops.
bool is_kept(const std::string& line) {
    return !line.starts_with("--") && !line.starts_with("SET ") && !line.starts_with('\\') &&
           !line.starts_with("SELECT pg_catalog.set_config");
}

std::string dump(const test::TestDatabase& db) {
    const std::string command = "pg_dump --schema-only --no-owner '" + db.url().reveal() + "'";
    const std::unique_ptr<FILE, FreeWith<pclose>> pipe{popen(command.c_str(), "r")};
    std::string all;
    char buffer[8192];
    while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe.get()))
        all.append(buffer, size);

    std::string kept = "-- The schema after all migrations and sql/ops. Made by `make schema`.\n";
    std::istringstream lines{all};
    for (std::string line; std::getline(lines, line);) {
        if (const auto checksum = line.find(" [sha256:");
            line.starts_with("COMMENT ON SCHEMA ops") && checksum != std::string::npos) {
            line = line.substr(0, checksum) + "';";
        }
        if (is_kept(line) && !(line.empty() && kept.ends_with("\n\n"))) kept += line + '\n';
    }
    return kept;
}

std::string read(const std::string& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_dump_of_the_schema_is_the_one_that_was_committed) {
    test::TestDatabase db;
    const std::string now = dump(db);
    BOOST_REQUIRE(now.find("CREATE TABLE public.messages_out") != std::string::npos);
    if (std::getenv("PGCOURIER_WRITE_SCHEMA") != nullptr) std::ofstream{kPath} << now;
    const std::string committed = read(kPath);
    std::istringstream a{now};
    std::istringstream b{committed};
    std::string line;
    std::string expected;
    int number = 0;
    while (std::getline(a, line)) {
        ++number;
        std::getline(b, expected);
        BOOST_REQUIRE_MESSAGE(line == expected,
                              "tests/schema.sql:" << number << ": `" << expected
                                                  << "`, the migrations give `" << line
                                                  << "`; run make schema and read the diff");
    }
    BOOST_TEST(now == committed);
}

}  // namespace pgcourier
