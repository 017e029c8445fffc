#pragma once
// The client's end of a kept-alive HTTP/1.1 connection to 127.0.0.1, as the load generators hold
// it: blocking writes of whole requests, answers told apart by their Content-Length.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgcourier::bench {

/// returns  a connected socket, TCP_NODELAY
/// throws   std::runtime_error
int connect_to(std::uint16_t port);

/// throws std::runtime_error when it is not taken at once
void send_whole(int socket, std::string_view request);

/// Reads what has arrived and appends it.
///
/// throws std::runtime_error when the other side has closed
void receive_some(int socket, std::string& input);

/// returns  the size of the answer that `input` begins with; 0 when it is not there whole
std::size_t whole_answer(const std::string& input);

/// Of an answer that is there whole.
bool is_200(const std::string& input);

}  // namespace pgcourier::bench
