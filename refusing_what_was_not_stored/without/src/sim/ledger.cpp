#include "sim/ledger.hpp"

#include "base/address.hpp"
#include "base/environment.hpp"
#include "base/log.hpp"
#include "sim/json_object.hpp"
#include "twilio/form.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>
#include <utility>

namespace pgcourier::sim {
namespace {

constexpr std::pair<std::string_view, std::string LedgerEntry::*> kTexts[] = {
    {"kind", &LedgerEntry::kind},
    {"sid", &LedgerEntry::sid},
    {"to", &LedgerEntry::to},
    {"from", &LedgerEntry::from},
    {"body", &LedgerEntry::body},
    {"media_url", &LedgerEntry::media_url},
    {"content_sid", &LedgerEntry::content_sid},
    {"status_callback", &LedgerEntry::status_callback},
    {"message_status", &LedgerEntry::message_status},
    {"answer", &LedgerEntry::answer},
};
constexpr std::pair<std::string_view, int LedgerEntry::*> kNumbers[] = {
    {"status", &LedgerEntry::status}, {"code", &LedgerEntry::code}};

bool is_to(const LedgerEntry& entry, std::string_view to) {
    return entry.kind == "create" && bare_address(entry.to) == bare_address(to);
}

}  // namespace

std::string to_json(const LedgerEntry& entry) {
    JsonObject json;
    json.text("time", to_iso8601(entry.time))
        .number("time_ms", entry.time.time_since_epoch().count())
        .flag("accepted", entry.accepted);
    for (const auto& [name, member] : kTexts) {
        if (!(entry.*member).empty()) json.text(name, entry.*member);
    }
    for (const auto& [name, member] : kNumbers) {
        if (entry.*member != 0) json.number(name, entry.*member);
    }
    return json.done();
}

std::vector<LedgerEntry> read_ledger(const std::string& path) {
    std::vector<LedgerEntry> entries;
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) {
        const twilio::Params fields = twilio::json_fields(line);
        if (fields.empty()) continue;
        LedgerEntry entry;
        entry.accepted = twilio::value_or_empty(fields, "accepted") == "true";
        const auto time =
            whole_number<std::int64_t>(twilio::value_or_empty(fields, "time_ms")).value_or(0);
        entry.time = WallTime{std::chrono::milliseconds{time}};
        for (const auto& [name, member] : kTexts) {
            entry.*member = twilio::value_or_empty(fields, name);
        }
        for (const auto& [name, member] : kNumbers) {
            entry.*member = whole_number<int>(twilio::value_or_empty(fields, name)).value_or(0);
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

Ledger::~Ledger() {
    if (file_ >= 0) ::close(file_);
}

Result<void> Ledger::open(const std::string& path) {
    const std::scoped_lock lock{mutex_};
    if (file_ >= 0) ::close(std::exchange(file_, -1));
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0) return Problem{"cannot open the ledger " + path + ": " + std::strerror(errno)};
    return {};
}

void Ledger::add(LedgerEntry entry) {
    const std::scoped_lock lock{mutex_};
    if (file_ >= 0) {
        // One write, so that a line is there as a whole or not at all.
        const std::string line = to_json(entry) + "\n";
        if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
            static const Log log{"TwilioSim"};
            log.error("Ledger cannot be written", {{"error", std::strerror(errno)}});
        }
    }
    accepted_ += entry.accepted ? 1 : 0;
    entries_.push_back(std::move(entry));
    if (keep_ > 0 && entries_.size() > keep_) entries_.pop_front();
}

void Ledger::clear() {
    const std::scoped_lock lock{mutex_};
    entries_.clear();
    accepted_ = 0;
}

std::size_t Ledger::count(const std::function<bool(const LedgerEntry&)>& holds) const {
    const std::scoped_lock lock{mutex_};
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), holds));
}

std::uint64_t Ledger::accepted() const {
    const std::scoped_lock lock{mutex_};
    return accepted_;
}

std::size_t Ledger::accepted_to(std::string_view to) const {
    return count([&](const LedgerEntry& entry) { return entry.accepted && is_to(entry, to); });
}

std::size_t Ledger::accepted_to(std::string_view to, std::string_view body) const {
    return count([&](const LedgerEntry& entry) {
        return entry.accepted && is_to(entry, to) && entry.body == body;
    });
}

std::size_t Ledger::attempts_to(std::string_view to) const {
    return count([&](const LedgerEntry& entry) { return is_to(entry, to); });
}

std::vector<LedgerEntry> Ledger::entries() const {
    const std::scoped_lock lock{mutex_};
    return {entries_.begin(), entries_.end()};
}

std::string Ledger::json_lines() const {
    const std::scoped_lock lock{mutex_};
    std::string lines;
    for (const LedgerEntry& entry : entries_) lines.append(to_json(entry)).append("\n");
    return lines;
}

}  // namespace pgcourier::sim
