#include "support/http_corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace pgcourier::test {
namespace {

constexpr std::pair<std::string_view, std::string_view> kMacros[] = {
    {"sp", " "},
    {"get", R"(GET /hello HTTP/1.1\r\nHost: a\r\n)"},
    {"post", R"(POST /echo HTTP/1.1\r\nHost: a\r\n)"},
    {"chunked", R"(POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n)"},
    {"next", R"(GET /next HTTP/1.1\r\nHost: a\r\n\r\n)"},
};

std::string bytes_of(std::string_view text);

// `\r`, at the front of `text`; taken from it.
char take_escape(std::string_view& text) {
    const char kind = text.size() < 2 ? ' ' : text[1];
    const std::size_t length = kind == 'x' ? 4 : 2;
    const std::string escape{text.substr(0, length)};
    text.remove_prefix(std::min(length, text.size()));
    switch (kind) {
        case 'r':
            return '\r';
        case 'n':
            return '\n';
        case 't':
            return '\t';
        case '0':
            return '\0';
        case '\\':
            return '\\';
        case 'x':
            return static_cast<char>(std::stoi(escape.substr(2), nullptr, 16));
        default:
            throw std::runtime_error{"unknown escape " + escape};
    }
}

// `{next}` or `{a*100}`, without its braces.
std::string expanded(std::string_view macro) {
    for (const auto& [name, text] : kMacros) {
        if (name == macro) return bytes_of(text);
    }
    const std::size_t star = macro.rfind('*');
    if (star == std::string_view::npos) {
        throw std::runtime_error{fmt::format("unknown {{{}}}", macro)};
    }
    const std::string once = bytes_of(macro.substr(0, star));
    std::string all;
    for (int i = std::stoi(std::string{macro.substr(star + 1)}); i > 0; --i) all += once;
    return all;
}

std::string bytes_of(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        if (text.front() == '\\') {
            bytes += take_escape(text);
        } else if (text.front() == '{') {
            const std::size_t end = text.find('}');
            if (end == std::string_view::npos) throw std::runtime_error{"a brace without its end"};
            bytes += expanded(text.substr(1, end - 1));
            text.remove_prefix(end + 1);
        } else {
            bytes += text.front();
            text.remove_prefix(1);
        }
    }
    return bytes;
}

bool is_status(std::string_view text) {
    return text.size() >= 3 &&
           std::all_of(text.begin(), text.begin() + 3, [](char c) { return c >= '0' && c <= '9'; });
}

void add_outcome(HttpCase& to, std::string_view text) {
    if (text == "more") return;
    if (!is_status(text)) return to.outcome.push_back(bytes_of(text));
    const bool is_open = text.ends_with(" open");
    to.outcome.push_back(std::string{text.substr(0, 3)} + (is_open ? "" : " closed"));
}

void add_line(std::vector<HttpCase>& cases, std::string_view line) {
    if (line.empty() || line.starts_with('#')) return;
    if (!line.starts_with(' ')) {
        cases.push_back(
            {.name = std::string{line}, .bytes = {}, .outcome = {}, .through_nginx = {}});
        return;
    }
    if (cases.empty()) throw std::runtime_error{"a case begins with its name"};
    HttpCase& current = cases.back();
    if (line.starts_with("  | ")) {
        current.bytes += bytes_of(line.substr(4));
    } else if (line.starts_with("  = ")) {
        add_outcome(current, line.substr(4));
    } else if (line.starts_with("  nginx: ")) {
        if (!current.through_nginx) current.through_nginx.emplace();
        if (line.substr(9) != "nothing") {
            current.through_nginx->push_back(bytes_of(line.substr(9)));
        }
    } else {
        throw std::runtime_error{"neither bytes nor an outcome"};
    }
}

}  // namespace

std::vector<std::string> HttpCase::served() const {
    std::vector<std::string> requests;
    for (const std::string& one : outcome) {
        if (!is_status(one) && one != "closed") requests.push_back(one);
    }
    return requests;
}

bool HttpCase::has_refusal() const {
    return std::any_of(outcome.begin(), outcome.end(),
                       [](const auto& one) { return is_status(one); });
}

std::vector<HttpCase> read_http_corpus() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator{PGCOURIER_SOURCE_DIR "/tests/http_corpus"}) {
        if (entry.path().extension() == ".txt") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());

    std::vector<HttpCase> cases;
    for (const auto& path : files) {
        std::ifstream file{path};
        std::string line;
        for (int number = 1; std::getline(file, line); ++number) {
            try {
                add_line(cases, line);
            } catch (const std::exception& e) {
                throw std::runtime_error{
                    fmt::format("{}:{}: {}", path.filename().string(), number, e.what())};
            }
        }
    }
    return cases;
}

}  // namespace pgcourier::test
