#include "pg/pooler.hpp"

namespace pgcourier::pg {

int told_backend_pid(Connection& db) {
    return PQbackendPID(db.raw());
}

}  // namespace pgcourier::pg
