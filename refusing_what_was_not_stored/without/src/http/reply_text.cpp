#include "http/reply_text.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace pgcourier::http {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

void append_number(std::string& out, std::size_t number) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
    const auto start = out.size();
    out.append(name).append(": ").append(value);
    for (auto i = start; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) out[i] = ' ';
    }
    out.append("\r\n");
}

bool has_no_body(int status) {
    return status == 204 || status == 304 || status / 100 == 1;
}

}  // namespace

std::string_view reason_phrase(int status) {
    for (const auto& [number, reason] : kReasons) {
        if (number == status) return reason;
    }
    return "Unknown";
}

void append_reply(std::string& out, const Response& response, const ReplyForm& form) {
    out.append("HTTP/1.1 ");
    append_number(out, static_cast<std::size_t>(response.status));
    out.append(" ").append(reason_phrase(response.status)).append("\r\n");
    if (!form.date.empty()) out.append("Date: ").append(form.date).append("\r\n");
    if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
    for (const auto& [name, value] : response.headers) append_field(out, name, value);
    if (!form.keeps_alive) {
        out.append("Connection: close\r\n");
    } else if (form.is_http10) {
        out.append("Connection: keep-alive\r\n");
    }
    if (!has_no_body(response.status) && !form.is_endless) {
        out.append("Content-Length: ");
        append_number(out, response.body.size());
        out.append("\r\n");
    }
    out.append("\r\n");
    if (!form.without_body && !has_no_body(response.status)) out.append(response.body);
}

std::string http_date(long long unix_seconds) {
    using namespace std::chrono;
    constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

    const sys_seconds time{seconds{unix_seconds}};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    const auto two = [](unsigned value) {
        return std::string{static_cast<char>('0' + value / 10),
                           static_cast<char>('0' + value % 10)};
    };

    std::string text{kDays.substr(weekday{day}.c_encoding() * 3, 3)};
    text.append(", ").append(two(static_cast<unsigned>(date.day()))).append(" ");
    text.append(kMonths.substr((static_cast<unsigned>(date.month()) - 1) * 3, 3)).append(" ");
    text.append(std::to_string(static_cast<int>(date.year()))).append(" ");
    text.append(two(static_cast<unsigned>(clock.hours().count()))).append(":");
    text.append(two(static_cast<unsigned>(clock.minutes().count()))).append(":");
    text.append(two(static_cast<unsigned>(clock.seconds().count()))).append(" GMT");
    return text;
}

}  // namespace pgcourier::http
