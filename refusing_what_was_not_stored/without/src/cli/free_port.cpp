#include "cli/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pgcourier::cli {

bool is_free_port(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;  // as the servers do: a port whose last connections still linger is free
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const bool is_free =
        bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        listen(descriptor, 1) == 0;
    close(descriptor);
    return is_free;
}

}  // namespace pgcourier::cli
