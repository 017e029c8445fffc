#include "harness/rounds.hpp"

#include <cstdlib>

namespace pgcourier::bench {
namespace {

Sizes& found() {
    static Sizes sizes;
    return sizes;
}

}  // namespace

std::int64_t setting(const char* name, std::int64_t otherwise) {
    const char* text = std::getenv(name);
    if (text == nullptr || *text == '\0') return otherwise;
    const std::int64_t value = std::stoll(text);
    if (value != otherwise) found().given[name] = text;
    if (value < otherwise) found().is_short = true;
    return value;
}

std::string words(const char* name, const char* otherwise) {
    const char* text = std::getenv(name);
    if (text == nullptr || *text == '\0' || std::string{text} == otherwise) return otherwise;
    found().given[name] = text;
    found().is_short = true;
    return text;
}

const Sizes& sizes() {
    return found();
}

}  // namespace pgcourier::bench
