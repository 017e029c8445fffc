# Embeds sql/ into headers under build/…/generated/sql/, made anew when a file changes:
#   sql/queries/<module>/<statement>.sql  ->  sql/<module>.hpp: sql::<module>::<statement>
#   sql/migrations/*.sql                  ->  sql/migrations.hpp: sql::kMigrations, in order
#   sql/ops/*.sql                         ->  sql/ops_schema.hpp: sql::kOps, in order
# sql/all.hpp lists every statement, for the test that prepares them all.
set(PGCOURIER_GENERATED ${CMAKE_BINARY_DIR}/generated)
set(PGCOURIER_SQL_DIR ${CMAKE_SOURCE_DIR}/sql)

file(GLOB_RECURSE sql_files CONFIGURE_DEPENDS ${PGCOURIER_SQL_DIR}/*.sql)
# A part of the command, so that a file which goes is noticed too.
string(SHA1 sql_files_hash "${sql_files}")
# Named, so that one run of the build compiles what includes a header that the run has just rewritten.
file(GLOB sql_headers CONFIGURE_DEPENDS RELATIVE ${PGCOURIER_SQL_DIR}/queries ${PGCOURIER_SQL_DIR}/queries/*)
list(APPEND sql_headers migrations ops_schema all)
list(REMOVE_DUPLICATES sql_headers)
list(TRANSFORM sql_headers PREPEND ${PGCOURIER_GENERATED}/sql/)
list(TRANSFORM sql_headers APPEND .hpp)
add_custom_command(
    OUTPUT ${PGCOURIER_GENERATED}/sql/stamp
    BYPRODUCTS ${sql_headers}
    COMMAND ${CMAKE_COMMAND} -DSQL_DIR=${PGCOURIER_SQL_DIR} -DOUT_DIR=${PGCOURIER_GENERATED}/sql
            -DFILES=${sql_files_hash} -P ${CMAKE_SOURCE_DIR}/cmake/write_sql_headers.cmake
    COMMAND ${CMAKE_COMMAND} -E touch ${PGCOURIER_GENERATED}/sql/stamp
    DEPENDS ${sql_files} ${CMAKE_SOURCE_DIR}/cmake/write_sql_headers.cmake
    COMMENT "Embedding SQL")
add_custom_target(embedded_sql DEPENDS ${PGCOURIER_GENERATED}/sql/stamp)
