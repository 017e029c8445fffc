#include "harness/rounds.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>

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

std::vector<double> ratios(const std::vector<double>& of, const std::vector<double>& in) {
    std::vector<double> all(std::min(of.size(), in.size()));
    std::transform(of.begin(), of.begin() + std::ssize(all), in.begin(), all.begin(),
                   std::divides{});
    return all;
}

std::vector<double> shares(const std::vector<double>& of, const std::vector<double>& in) {
    std::vector<double> all = ratios(of, in);
    for (double& one : all) one *= 100;
    return all;
}

}  // namespace pgcourier::bench
