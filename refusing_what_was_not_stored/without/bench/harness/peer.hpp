#pragma once
// A program of bench/peers: in Node, in SQL that pgbench runs, or Redis beside them.

#include "harness/pgbench.hpp"
#include "support/process.hpp"
#include "support/test_database.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace pgcourier::bench {

/// Redis on a port of its own, with its log written to the disk each second.
class Redis {
  public:
    Redis();
    std::uint16_t port() const { return port_; }

  private:
    std::uint16_t port_;
    test::Process process_;
};

/// Starts `bench/peers/<script>.mjs`. Its Node is the one of bench/peers/node_modules.
std::unique_ptr<test::Process> start_node(const std::string& script,
                                          std::vector<std::string> arguments,
                                          const test::Variables& variables);

/// Runs a script that completes jobs and tells how long it took.
///
/// returns  jobs a second
double node_jobs_rate(const std::string& script, const test::Variables& variables);

/// Runs a file of bench/peers with psql; `:jobs` in it is the number of them.
void fill_with_psql(const test::TestDatabase& db, const std::string& file, std::int64_t jobs);

}  // namespace pgcourier::bench
