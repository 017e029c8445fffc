// Our side of the comparison with Twilio's own library (compare.mjs): reads requests, a line each,
// `form|json <url> <body> <signature>` with URL and body as hexadecimal digits (`-`: empty), and
// answers each with `0|1 <signature>`: whether we take it, and what we would sign it with.
#include "twilio/form.hpp"
#include "twilio/signature.hpp"

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

using namespace pgcourier;
using namespace pgcourier::twilio;

namespace {

std::string from_hex(const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    return bytes;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(
        false);  // std::cin stays tied: what was answered goes out before more is read
    const std::vector<Secret> keys{Secret{"12345678901234567890123456789012"}};
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words{line};
        std::string kind;
        std::string url;
        std::string body;
        std::string signature;
        words >> kind >> url >> body >> signature;
        url = from_hex(url);
        body = from_hex(body);
        const std::size_t mark = url.find('?');
        const std::string query = mark == std::string::npos ? "" : url.substr(mark + 1);
        const BodyFormat format = kind == "json" ? BodyFormat::json : BodyFormat::form;
        const bool is_taken = verify({.urls = {url},
                                      .format = format,
                                      .body = body,
                                      .query = query,
                                      .signature = signature},
                                     keys)
                                  .has_value();
        std::cout << (is_taken ? '1' : '0') << ' '
                  << sign(keys[0], url, format == BodyFormat::form ? decode_form(body) : Params{})
                  << '\n';
    }
}
