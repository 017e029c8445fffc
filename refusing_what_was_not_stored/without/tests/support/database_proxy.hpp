#pragma once
// A connection's way to its database through a TcpProxy.

#include "pg/connection.hpp"
#include "support/tcp_proxy.hpp"

#include <stdexcept>
#include <string>

namespace pgcourier::test {

class DatabaseProxy {
  public:
    /// Before the database of these options.
    explicit DatabaseProxy(pg::ConnectOptions options)
        : options_{std::move(options)},
          proxy_{static_cast<std::uint16_t>(std::stoi(value_of("port")))} {
        value_of("port") = std::to_string(proxy_.port());
    }
    TcpProxy& proxy() { return proxy_; }
    /// The same options through the proxy.
    const pg::ConnectOptions& options() const { return options_; }

  private:
    std::string& value_of(std::string_view keyword) {
        for (auto& [name, value] : options_.target.keywords) {
            if (name == keyword) return value;
        }
        throw std::logic_error{"no " + std::string{keyword}};
    }

    pg::ConnectOptions options_;
    TcpProxy proxy_;
};

}  // namespace pgcourier::test
