#pragma once
// Figures of the running process that its parts count themselves, for /metrics.

#include "base/metrics.hpp"
#include "http/server.hpp"
#include "inbox/writer.hpp"

namespace pgcourier::cli {

/// What the server and the inbox count themselves.
///
/// inbox  null: this process receives no webhooks
void add_live_samples(Samples& samples, const http::Server& server, const inbox::Writer* inbox);

}  // namespace pgcourier::cli
