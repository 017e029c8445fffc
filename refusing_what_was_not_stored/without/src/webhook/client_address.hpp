#pragma once
// Who sent a request: the TCP peer, or what a trusted proxy says of it. Pure.

#include "base/result.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgcourier::webhook {

/// The proxies whose X-Forwarded-* fields are believed.
class TrustedProxies {
  public:
    /// list     addresses and CIDR ranges, IPv4 or IPv6
    /// returns  or the entry that is neither
    static Result<TrustedProxies> parse(const std::vector<std::string>& list);

    /// address  without a port; an IPv4 one may be written inside IPv6. Anything else is not
    ///          trusted.
    bool contains(std::string_view address) const;

  private:
    struct Range {
        std::array<std::uint8_t, 16> network;  // IPv4 is ::ffff:0:0/96
        int prefix_bits;
    };
    std::vector<Range> ranges_;
};

/// The client's address: the right-most one of X-Forwarded-For, read from the peer leftwards, that
/// is no trusted proxy. Whatever stands left of it may be made up.
///
/// peer           of the TCP connection
/// forwarded_for  the values of all X-Forwarded-For fields, in order
/// returns        `peer` when it is not trusted; without ports, as inet_ntop writes it
std::string client_address(std::string_view peer, std::span<const std::string_view> forwarded_for,
                           const TrustedProxies& proxies);

}  // namespace pgcourier::webhook
