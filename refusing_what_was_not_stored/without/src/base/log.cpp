#include "base/log.hpp"

#include "base/clock.hpp"
#include "base/utf8.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <mutex>

namespace pgcourier {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

std::atomic<LogFormat> format_{LogFormat::text};
std::mutex capture_mutex_;
bool capturing_ = false;  // guarded by capture_mutex_
std::string captured_;    // guarded by capture_mutex_

constexpr std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "DEBUG";
        case LogLevel::info:
            return "INFO";
        case LogLevel::warn:
            return "WARN";
        case LogLevel::error:
            return "ERROR";
    }
    return "?";
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warn:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        // Output and level are ours alone: spdlog's default logger is left to whoever links this.
        // A command's standard output is what it was asked for; what has a log configures it.
        auto made = std::make_shared<spdlog::logger>(
            "pgcourier", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *instance;
}

void write_field(JsonWriter& json, const LogField& field) {
    json.Key(field.key.data(), static_cast<rapidjson::SizeType>(field.key.size()));
    std::visit(
        [&json](const auto& value) {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, std::string_view>) {
                json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
            } else if constexpr (std::is_same_v<T, std::int64_t>) {
                json.Int64(value);
            } else if constexpr (std::is_same_v<T, double>) {
                // JSON has no NaN and no infinity.
                std::isfinite(value) ? json.Double(value) : json.Null();
            } else {
                json.Bool(value);
            }
        },
        field.value);
}

void write_string(JsonWriter& json, std::string_view key, std::string_view value) {
    write_field(json, {key, value});
}

}  // namespace

void configure_log(LogLevel level, LogFormat format) {
    format_ = format;
    logger().sinks().front() = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    logger().sinks().front()->set_pattern("%v");
    set_log_level(level);
}

void set_log_level(LogLevel level) {
    logger().set_level(to_spdlog(level));
}

bool Log::enabled(LogLevel level) {
    return logger().should_log(to_spdlog(level));
}

void Log::write(LogLevel level, std::string_view message, LogFields fields) const {
    if (!enabled(level)) return;
    const std::string time = to_iso8601(system_clock().now());
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    std::string line;
    if (format_ == LogFormat::json) {
        json.StartObject();
        write_string(json, "time", time);
        write_string(json, "level", name_of(level));
        write_string(json, "component", component_);
        write_string(json, "message", message);
        for (const LogField& field : fields) write_field(json, field);
        json.EndObject();
        line = json_without_controls({buffer.GetString(), buffer.GetSize()});
    } else {
        // A line break inside a line would let text from outside forge a line of its own.
        line = fmt::format("[{}] [{}] [{}] {}", time, name_of(level), component_,
                           without_controls(message));
        if (fields.size() > 0) {
            json.StartObject();
            for (const LogField& field : fields) write_field(json, field);
            json.EndObject();
            line += ' ';
            line += json_without_controls({buffer.GetString(), buffer.GetSize()});
        }
    }
    logger().log(to_spdlog(level), "{}", line);
    const std::scoped_lock lock{capture_mutex_};
    if (capturing_) captured_.append(line).append(1, '\n');
}

LogCapture::LogCapture() {
    const std::scoped_lock lock{capture_mutex_};
    capturing_ = true;
    captured_.clear();
}

LogCapture::~LogCapture() {
    const std::scoped_lock lock{capture_mutex_};
    capturing_ = false;
}

std::string LogCapture::text() const {
    const std::scoped_lock lock{capture_mutex_};
    return captured_;
}

}  // namespace pgcourier
