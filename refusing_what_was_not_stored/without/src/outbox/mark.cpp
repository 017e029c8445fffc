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
// How far back what was found reaches that a trailing walk begins at, in µs.
constexpr DueTime kWholeTrail = std::chrono::microseconds{2 * Mark::kTrail}.count();

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

void FirstDue::add(const FirstDue& more) {
    others = std::min(others, more.others);
    for (const auto& [tenant, at] : more.tenants) {
        const auto [found, is_new] = tenants.try_emplace(tenant, at);
        if (!is_new) found->second = std::min(found->second, at);
    }
    took += more.took;
}

bool Mark::asks_first_due(SteadyTime now) {
    first_.reset();
    if (std::exchange(reads_from_start_, false)) {  // it failed: it may have taken too long
        is_slow_ = true;
        next_first_due_ = now;
    }
    if (!is_slow_ || now < next_first_due_) return false;
    next_first_due_ = now + kLongestPause;  // if it fails; else the walk says when
    return true;
}

void Mark::first_due(FirstDue found) {
    next_first_due_ += kShortestPause - kLongestPause;  // if the walk fails
    is_slow_ = !found.is_whole || found.took > kQuickInOrder + found.messages * kEach;
    if (is_slow_) first_ = std::move(found);
}

// Nothing older than the oldest of what was found is known to be claimed.
FirstDue Mark::trailing() const {
    FirstDue all = trail_.front();
    for (const FirstDue& found : trail_) all.add(found);
    return all;
}

Marks Mark::begin(SteadyTime now) {
    walk_.reset();
    longest_ = std::chrono::microseconds{0};
    const bool knows_nothing = !first_ && trail_.back().others == 0;
    if (!is_slow_ || knows_nothing) {
        kind_ = Walk::from_start;
        reads_from_start_ = true;
        return {};
    }
    FirstDue begin;
    if (first_) {
        kind_ = Walk::from_first_due;
        begin = *first_;
        begin.others -= kWholeTrail;
    } else if (now >= next_trailing_) {
        kind_ = Walk::from_trail;
        next_trailing_ = now + kTrail;
        begin = trailing();
    } else {
        kind_ = Walk::from_last;
        begin = last_;
        begin.others -= kJustBefore;
        for (auto& [tenant, at] : begin.tenants) at -= kJustBefore;
    }
    std::erase_if(begin.tenants, [&](const auto& named) { return named.second >= begin.others; });
    return {begin.others, std::move(begin.tenants)};
}

void Mark::looked(const FirstDue& found, bool is_last, SteadyTime now) {
    if (walk_) {
        walk_->add(found);
    } else {
        walk_ = found;
    }
    if (first_) walk_->took += std::exchange(first_, std::nullopt)->took;
    longest_ = std::max(longest_, found.took);
    if (found.others < std::exchange(last_now_due_, found.others)) {
        is_slow_ = false;
        trail_.fill({});
    }
    if (is_last) walked(now);
}

void Mark::walked(SteadyTime now) {
    reads_from_start_ = false;
    if (kind_ == Walk::from_start) is_slow_ = longest_ > kQuick;
    if (!is_slow_) return;
    if (kind_ == Walk::from_start || kind_ == Walk::from_first_due) {
        const SteadyTime::duration pause = walk_->took * kShare;
        next_first_due_ =
            now + std::clamp<SteadyTime::duration>(pause, kShortestPause, kLongestPause);
        // It stands for the walks that there might have been before.
        FirstDue before = *walk_;
        before.others -= kWholeTrail;
        trail_.fill(before);
        trail_since_ = now;
    } else if (now - trail_since_ >= kTrail / 2) {
        std::ranges::rotate(trail_, trail_.end() - 1);
        trail_.front() = *walk_;
        trail_since_ = now;
    } else {
        trail_.front().add(*walk_);
    }
    last_ = *std::move(walk_);
}

std::optional<milliseconds> Mark::look_in(SteadyTime now) const {
    if (kind_ == Walk::from_start && !is_slow_) return std::nullopt;
    if (!is_slow_) return milliseconds{0};  // the clock was set back
    const SteadyTime next =
        kind_ == Walk::from_last ? std::min(next_trailing_, next_first_due_) : next_first_due_;
    return std::chrono::ceil<milliseconds>(std::max(next - now, SteadyTime::duration{0}));
}

}  // namespace pgcourier::outbox
