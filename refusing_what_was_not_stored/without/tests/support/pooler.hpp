#pragma once
// The pooler before the private PostgreSQL when TEST_POOLER=pgbouncer is in the environment: then
// TestDatabase::url(), options() and connect(), which the program gets, lead through it. What a
// test does by itself with exec() and query_value() goes past it, and so does what is here.

#include "support/pgbouncer.hpp"
#include "support/test_database.hpp"

#include <string>

namespace pgcourier::test {

/// Started at the first call, ended at exit. Null without TEST_POOLER.
const PgBouncer* test_pooler();

/// For a test that needs a session of its own: LISTEN, SET, prepared statements, a look at who is
/// connected.
Secret direct_url(const TestDatabase& db);
pg::ConnectOptions direct_options(const TestDatabase& db, const std::string& role = "test");
pg::Connection connect_directly(const TestDatabase& db, const std::string& role = "test");

}  // namespace pgcourier::test
