#pragma once
// Holds JSON answers against docs/console-api.yaml: required keys, types, enumerations, times.
// Reads as much of YAML as that file uses, and fails loudly on anything else.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::test {

struct Yaml {
    std::string text{};  // of a scalar
    std::vector<std::pair<std::string, Yaml>> map{};
    std::vector<Yaml> list{};
    /// nullptr when there is no such key.
    const Yaml* find(std::string_view key) const;
    /// throws  std::runtime_error with the key when it is not there
    const Yaml& at(std::string_view key) const;
};

/// throws  std::runtime_error with the line
Yaml parse_yaml(std::string_view text);

/// What in `json` is not as `schema` of the document's components says; empty: all is.
std::vector<std::string> differences(const Yaml& document, std::string_view schema,
                                     std::string_view json);

}  // namespace pgcourier::test
