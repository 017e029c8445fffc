#pragma once
// Values that must not be swapped, as types around their text; and fresh ids.

#include <compare>
#include <string>

namespace pgcourier {

template <class Tag>
struct Id {
    std::string value;
    auto operator<=>(const Id&) const = default;
    bool empty() const { return value.empty(); }
};

using TenantId = Id<struct TenantTag>;
using MessageId = Id<struct MessageTag>;
using CorrelationId = Id<struct CorrelationTag>;
using LeaseToken = Id<struct LeaseTokenTag>;

/// A random uuid (version 4) as text, from the operating system's generator.
std::string new_uuid();

/// A uuid of version 7 (RFC 9562) as text: in the order of time, so that rows which come together
/// lie together in an index. The time is the system's, in ms. 74 random bits, from the operating
/// system's generator.
std::string new_ordered_id();

}  // namespace pgcourier
