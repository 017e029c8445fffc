#pragma once
// The forms in which sql/ is embedded into the program; the generated headers sql/<module>.hpp are
// made of them.

namespace pgcourier::pg {

/// One statement of sql/queries: its name (also the prepared statement's and the log's), its text,
/// and whether its rows come in PostgreSQL's binary form (a line `-- rows: binary` in its file),
/// which is worth it where many come or bytea is among them.
struct Statement {
    const char* name;
    const char* text;
    bool has_binary_rows = false;
};

/// One file of sql/migrations or sql/ops: several statements, no parameters.
struct Script {
    const char* name;
    const char* text;
};

}  // namespace pgcourier::pg
