// links: pg
// Every file of sql/queries fits the schema: a typo fails here and not at a customer.
#include "sql/all.hpp"
#include "support/pooler.hpp"
#include "support/test_database.hpp"

#include <boost/test/unit_test.hpp>
#include <libpq-fe.h>

namespace pgcourier {

BOOST_AUTO_TEST_CASE(every_statement_can_be_prepared) {
    test::TestDatabase db;
    db.exec(
        "CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, "
        "rolled_back_at timestamptz)");
    pg::Connection connection = connect_directly(db);
    for (const pg::Statement& statement : sql::kAll) {
        const pg::ResultHandle result{
            PQprepare(connection.raw(), statement.name, statement.text, 0, nullptr)};
        BOOST_TEST(PQresultStatus(result.get()) == PGRES_COMMAND_OK,
                   statement.name << ": " << PQresultErrorMessage(result.get()));
    }
}

BOOST_AUTO_TEST_CASE(every_file_says_at_its_head_what_it_is) {
    for (const pg::Statement& statement : sql::kAll) {
        BOOST_TEST(
            std::string_view{statement.text}.starts_with("-- " + std::string{statement.name} +
                                                         ": "),
            statement.name << ".sql begins with `-- " << statement.name << ": what it does`");
    }
}

}  // namespace pgcourier
