#pragma once

#include <cstdint>

namespace pgcourier::cli {

/// Whether a port of 127.0.0.1 can be listened on.
bool is_free_port(std::uint16_t port);

}  // namespace pgcourier::cli
