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

}  // namespace pgcourier
