#pragma once
// The forms in which sql/ is embedded into the program; the generated headers sql/<module>.hpp are
// made of them.

namespace pgcourier::pg {

/// One statement of sql/queries: its name (also the prepared statement's and the log's) and its
/// text.
struct Statement {
    const char* name;
    const char* text;
};

/// One file of sql/migrations or sql/ops: several statements, no parameters.
struct Script {
    const char* name;
    const char* text;
};

}  // namespace pgcourier::pg
