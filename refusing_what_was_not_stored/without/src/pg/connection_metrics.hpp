#pragma once
// What is counted of connections, by the role of whoever holds them: how many are open, how long
// the server takes to answer, which errors there were.

#include "base/metrics.hpp"
#include "pg/error.hpp"

#include <string>

namespace pgcourier::pg {

class ConnectionMetrics {
  public:
    explicit ConnectionMetrics(const std::string& role);

    /// One more open connection for as long as the result lives.
    Counted opened() const { return Counted{*open_}; }
    void exchanged(double seconds) const { exchange_->Observe(seconds); }
    void failed(const Error& error) const;

  private:
    Gauge* open_;
    Histogram* exchange_;
    Counter* lost_;
    Counter* again_;
    Counter* refused_;
};

}  // namespace pgcourier::pg
