#pragma once
// A shop's key, trigger or open transaction may refuse us one of the rows of a step: no reason to
// leave all others.

#include "pg/error.hpp"

namespace pgcourier::maintenance {

/// Whether the same may well be done with other rows. Else it is the connection, the server or the
/// time that is lacking, for any of them.
inline bool is_refusal(const pg::Error& error) {
    return !error.is_retryable() || error.sqlstate() == "55P03";
}

/// Whether it was given up for its time: less at once may do.
inline bool takes_long(const pg::Error& error) {
    return error.sqlstate() == "57014";
}

}  // namespace pgcourier::maintenance
