#include "base/address.hpp"

#include <algorithm>

namespace pgcourier {
namespace {

constexpr std::string_view kPrefix = "whatsapp:";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
bool is_alnum(char c) {
    return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z');
}
char lower(char c) {
    return is_upper(c) ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

std::string_view bare_address(std::string_view address) {
    while (!address.empty() && address.front() == ' ') address.remove_prefix(1);
    while (!address.empty() && address.back() == ' ') address.remove_suffix(1);
    const bool prefixed =
        address.size() >= kPrefix.size() &&
        std::equal(kPrefix.begin(), kPrefix.end(), address.begin(),
                   [](char expected, char found) { return expected == lower(found); });
    return prefixed ? address.substr(kPrefix.size()) : address;
}

bool is_e164(std::string_view address) {
    if (address.size() < 9 || address.size() > 16 || address[0] != '+' || address[1] == '0') {
        return false;
    }
    return std::all_of(address.begin() + 1, address.end(), is_digit);
}

bool is_user_id(std::string_view address) {
    if (address.size() < 4 || !is_upper(address[0]) || !is_upper(address[1]) || address[2] != '.') {
        return false;
    }
    std::string_view rest = address.substr(3);
    if (rest.starts_with("ENT.")) rest.remove_prefix(4);
    return !rest.empty() && rest.size() <= 128 && std::all_of(rest.begin(), rest.end(), is_alnum);
}

std::string masked(std::string_view address) {
    const std::string_view bare = bare_address(address);
    if (is_e164(bare)) {
        return std::string{bare.substr(0, 4)} + "…" + std::string{bare.substr(bare.size() - 2)};
    }
    if (is_user_id(bare)) return std::string{bare.substr(0, 3)} + "…";
    return bare.empty() ? "" : "…";
}

}  // namespace pgcourier
