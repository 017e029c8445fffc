#pragma once
// How many files this process may have open: sockets are files, and a server that takes them all
// leaves none for the database and for Twilio.

#include <cstddef>

namespace pgcourier::cli {

/// Raises the soft limit of open files to `wanted` or as near as the hard limit lets it.
/// returns  what the limit is then
std::size_t raise_descriptor_limit(std::size_t wanted);

/// How many connections a server may hold where `limit` files may be open and `reserved` of them
/// are for others: `wanted`, or fewer, but never so few that nobody is served. Pure.
std::size_t connections_within(std::size_t limit, std::size_t wanted, std::size_t reserved);

}  // namespace pgcourier::cli
