#pragma once
// One request as received and one answer to be sent, as plain values. Nothing here is decoded:
// path, query and body are the bytes that came, since a signature covers them.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pgcourier::http {

/// Header fields in the order received. Lookups ignore case. Two allocations, whatever the number
/// of fields.
class Headers {
  public:
    void add(std::string_view name, std::string_view value);
    /// returns  the first value under this name; empty when there is none
    std::string_view get(std::string_view name) const;
    /// returns  every value under this name, in order
    std::vector<std::string_view> all(std::string_view name) const;
    bool has(std::string_view name) const;

    std::size_t size() const { return fields_.size(); }
    /// Name and value of field `index` (< size()).
    std::pair<std::string_view, std::string_view> at(std::size_t index) const;
    void reserve(std::size_t text_bytes, std::size_t fields);
    void clear();

  private:
    struct Field {
        std::uint32_t start;  // of the name in text_; the value follows it
        std::uint32_t name_size;
        std::uint32_t value_size;
    };
    std::string text_;
    std::vector<Field> fields_;
};

struct Request {
    std::string method{};
    std::string target{};  // as in the request line: path, and query when there is one
    Headers headers{};
    std::string body{};
    std::string peer_address{};  // of the TCP peer, without its port; an IPv4 one also when it came
                                 // over IPv6

    /// The target up to the first `?`.
    std::string_view path() const;
    /// The target after the first `?`; empty when there is none.
    std::string_view query() const;
    /// The first value of a header field, in any case; empty when there is none.
    std::string_view header(std::string_view name) const { return headers.get(name); }
};

/// Lives as long as the connection on which an answer goes on.
struct Streaming {
    std::atomic<bool> has_ended{false};  // nothing more will come
};

struct Response {
    int status = 200;
    std::string content_type{};  // empty: no Content-Type field
    std::string body{};
    std::vector<std::pair<std::string, std::string>>
        headers{};       // further ones; framing and Date are the server's
    bool close = false;  // close the connection after this answer
    bool reset = false;  // send nothing and reset the connection: for a simulator's faults
    std::shared_ptr<Streaming> streams{};  // set by Responder::begin(): the answer goes on
    std::size_t send_at_most =
        std::string::npos;  // bytes of the whole answer, then close: the same use
};

/// Whether two header names (or tokens) are the same, ignoring ASCII case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace pgcourier::http
