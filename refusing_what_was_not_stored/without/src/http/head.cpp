#include "http/head.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <charconv>

namespace pgcourier::http {
namespace {

namespace beast = boost::beast::http;
using Error = boost::beast::error_code;
using Text = boost::beast::string_view;

std::string_view view(Text text) {
    return {text.data(), text.size()};
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// One way to write a target: the path with its query (RFC 9112, 3.2.1). A whole URL would bring a
// second host, and what is not visible ASCII, or stands behind a `#`, is read differently by
// others.
bool is_target(std::string_view method, std::string_view target) {
    if (target == "*") return method == "OPTIONS";
    return target.starts_with('/') && std::all_of(target.begin(), target.end(), [](char c) {
               return c > 0x20 && c < 0x7f && c != '#';
           });
}

// A name or an address, and a port (RFC 9110, 7.2). No comma, though a name of RFC 3986 may have
// one: it is what somebody on the way makes of two fields.
bool is_host(std::string_view value) {
    constexpr std::string_view kMarks = "-._~%!$&'()*+;=";
    std::string_view port;
    if (value.starts_with('[')) {
        const auto end = value.find(']');
        if (end == std::string_view::npos || end == 1) return false;
        if (value.substr(1, end - 1).find_first_not_of("0123456789abcdefABCDEF:.") !=
            std::string_view::npos) {
            return false;
        }
        port = value.substr(end + 1);
    } else {
        const std::string_view name = value.substr(0, value.find(':'));
        if (name.empty() || !std::all_of(name.begin(), name.end(), [&](char c) {
                return is_alphanumeric(c) || kMarks.find(c) != std::string_view::npos;
            })) {
            return false;
        }
        port = value.substr(name.size());
    }
    return port.empty() || (port.front() == ':' && port.size() <= 6 &&
                            std::all_of(port.begin() + 1, port.end(), is_digit));
}

// Beast finds lines, tokens and values, and refuses control characters, a missing CR, and white
// space in or after a name. The rest of the rules is in on_field_impl and on_header_impl.
class HeadParser : public beast::basic_parser<true> {
  public:
    HeadParser(const Limits& limits, Head& head) : limits_{limits}, head_{head} {
        header_limit(static_cast<std::uint32_t>(limits.header_bytes + 1));
        body_limit(boost::none);  // the caller's: it depends on the route
    }

    int status = 400;  // to refuse with, when put() fails

  private:
    void on_request_impl(beast::verb, Text method, Text target, int version,
                         Error& error) override {
        head_.is_http10 = version == 10;
        head_.request.method = view(method);
        if (target.size() > limits_.target_bytes) return refuse(414, error);
        head_.request.target = view(target);
        if (!is_target(head_.request.method, head_.request.target)) return refuse(400, error);
    }

    void on_field_impl(beast::field field, Text name, Text text, Error& error) override {
        const std::string_view value = view(text);
        if (head_.request.headers.size() >= limits_.header_fields) return refuse(431, error);
        switch (field) {
            case beast::field::content_length: {
                // Once, and digits only: no sign, no list, though equal values would be allowed.
                const auto end = value.data() + value.size();
                const auto read = std::from_chars(value.data(), end, head_.content_length);
                if (++lengths_ > 1 || read.ec != std::errc{} || read.ptr != end) {
                    return refuse(400, error);
                }
                break;
            }
            case beast::field::transfer_encoding:
                // Beast takes an unknown coding for no body at all.
                if (head_.is_chunked || !equal_ignoring_case(value, "chunked")) {
                    return refuse(400, error);
                }
                head_.is_chunked = true;
                break;
            case beast::field::host:
                if (++hosts_ > 1 || !is_host(value)) return refuse(400, error);
                break;
            case beast::field::expect:
                head_.expects_continue = equal_ignoring_case(value, "100-continue");
                break;
            default:
                break;
        }
        head_.request.headers.add(view(name), value);
    }

    void on_header_impl(Error& error) override {
        if (head_.is_chunked && (lengths_ > 0 || head_.is_http10)) return refuse(400, error);
        if (hosts_ == 0 && !head_.is_http10) return refuse(400, error);
        if (head_.is_http10) head_.expects_continue = false;
        head_.keeps_alive = keep_alive();
    }

    void refuse(int with, Error& error) {
        status = with;
        error = beast::error::bad_value;
    }

    // Never reached: only the head is put.
    void on_response_impl(int, Text, int, Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(Text, Error&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text, Error&) override { return 0; }
    void on_finish_impl(Error&) override {}

    const Limits& limits_;
    Head& head_;
    int lengths_ = 0;
    int hosts_ = 0;
};

}  // namespace

bool is_token(char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return is_alphanumeric(c) || kMarks.find(c) != std::string_view::npos;
}

std::size_t head_end(std::string_view bytes, std::size_t from) {
    const auto found = bytes.find("\r\n\r\n", from < 3 ? 0 : from - 3);
    return found == std::string_view::npos ? 0 : found + 4;
}

bool is_hopeless(std::string_view partial) {
    if (partial.empty()) return false;
    if (!is_token(partial.front()) && partial.front() != '\r') return true;
    for (auto at = partial.find('\n'); at != std::string_view::npos;
         at = partial.find('\n', at + 1)) {
        if (at == 0 || partial[at - 1] != '\r') return true;
    }
    return false;
}

int oversize_status(std::string_view bytes, const Limits& limits) {
    return bytes.substr(0, limits.target_bytes).find('\n') == std::string_view::npos ? 414 : 431;
}

int parse_head(std::string_view bytes, const Limits& limits, Head& head) {
    if (bytes.size() > limits.header_bytes) return oversize_status(bytes, limits);
    // A folded field: Beast joins its lines, other servers do not.
    if (bytes.find("\r\n ") != std::string_view::npos ||
        bytes.find("\r\n\t") != std::string_view::npos) {
        return 400;
    }
    const auto lines = std::count(bytes.begin(), bytes.end(), '\n');
    head.request.headers.reserve(bytes.size(), static_cast<std::size_t>(lines));

    HeadParser parser{limits, head};
    Error error;
    const auto used = parser.put(boost::asio::const_buffer{bytes.data(), bytes.size()}, error);
    if (error || used != bytes.size() || !parser.is_header_done()) return parser.status;
    return 0;
}

}  // namespace pgcourier::http
