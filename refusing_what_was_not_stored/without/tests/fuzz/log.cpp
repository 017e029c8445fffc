// The log's formatter: whatever is told, it is one line of valid UTF-8 without a control character;
// as JSON it is one object that says what was told. A masked address never has the full number.
#include "base/log.hpp"

#include "base/address.hpp"
#include "fuzz/support.hpp"

#include <rapidjson/document.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

using namespace pgcourier;
using fuzz::require;

namespace {

rapidjson::Document parsed(std::string_view text) {
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
    return document;
}

/// Standard output, where the log writes, leads nowhere meanwhile: libFuzzer tells its own on
/// standard error.
class Silence {
  public:
    Silence() : kept_{(std::fflush(stdout), dup(STDOUT_FILENO))} {
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDOUT_FILENO);
        close(nowhere);
    }
    ~Silence() {
        std::fflush(stdout);
        dup2(kept_, STDOUT_FILENO);
        close(kept_);
    }
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;

  private:
    int kept_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::string key{input.line()};
    const std::string_view number_bytes = input.line();
    const std::string text{input.rest()};
    double number = 0;
    if (!number_bytes.empty())
        std::memcpy(&number, number_bytes.data(), std::min(number_bytes.size(), sizeof number));

    const Silence silence;
    const Log log{"Fuzz"};
    for (const LogFormat format : {LogFormat::json, LogFormat::text}) {
        configure_log(LogLevel::debug, format);
        const LogCapture capture;
        log.warn(text, {{key, text}, {"number", number}, {"whole", size}, {"yes", true}});
        std::string line = capture.text();
        require(!line.empty() && line.back() == '\n', "a line ends with a line feed");
        line.pop_back();
        require(!fuzz::has_control(line), "a line has no control character");
        require(fuzz::is_utf8(line), "a line is UTF-8");
        const std::size_t object_at = format == LogFormat::json ? 0 : line.find(" {\"");
        if (format == LogFormat::json) {
            const rapidjson::Document document = parsed(line);
            require(!document.HasParseError() && document.IsObject(), "a JSON line is one object");
            const auto message = document.FindMember("message");
            require(message != document.MemberEnd() && message->value.IsString(),
                    "with the message");
            if (fuzz::is_utf8(text))
                require(std::string_view(message->value.GetString(),
                                         message->value.GetStringLength()) == text,
                        "which is the one that was told");
            require(key == "number" || document.HasMember("number"), "with its fields");
            require(key == "number" || document["number"].IsNull() != std::isfinite(number),
                    "a number is one, or null");
        } else {
            require(line.starts_with("[20") && object_at != std::string::npos,
                    "a text line begins with the time and ends with its fields");
        }
    }
    configure_log(LogLevel::info, LogFormat::text);

    for (const std::string& address : {text, key, "whatsapp:" + text}) {
        const std::string shown = masked(address);
        const std::string_view bare = bare_address(address);
        require(shown.size() <= 16, "a masked address is short");
        // Seven digits in a row would tell who it is.
        std::size_t digits = 0;
        for (const char c : shown) {
            digits = c >= '0' && c <= '9' ? digits + 1 : 0;
            require(digits < 7, "a masked address has no number");
        }
        require(bare.size() < 4 || shown.find(bare) == std::string::npos,
                "a masked address is not the address");
    }
    return 0;
}
