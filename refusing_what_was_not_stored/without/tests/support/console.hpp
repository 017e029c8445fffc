#pragma once
// The program with its console on, and a browser's side of it.

#include "sim/simulator.hpp"
#include "support/free_port.hpp"
#include "support/openapi.hpp"
#include "support/process.hpp"
#include "support/raw_http.hpp"
#include "support/test_database.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pgcourier::test {

inline constexpr const char* kOperator = "operators-token-5f1c";
inline constexpr const char* kViewer = "viewers-token-77aa";

struct ConsoleService {
    TestDatabase db;
    sim::Simulator twilio{{.progress = {.callbacks = false}}};
    std::uint16_t port = free_port();
    std::unique_ptr<Process> process;
    std::string cookie;  // as the browser sends it; empty: none
    std::string csrf;

    /// more  variables of the service beside both tokens, or instead of them
    explicit ConsoleService(const Variables& more = {});

    /// One request with the cookie and the CSRF token.
    /// headers  each with its line's end
    RawReply send(const std::string& method, const std::string& path, const std::string& headers,
                  const std::string& body);
    RawReply get(const std::string& path, const std::string& headers = "");
    /// JSON.
    RawReply post(const std::string& path, const std::string& json);

    void sign_in(const std::string& token, const std::string& name = "");
    /// GET that must be answered, as the description says of `schema`; empty: whatever.
    /// returns  the body
    std::string ask(const std::string& schema, const std::string& path);
    /// The same with POST.
    std::string act(const std::string& schema, const std::string& path, const std::string& json);
    /// Fails the test when the answer is not as docs/console-api.yaml says.
    void like(const std::string& schema, const std::string& json);

    /// A webhook that Twilio sends.
    void receive(std::uint64_t number, const std::string& from, const std::string& to,
                 const std::string& body) const;
    /// The console's connections to this database.
    std::int64_t connections() const;
    /// A statement on another database of the server.
    void server_exec(const std::string& statement);

    /// Every GET below /ops/api but the live events, about this id; and every POST.
    static std::vector<std::string> gets(const std::string& id = "x");
    static std::vector<std::string> posts();
};

/// The first value of this key in a JSON text, wherever it stands; empty when it is null or not
/// there.
std::string text_of(const std::string& json, const std::string& key);
/// The `id` of each object of a list.
std::vector<std::string> ids_of(const std::string& json, const std::string& list);
/// For a query.
std::string encoded(const std::string& text);

}  // namespace pgcourier::test
