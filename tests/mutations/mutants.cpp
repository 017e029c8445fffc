#include "mutations/mutants.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

namespace pgcourier::test {
namespace {

/// A word in capitals, or a single character; what stands in quotes is one word of its own.
struct Token {
    std::size_t begin;
    std::size_t end;
    std::string word;
    int depth;  // parentheses around it; its own are as deep as what stands beside them
};

bool is_of_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

std::string without_comments(std::string_view sql) {
    std::string kept;
    char quote = 0;
    for (std::size_t i = 0; i < sql.size(); ++i) {
        if (quote == 0 && sql.substr(i).starts_with("--")) {
            i = std::min(sql.find('\n', i), sql.size());
            if (i == sql.size()) break;
        }
        if (quote != 0 && sql[i] == quote)
            quote = 0;
        else if (quote == 0 && (sql[i] == '\'' || sql[i] == '"'))
            quote = sql[i];
        kept += sql[i];
    }
    return kept;
}

std::vector<Token> tokens_of(const std::string& sql) {
    std::vector<Token> tokens;
    int depth = 0;
    for (std::size_t i = 0; i < sql.size();) {
        if (std::isspace(static_cast<unsigned char>(sql[i])) != 0) {
            ++i;
            continue;
        }
        std::size_t end = i + 1;
        if (sql[i] == '\'' || sql[i] == '"') {
            end = std::min(sql.find(sql[i], end), sql.size() - 1) + 1;
        } else if (is_of_word(sql[i])) {
            while (end < sql.size() && is_of_word(sql[end])) ++end;
        }
        Token token{i, end, sql.substr(i, end - i), depth};
        std::ranges::transform(token.word, token.word.begin(), [](char c) {
            return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        });
        if (token.word == "(") ++depth;
        if (token.word == ")") token.depth = --depth;
        tokens.push_back(std::move(token));
        i = end;
    }
    return tokens;
}

/// From the first token to the one behind the last.
struct Range {
    std::size_t first;
    std::size_t last;
};

class Statement {
  public:
    explicit Statement(std::string_view sql)
        : sql_{without_comments(sql)}, tokens_{tokens_of(sql_)} {}

    std::vector<Mutant> mutants() {
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            find_query(i);
            if ((is(i, "WHERE") && !names_an_index(i)) || is_on_of_join(i)) add_conditions(i + 1);
            if (is(i, "FOR")) add_locks(i);
            if (is(i, "ON") && is(i + 1, "CONFLICT")) add_conflict(i);
        }
        return std::move(mutants_);
    }

  private:
    bool is(std::size_t i, std::string_view word) const {
        return i < tokens_.size() && tokens_[i].word == word;
    }
    bool is_on_of_join(std::size_t i) const {
        return is(i, "ON") && !is(i + 1, "CONFLICT") && !(i > 0 && is(i - 1, "DISTINCT"));
    }
    /// ON CONFLICT (…) WHERE
    bool names_an_index(std::size_t where) const {
        if (where == 0 || !is(where - 1, ")")) return false;
        const std::size_t open = opening_of(where - 1);
        return open > 0 && is(open - 1, "CONFLICT");
    }
    std::size_t opening_of(std::size_t closing) const {
        std::size_t open = closing - 1;
        while (open > 0 && (!is(open, "(") || tokens_[open].depth != tokens_[closing].depth))
            --open;
        return open;
    }

    /// Whose name a mutant bears: `looked AS MATERIALIZED (`, `walk (tenant_id, step) AS (`.
    void find_query(std::size_t i) {
        if (tokens_[i].depth > 0) return;
        if (is(i, ")")) query_ = "main";
        if (!is(i, "(") || i < 2) return;
        std::size_t as = i - 1;
        if (is(as, "MATERIALIZED")) --as;
        if (!is(as, "AS") || as == 0) return;
        std::size_t name = as - 1;
        if (is(name, ")")) name = opening_of(name) - 1;
        query_ = text({name, name + 1});
    }

