#include "support/nginx.hpp"

#include "support/eventually.hpp"
#include "support/free_port.hpp"
#include "support/raw_http.hpp"
#include "support/test_database.hpp"
#include "support/unprivileged.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>

namespace pgcourier::test {
namespace {

constexpr const char* kProgram = "/usr/sbin/nginx";

// Who sends half a request is waited for a second. Without lingering a request is in the log before
// its client can know that it is over.
constexpr const char* kSettings = R"(
daemon off;
master_process off;
pid {directory}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    log_format forwarded '$remote_port $upstream_status $request_id $request_body';
    access_log {directory}/access.log forwarded;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    lingering_close off;
    client_body_buffer_size 256k;
    upstream pgcourier {{ server 127.0.0.1:{target}; keepalive 4; }}
    proxy_http_version 1.1;
    proxy_next_upstream off;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Client-Port $remote_port;
    proxy_set_header X-Request-Id $request_id;
    server {{
        listen 127.0.0.1:{buffering};
        server_name localhost;
        location / {{ proxy_pass http://pgcourier; }}
    }}
    server {{
        listen 127.0.0.1:{streaming};
        server_name localhost;
        ignore_invalid_headers off;
        underscores_in_headers on;
        proxy_request_buffering off;
        location / {{ proxy_pass http://pgcourier; }}
    }}
}}
)";

std::string text_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

bool listens(std::uint16_t port) {
    try {
        const RawHttp connection{port};
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

}  // namespace

Nginx::Nginx(std::uint16_t target)
    : buffering_port_{free_port()},
      streaming_port_{free_port()},
      directory_{fmt::format("{}/nginx-{}", scratch_directory(), buffering_port_)} {
    if (!std::filesystem::exists(kProgram))
        throw std::runtime_error{"no nginx: install Debian's package nginx-light"};
    std::filesystem::create_directories(directory_);
    const std::string settings_path = directory_ + "/nginx.conf";
    std::ofstream{settings_path} << fmt::format(
        fmt::runtime(kSettings), fmt::arg("directory", directory_), fmt::arg("target", target),
        fmt::arg("buffering", buffering_port_), fmt::arg("streaming", streaming_port_));
    pid_ = run_unprivileged({kProgram, "-p", directory_, "-e", "stderr", "-c", settings_path},
                            directory_ + "/nginx.log");
    if (!eventually([this] { return listens(buffering_port_) && listens(streaming_port_); }))
        throw std::runtime_error{"nginx does not start:\n" + log()};
}

Nginx::~Nginx() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

void Nginx::finish() {
    kill(pid_, SIGQUIT);
    const bool has_ended = eventually([this] { return waitpid(pid_, nullptr, WNOHANG) == pid_; },
                                      std::chrono::seconds{60});
    if (!has_ended) throw std::runtime_error{"nginx does not end:\n" + log()};
    pid_ = -1;
}

std::vector<Forwarded> Nginx::forwarded() const {
    std::vector<Forwarded> all;
    std::istringstream lines{text_of(directory_ + "/access.log")};
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words{line};
        Forwarded one{};
        std::string status;
        words >> one.client_port >> status >> one.id;
        words.ignore(1);
        std::getline(words, one.body);
        if (one.body == "-") one.body.clear();
        if (status == "200") all.push_back(std::move(one));
    }
    return all;
}

std::string Nginx::log() const {
    return text_of(directory_ + "/nginx.log");
}

}  // namespace pgcourier::test
