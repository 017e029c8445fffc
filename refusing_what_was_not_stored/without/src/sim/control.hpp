#pragma once
// The simulator's own routes, below /sim, by which the command line and tests of other processes
// use it. They answer this machine only.
//
// clang-format off
//   POST   /sim/inbound  one message, form or JSON (read_inbound); after the last answer:
//                        {"sid":"SM…","statuses":[200]}
//   GET    /sim/ledger   the ledger, a JSON object a line
//   POST   /sim/script   rules to add, form or JSON objects, one a line (read_rules): {"rules":3}
//   DELETE /sim/script   no rules any more
//   POST   /sim/reset    forget everything
//   GET    /sim/health   {"status":"ok","messages":12,"accepted":9}
// clang-format on
//
// What is wrong is answered 400 with {"error":"…"}.

#include "base/result.hpp"
#include "http/routes.hpp"
#include "sim/account.hpp"

#include <string>

namespace pgcourier::sim {

/// `account` must outlive the routes.
void add_control_routes(http::Routes& routes, Account& account);

/// The result as /sim/inbound answers it.
std::string to_json(const InboundResult& result);

/// Calls a control route of a simulator, in this process or another, and waits for its answer.
///
/// base_url  `http://127.0.0.1:4010`
/// body      JSON or a form; empty for GET and DELETE
/// returns   the answer's body when the status is 200, else what went wrong
Result<std::string> control(const std::string& base_url, const std::string& method,
                            const std::string& path, const std::string& body = {});

}  // namespace pgcourier::sim
