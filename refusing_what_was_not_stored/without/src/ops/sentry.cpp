#include "ops/sentry.hpp"

#include "base/ids.hpp"

#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>

namespace pgcourier::ops {
namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// A tag must have fewer than 200 characters; what is said in more than this is not read.
constexpr std::size_t kTagBytes = 199;
constexpr std::size_t kMessageBytes = 1'000;
// As many digits may be a phone number; a port, an error code or a year has fewer.
constexpr std::size_t kDigitsOfANumber = 7;

std::string_view level_of(Incident::Kind kind) {
    switch (kind) {
        case Incident::Kind::breaker_open:
        case Incident::Kind::dead_letter:
            return "error";
        case Incident::Kind::database_gone:
        case Incident::Kind::signing_key_missing:
        case Incident::Kind::start_failed:
        case Incident::Kind::crashed:
            return "fatal";
    }
    return "error";
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string without_numbers(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto* end = std::find_if_not(text.begin() + i, text.end(), is_digit);
        const auto digits = static_cast<std::size_t>(end - (text.begin() + i));
        if (digits >= kDigitsOfANumber) {
            out += "…";
        } else {
            out.append(text.substr(i, std::max<std::size_t>(digits, 1)));
        }
        i += std::max<std::size_t>(digits, 1);
    }
    return out;
}

// At most so many bytes, and no half of a character.
std::string_view cut(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
    return text.substr(0, bytes);
}

void member(JsonWriter& json, const char* key, std::string_view value) {
    json.Key(key);
    json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string event_json(const SentryEvent& event, const SentrySource& source) {
    const Incident& incident = event.incident;
    const std::string_view kind = to_text(incident.kind);
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    json.StartObject();
    member(json, "event_id", event.id);
    member(json, "timestamp", to_iso8601(event.at));
    member(json, "platform", "native");
    member(json, "level", level_of(incident.kind));
    member(json, "logger", incident.component);
    member(json, "environment", source.environment);
    member(json, "release", source.release);
    member(json, "server_name", source.server_name);
    member(json, "message", without_numbers(cut(incident.what, kMessageBytes)));
    json.Key("tags");
    json.StartObject();
    member(json, "component", cut(incident.component, kTagBytes));
    member(json, "kind", kind);
    if (!incident.correlation_id.empty())
        member(json, "correlationId", cut(incident.correlation_id, kTagBytes));
    json.EndObject();
    // One issue a kind and component, whatever the words say of the single case.
    json.Key("fingerprint");
    json.StartArray();
    json.String("pgcourier");
    json.String(std::string{kind});
    json.String(incident.component);
    json.EndArray();
    json.Key("extra");
    json.StartObject();
    json.Key("heldBack");
    json.Uint64(event.held_back);
    json.EndObject();
    json.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

std::string envelope(const SentryEvent& event, const SentrySource& source, const SentryDsn& dsn) {
    const std::string payload = event_json(event, source);
    rapidjson::StringBuffer buffer;
    JsonWriter json{buffer};
    json.StartObject();
    member(json, "event_id", event.id);
    member(json, "sent_at", to_iso8601(event.at));
    member(json, "dsn", dsn.text.reveal());
    json.EndObject();
    return fmt::format(
        "{}\n{{\"type\":\"event\",\"length\":{},\"content_type\":\"application/json\"}}"
        "\n{}\n",
        std::string_view{buffer.GetString(), buffer.GetSize()}, payload.size(), payload);
}

}  // namespace

http::Call envelope_call(const SentryEvent& event, const SentrySource& source,
                         const SentryDsn& dsn) {
    std::string client = source.release;
    std::ranges::replace(client, '@', '/');
    std::string auth = fmt::format(
        "X-Sentry-Auth: Sentry sentry_version=7, sentry_client={}, "
        "sentry_key={}",
        client, dsn.public_key.reveal());
    if (!dsn.secret_key.empty()) auth += ", sentry_secret=" + dsn.secret_key.reveal();
    return {.method = "POST",
            .url = dsn.envelope_url,
            .headers = {"Content-Type: application/x-sentry-envelope", std::move(auth)},
            .body = envelope(event, source, dsn)};
}

Sentry::Sentry(SentryDsn dsn, SentrySource source, std::function<void(http::Call)> post,
               const Clock& clock)
    : dsn_{std::move(dsn)}, source_{std::move(source)}, post_{std::move(post)}, clock_{clock} {}

void Sentry::report(const Incident& incident) {
    SentryEvent event{.id = new_uuid(), .at = clock_.now(), .incident = incident};
    std::erase(event.id, '-');
    {
        const std::scoped_lock lock{mutex_};
        const SteadyTime now = clock_.steady_now();
        if (incident.kind == Incident::Kind::dead_letter) {
            if (!spike_.note(now)) return;
            event.incident.what = fmt::format("{} dead letters within {} minutes, the last one: {}",
                                              kSpike, kSpikePeriod.count(), incident.what);
            event.incident.component = "DeadLetters";
        }
        const auto held_back = limit_.admit(
            fmt::format("{}:{}", to_text(incident.kind), event.incident.component), now);
        if (!held_back) return;
        event.held_back = *held_back;
    }
    post_(envelope_call(event, source_, dsn_));
}

}  // namespace pgcourier::ops