    /// Ends where a clause or a parenthesis does. Sides of an AND or OR at its own depth.
    std::vector<Range> split(Range range, std::string_view at) const {
        std::vector<Range> parts;
        const int depth = tokens_[range.first].depth;
        int cases = 0;
        bool is_between = false;
        std::size_t begin = range.first;
        for (std::size_t i = range.first; i < range.last; ++i) {
            if (tokens_[i].depth != depth) continue;
            if (is(i, "CASE")) ++cases;
            if (is(i, "END")) --cases;
            if (cases > 0) continue;
            if (is(i, "BETWEEN")) is_between = true;
            if (!is(i, at)) continue;
            if (at == "AND" && is_between) {
                is_between = false;
                continue;
            }
            parts.push_back({begin, i});
            begin = i + 1;
        }
        parts.push_back({begin, range.last});
        return parts;
    }

    std::size_t end_of_clause(std::size_t first) const {
        static constexpr std::array<std::string_view, 22> kEnds{
            "GROUP",  "ORDER",     "LIMIT",  "OFFSET", "FOR", "RETURNING", "HAVING", "UNION",
            "EXCEPT", "INTERSECT", "WINDOW", "ON",     "DO",  "LEFT",      "INNER",  "JOIN",
            "CROSS",  "WHERE",     "FETCH",  "SET",    ",",   ";"};
        const int depth = tokens_[first].depth;
        std::size_t i = first;
        while (
            i < tokens_.size() && tokens_[i].depth >= depth &&
            (tokens_[i].depth > depth || std::ranges::find(kEnds, tokens_[i].word) == kEnds.end()))
            ++i;
        return i;
    }

    void add_conditions(std::size_t first) {
        for (const Range& condition : split({first, end_of_clause(first)}, "AND")) {
            if (text(condition) == "true") continue;
            add(text(condition), condition, "(true OR (", "))");
            Range inside = condition;
            if (is(inside.first, "(") && opening_of(inside.last - 1) == inside.first)
                inside = {inside.first + 1, inside.last - 1};
            const std::vector<Range> sides = split(inside, "OR");
            if (sides.size() < 2) continue;
            for (const Range& side : sides) add("OR " + text(side), side, "(false AND (", "))");
        }
    }

    void add_locks(std::size_t first) {
        static constexpr std::array<std::string_view, 4> kStrengths{"UPDATE", "SHARE", "KEY", "NO"};
        if (std::ranges::none_of(kStrengths, [&](std::string_view s) { return is(first + 1, s); }))
            return;
        const int depth = tokens_[first].depth;
        std::size_t last = first;
        while (last < tokens_.size() && tokens_[last].depth >= depth && !is(last, ";")) ++last;
        for (std::size_t i = first; i + 1 < last; ++i) {
            if (is(i, "SKIP")) add("SKIP LOCKED", {i, i + 2}, "/*", "*/");
        }
        add(text({first, last}), {first, last}, "/*", "*/");
    }

    // DO UPDATE has conditions of its own.
    void add_conflict(std::size_t first) {
        std::size_t i = first;
        while (i < tokens_.size() && tokens_[i].depth >= tokens_[first].depth && !is(i, "DO")) ++i;
        if (is(i, "DO") && is(i + 1, "NOTHING"))
            add(text({first, i + 2}), {first, i + 2}, "/*", "*/");
    }

    void add(const std::string& what, Range range, std::string_view before,
             std::string_view after) {
        std::string name = query_ + ": " + what;
        if (const int count = ++counts_[name]; count > 1) name += " #" + std::to_string(count);
        const std::size_t begin = tokens_[range.first].begin;
        const std::size_t end = tokens_[range.last - 1].end;
        std::string mutated = sql_.substr(0, begin);
        mutated.append(before).append(sql_, begin, end - begin).append(after);
        mutated.append(sql_, end);
        mutants_.push_back({std::move(name), std::move(mutated)});
    }

    /// In one line.
    std::string text(Range range) const {
        std::string line;
        const std::size_t begin = tokens_[range.first].begin;
        const std::size_t end = tokens_[range.last - 1].end;
        for (std::size_t i = begin; i < end; ++i) {
            const bool is_space = std::isspace(static_cast<unsigned char>(sql_[i])) != 0;
            if (!is_space) line += sql_[i];
            if (is_space && line.back() != ' ') line += ' ';
        }
        return line;
    }

    std::string sql_;
    std::vector<Token> tokens_;
    std::string query_ = "main";
    std::map<std::string, int> counts_;
    std::vector<Mutant> mutants_;
};

}  // namespace

std::vector<Mutant> mutants_of(std::string_view sql) {
    return Statement{sql}.mutants();
}

}  // namespace pgcourier::test
