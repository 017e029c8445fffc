#pragma once
// What becomes of a statement of sql/queries when one of its conditions, one of its locks or its
// exception for what is there already is taken out.
// Pure: texts in, texts out.

#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::test {

struct Mutant {
    /// Where it stood and what it was, in one line that no other mutant of the statement has:
    /// `looked: q.due_at <= now()`; `main` is what follows the last WITH query.
    std::string name;
    /// The statement without it and without comments; never longer than the statement was.
    std::string text;
};

/// One mutant for
///  - each condition that ANDs join in a WHERE, or in the ON of a join, however deep it stands;
///  - each side of an OR that is such a condition;
///  - each row lock (FOR UPDATE …), and each SKIP LOCKED;
///  - each ON CONFLICT … DO NOTHING, without which a key that is there is an error.
/// What is taken out of a condition stays in the text as `(true OR (…))`, out of an OR as
/// `(false AND (…))`: the statement keeps its parameters and their types. The WHERE that names an
/// index to ON CONFLICT is no condition.
///
/// sql  one statement with a comment of at least a line before it
std::vector<Mutant> mutants_of(std::string_view sql);

}  // namespace pgcourier::test
