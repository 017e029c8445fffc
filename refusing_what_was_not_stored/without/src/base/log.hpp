#pragma once
// One line a happening, as text or as JSON. Text: `[2026-02-08T10:00:00.123Z] [INFO] [Worker]
// message {"key":"value"}`. Never give it a body, a full phone number or a secret; `masked()` is in
// base/address.hpp.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace pgcourier {

enum class LogLevel { debug, info, warn, error };
enum class LogFormat { text, json };

/// Sets level and format for the whole process; call once at start, before threads.
void configure_log(LogLevel level, LogFormat format);
/// Takes effect at once, from any thread.
void set_log_level(LogLevel level);

/// For tests: every line also goes here until the returned object dies. One at a time.
class LogCapture {
  public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;
    /// All lines so far, each ended by a newline.
    std::string text() const;
};

struct LogField {
    std::string_view key;
    std::variant<std::string_view, std::int64_t, double, bool> value;

    LogField(std::string_view k, std::string_view v) : key{k}, value{v} {}
    LogField(std::string_view k, const std::string& v) : key{k}, value{std::string_view{v}} {}
    LogField(std::string_view k, const char* v) : key{k}, value{std::string_view{v}} {}
    LogField(std::string_view k, bool v) : key{k}, value{v} {}
    LogField(std::string_view k, double v) : key{k}, value{v} {}
    template <class Int>
    requires std::is_integral_v<Int> LogField(std::string_view k, Int v)
        : key{k}, value{static_cast<std::int64_t>(v)} {}
};

using LogFields = std::initializer_list<LogField>;

/// Writes lines under one component's name. Cheap to copy; safe from any thread.
class Log {
  public:
    explicit Log(std::string component) : component_{std::move(component)} {}
    void debug(std::string_view message, LogFields fields = {}) const {
        write(LogLevel::debug, message, fields);
    }
    void info(std::string_view message, LogFields fields = {}) const {
        write(LogLevel::info, message, fields);
    }
    void warn(std::string_view message, LogFields fields = {}) const {
        write(LogLevel::warn, message, fields);
    }
    void error(std::string_view message, LogFields fields = {}) const {
        write(LogLevel::error, message, fields);
    }
    static bool enabled(LogLevel level);

  private:
    void write(LogLevel level, std::string_view message, LogFields fields) const;
    std::string component_;
};

}  // namespace pgcourier
