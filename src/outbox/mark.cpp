#include "outbox/mark.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <utility>

namespace pgcourier::outbox {
namespace {

using std::chrono::milliseconds;

// More tenants than these read from the lowest mark of all.
constexpr std::size_t kMostNamed = 2'000;

}  // namespace

Marks::Marks(DueTime others, std::unordered_map<std::string, DueTime> tenants)
    : others_{others}, lowest_{others}, tenants_{std::move(tenants)} {
    for (const auto& [tenant, at] : tenants_) lowest_ = std::min(*lowest_, at);
    if (tenants_.size() <= kMostNamed) return;
    tenants_.clear();
    others_ = lowest_;
}

std::optional<DueTime> Marks::of(const std::string& tenant) const {
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? others_ : found->second;
}

std::string Marks::json() const {
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> json{buffer};
    json.StartObject();
    for (const auto& [tenant, at] : tenants_) {
        json.Key(tenant.data(), static_cast<rapidjson::SizeType>(tenant.size()));
        json.Int64(at);
    }
    json.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

void Mark::Found::add(std::string_view tenant, DueTime at) {
    const auto [found, is_new] = tenants.try_emplace(std::string{tenant}, at);
    if (!is_new) found->second = std::min(found->second, at);
}

void Mark::Found::add(const Found& more) {
    if (more.others) others = std::min(others.value_or(*more.others), *more.others);
    for (const auto& [tenant, at] : more.tenants) add(tenant, at);
}

// Nothing older than the oldest of what was found is known to be claimed: each of the three is as
// good for whom it names, and for the others.
Marks Mark::begin(SteadyTime now) {
    walk_ = {};
    took_ = longest_ = std::chrono::microseconds{0};
    const bool is_known = found_.back().others && now - found_since_ < kLongestPause;
    is_sweep_ = now >= next_sweep_ || !is_known;
    if (is_sweep_) {
        next_sweep_ = now + kLongestPause;  // if it fails; else looked() says when
        return {};
    }
    Found all;
    for (const Found& found : found_) all.add(found);
    for (auto& [tenant, at] : all.tenants) at = std::min(at, *all.others);
    return {*all.others, std::move(all.tenants)};
}

void Mark::looked(std::span<const FirstDue> lanes, DueTime now_due, std::chrono::microseconds took,
                  bool is_last, SteadyTime now) {
    walk_.others = std::min(walk_.others.value_or(now_due), now_due);
    for (const FirstDue& lane : lanes) walk_.add(lane.tenant, lane.at);
    took_ += took;
    longest_ = std::max(longest_, took);
    const bool is_set_back = now_due < std::exchange(last_now_due_, now_due);
    if (is_set_back) {
        found_ = {};
        next_sweep_ = now;
    }
    if (!is_last) return;
    if (!found_[0].others || now - found_since_ >= kTrail) {
        std::ranges::rotate(found_, found_.end() - 1);
        found_[0] = {};
        found_since_ = now;
    }
    found_[0].add(walk_);
    if (!is_sweep_) return;
    next_sweep_ = now;
    if (longest_ > kQuick)
        next_sweep_ += std::min<SteadyTime::duration>(took_ * kSweepShare, kLongestPause);
}

std::optional<milliseconds> Mark::sweep_in(SteadyTime now) const {
    if (is_sweep_) return std::nullopt;
    return std::chrono::ceil<milliseconds>(std::max(next_sweep_ - now, SteadyTime::duration{0}));
}

}  // namespace pgcourier::outbox
