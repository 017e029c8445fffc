#include "webhook/client_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <optional>

namespace pgcourier::webhook {
namespace {

using Address = std::array<std::uint8_t, 16>;

constexpr Address kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

bool is_ipv4(const Address& address) {
    return std::equal(kMappedPrefix.begin(), kMappedPrefix.begin() + kMappedBits / 8,
                      address.begin());
}

std::optional<Address> parse_address(std::string_view text) {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size()) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());

    Address address = kMappedPrefix;
    if (inet_pton(AF_INET, terminated.data(), address.data() + kMappedBits / 8) == 1)
        return address;
    if (inet_pton(AF_INET6, terminated.data(), address.data()) == 1) return address;
    return std::nullopt;
}

std::string to_text(const Address& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (is_ipv4(address)) {
        inet_ntop(AF_INET, address.data() + kMappedBits / 8, text.data(), text.size());
    } else {
        inet_ntop(AF_INET6, address.data(), text.data(), text.size());
    }
    return text.data();
}

bool begins_with(const Address& address, const Address& network, int bits) {
    const auto whole = static_cast<std::size_t>(bits / 8);
    if (!std::equal(network.begin(), network.begin() + static_cast<std::ptrdiff_t>(whole),
                    address.begin())) {
        return false;
    }
    const int rest = bits % 8;
    if (rest == 0) return true;
    const int mask = (0xFF << (8 - rest)) & 0xFF;
    return (address[whole] & mask) == (network[whole] & mask);
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:567`
std::string_view without_port(std::string_view text) {
    if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
    const std::size_t colon = text.find(':');
    const bool is_port =
        colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos;
    return is_port ? text.substr(0, colon) : text;
}

}  // namespace

Result<TrustedProxies> TrustedProxies::parse(const std::vector<std::string>& list) {
    TrustedProxies proxies;
    for (const std::string& entry : list) {
        const std::string_view text{entry};
        const std::size_t slash = text.find('/');
        const auto address = parse_address(text.substr(0, slash));
        if (!address) return Problem{"no address or CIDR range: " + entry};
        const int width = is_ipv4(*address) && text.find(':') == std::string_view::npos ? 32 : 128;
        int bits = width;
        if (slash != std::string_view::npos) {
            const std::string_view prefix = text.substr(slash + 1);
            const auto [end, failed] =
                std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
            if (failed != std::errc{} || end != prefix.data() + prefix.size() || bits < 0 ||
                bits > width) {
                return Problem{"no address or CIDR range: " + entry};
            }
        }
        proxies.ranges_.push_back({*address, bits + 128 - width});
    }
    return proxies;
}

bool TrustedProxies::contains(std::string_view address) const {
    if (ranges_.empty()) return false;
    const auto parsed = parse_address(address);
    return parsed && std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
               return begins_with(*parsed, range.network, range.prefix_bits);
           });
}

std::string client_address(std::string_view peer, std::span<const std::string_view> forwarded_for,
                           const TrustedProxies& proxies) {
    std::string client{peer};
    if (!proxies.contains(peer)) return client;
    for (auto field = forwarded_for.rbegin(); field != forwarded_for.rend(); ++field) {
        std::string_view rest = *field;
        for (bool is_last = false; !is_last;) {
            const std::size_t comma = rest.rfind(',');
            is_last = comma == std::string_view::npos;
            const std::string_view element = trimmed(is_last ? rest : rest.substr(comma + 1));
            rest = rest.substr(0, is_last ? 0 : comma);
            if (element.empty()) continue;
            const auto address = parse_address(without_port(element));
            if (!address)
                return client;  // `unknown`, `_hidden`: only the hop that said so is known
            client = to_text(*address);
            if (!proxies.contains(client)) return client;
        }
    }
    return client;
}

}  // namespace pgcourier::webhook
