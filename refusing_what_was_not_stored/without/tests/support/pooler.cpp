#include "support/pooler.hpp"

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace pgcourier::test {

const PgBouncer* test_pooler() {
    static const std::unique_ptr<PgBouncer> pooler = []() -> std::unique_ptr<PgBouncer> {
        const char* name = std::getenv("TEST_POOLER");
        if (name == nullptr || *name == '\0') return nullptr;
        if (std::string_view{name} != "pgbouncer")
            throw std::runtime_error{"TEST_POOLER: found another word, expected pgbouncer"};
        return std::make_unique<PgBouncer>(test_server());
    }();
    return pooler.get();
}

Secret direct_url(const TestDatabase& db) {
    return test_server().url(db.name());
}

pg::ConnectOptions direct_options(const TestDatabase& db, const std::string& role) {
    return {.target = *pg::parse_url(direct_url(db)), .role = role};
}

pg::Connection connect_directly(const TestDatabase& db, const std::string& role) {
    return pg::Connection{direct_options(db, role)};
}

}  // namespace pgcourier::test
