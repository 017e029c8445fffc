#pragma once
// What somebody may put into any field that he can write: tests/injection_payloads.txt, read.

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace pgcourier::test {

/// `\\`, `\n`, `\r`, `\t` and `\xHH` of one line.
inline std::string unescaped(const std::string& line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\\' || i + 1 == line.size()) {
            out += line[i];
            continue;
        }
        const char kind = line[++i];
        if (kind == 'x' && i + 2 < line.size()) {
            out += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else if (kind == 'n') {
            out += '\n';
        } else if (kind == 'r') {
            out += '\r';
        } else if (kind == 't') {
            out += '\t';
        } else if (kind == '\\') {
            out += '\\';
        } else {
            throw std::runtime_error{"no escape: " + line};
        }
    }
    return out;
}

/// All of them, in order; `@N text` is the text N times.
inline std::vector<std::string> injection_payloads() {
    std::ifstream file{PGCOURIER_SOURCE_DIR "/tests/injection_payloads.txt"};
    std::vector<std::string> payloads;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') continue;
        if (line[0] != '@') {
            payloads.push_back(unescaped(line));
            continue;
        }
        char* text = nullptr;
        const long times = std::strtol(line.c_str() + 1, &text, 10);
        std::string repeated;
        for (long i = 0; i < times; ++i) repeated += unescaped(text + 1);
        payloads.push_back(std::move(repeated));
    }
    return payloads;
}

}  // namespace pgcourier::test
