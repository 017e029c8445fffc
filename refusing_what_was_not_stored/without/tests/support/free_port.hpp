#pragma once

#include <cstdint>

namespace pgcourier::test {

/// A TCP port on 127.0.0.1 that nobody listened on a moment ago.
std::uint16_t free_port();

}  // namespace pgcourier::test
