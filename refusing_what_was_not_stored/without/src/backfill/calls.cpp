#include "backfill/calls.hpp"

#include "base/environment.hpp"

#include <algorithm>
#include <unordered_map>

namespace pgcourier::backfill {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kResponseBytes = std::size_t{4} * 1024 * 1024;
constexpr milliseconds kSlice{1'000};

// Cut off where the client stops reading; it would be so again.
bool is_too_large(const http::Outcome& outcome) {
    return outcome.kind == http::Outcome::Kind::unknown && outcome.body.size() >= kResponseBytes;
}

bool is_worth_another(const http::Outcome& outcome) {
    if (is_too_large(outcome)) return false;
    return outcome.kind != http::Outcome::Kind::response || outcome.status == 429 ||
           outcome.status >= 500;
}

}  // namespace

bool Reply::is_about_this_one() const {
    return is_too_large || (status >= 400 && status < 500 && !is_about_us());
}

Calls::Calls(outbox::Provider provider, CallSettings settings, const Clock& clock,
             std::uint64_t seed)
    : provider_{std::move(provider)},
      settings_{settings},
      clock_{clock},
      rng_{seed},
      client_{{.max_connections = settings_.concurrency, .response_bytes = kResponseBytes}} {}

void Calls::start(const std::string& path, const Try& one) {
    client_.start(next_tag_, {.method = "GET",
                              .url = provider_.base_url + path,
                              .headers = {"Accept: application/json"},
                              .user = provider_.user,
                              .password = provider_.password,
                              .timeout = provider_.timeout});
    next_start_ = std::max(clock_.steady_now(), one.not_before) + settings_.interval;
}

// What is left to be tried, or the reply.
std::optional<Calls::Try> Calls::judge(http::Outcome outcome, const Try& one, Reply& reply) {
    const bool has_answer = outcome.kind == http::Outcome::Kind::response;
    reply.status = has_answer ? outcome.status : 0;
    reply.is_too_large = is_too_large(outcome);
    reply.problem = has_answer           ? "HTTP " + std::to_string(outcome.status)
                    : reply.is_too_large ? outcome.error
                                         : "no answer: " + outcome.error;
    if (reply.is_ok()) {
        reply.body = std::move(outcome.body);
        reply.problem.clear();
    }
    if (!is_worth_another(outcome) || one.number >= settings_.tries) return std::nullopt;
    milliseconds pause = jittered(settings_.first_pause * (1 << (one.number - 1)), rng_);
    if (const auto asked = whole_number<int>(outcome.retry_after.value_or("")); asked && *asked > 0)
        pause = std::max<milliseconds>(pause, std::chrono::seconds{*asked});
    pause = std::min(pause, settings_.longest_pause);
    return Try{one.index, one.number + 1, clock_.steady_now() + pause};
}

std::optional<std::vector<Reply>> Calls::get(std::span<const std::string> paths,
                                             const std::function<bool()>& may_go_on) {
    std::vector<Reply> replies(paths.size());
    const bool is_whole = each({paths.begin(), paths.end()}, may_go_on,
                               [&replies](std::size_t index, Reply reply) -> std::string {
                                   replies[index] = std::move(reply);
                                   return {};
                               });
    return is_whole ? std::optional{std::move(replies)} : std::nullopt;
}

bool Calls::each(std::vector<std::string> paths, const std::function<bool()>& may_go_on,
                 const std::function<std::string(std::size_t, Reply)>& on_reply) {
    std::vector<Try> waiting;
    for (std::size_t i = paths.size(); i > 0; --i) waiting.push_back({i - 1, 1, SteadyTime{}});
    std::unordered_map<std::uint64_t, Try> under_way;  // what was given up before has other tags
    while (!waiting.empty() || !under_way.empty()) {
        if (!may_go_on()) return false;
        const SteadyTime now = clock_.steady_now();
        // The one that may start first stands last.
        std::ranges::sort(waiting, std::ranges::greater{}, [](const Try& t) {
            return std::pair{t.not_before, t.index};
        });
        milliseconds sleep = kSlice;
        if (!waiting.empty() && client_.free_slots() > 0) {
            const SteadyTime next = std::max(waiting.back().not_before, next_start_);
            if (next <= now) {
                start(paths[waiting.back().index], waiting.back());
                under_way.emplace(next_tag_++, waiting.back());
                waiting.pop_back();
                continue;
            }
            sleep =
                std::clamp(std::chrono::ceil<milliseconds>(next - now), milliseconds{1}, kSlice);
        }
        for (http::Finished& f : client_.poll(sleep)) {
            const auto found = under_way.find(f.tag);
            if (found == under_way.end()) continue;
            const Try one = found->second;
            under_way.erase(found);
            Reply reply;
            if (const auto again = judge(std::move(f.outcome), one, reply)) {
                waiting.push_back(*again);
                continue;
            }
            std::string next = on_reply(one.index, std::move(reply));
            if (next.empty()) continue;
            paths[one.index] = std::move(next);
            waiting.push_back({one.index, 1, SteadyTime{}});
        }
    }
    return true;
}

}  // namespace pgcourier::backfill
