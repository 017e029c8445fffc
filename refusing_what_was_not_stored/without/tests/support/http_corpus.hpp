#pragma once
// The cases of tests/http_corpus, whose README.md says how they are written.

#include <optional>
#include <string>
#include <vector>

namespace pgcourier::test {

struct HttpCase {
    std::string name;
    std::string bytes;
    /// One entry a line: `POST /echo hello` (bytes as they are), `400 closed`, `405`, `closed`.
    /// None when the server waits for more.
    std::vector<std::string> outcome;
    /// What reaches the server through nginx, where the case says that it differs.
    std::optional<std::vector<std::string>> through_nginx;

    /// Those of the outcome that reach a handler.
    std::vector<std::string> served() const;
    bool is_closed() const { return !outcome.empty() && outcome.back().ends_with("closed"); }
    /// Whether one of its requests is refused.
    bool has_refusal() const;
};

/// All cases, in the order of files and lines.
/// throws  std::runtime_error with file and line of what cannot be read
std::vector<HttpCase> read_http_corpus();

}  // namespace pgcourier::test
