#pragma once
// Somebody outside who is posted to: keeps what came, and answers as it is told.

#include "http/request.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pgcourier::test {

class Receiver {
  public:
    Receiver();
    ~Receiver();
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    std::uint16_t port() const;
    std::vector<http::Request> requests() const;
    /// From now on with this status, and this Retry-After where it is not empty.
    void answer(int status, const std::string& retry_after = {});
    /// From now on not at all: the connection stays open.
    void hang();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace pgcourier::test
