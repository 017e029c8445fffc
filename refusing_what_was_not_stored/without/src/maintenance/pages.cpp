#include "maintenance/pages.hpp"

#include "sql/maintenance.hpp"

namespace pgcourier::maintenance {

std::string place_of_page(std::int64_t page) {
    return "(" + std::to_string(page) + ",0)";
}

std::int64_t pages_of(pg::Connection& db, std::string_view table) {
    return db.exec(sql::maintenance::table_pages, pg::Params{table})[0].int64(0);
}

}  // namespace pgcourier::maintenance
