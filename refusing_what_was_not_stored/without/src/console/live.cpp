#include "console/live.hpp"

#include "console/reply.hpp"

#include <utility>

namespace pgcourier::console {
namespace {

constexpr std::chrono::seconds kYoung{2};

http::Response head(std::string first) {
    http::Response response{.status = 200, .content_type = "text/event-stream"};
    // What stands between must neither keep the events back nor compress them.
    response.headers.emplace_back("X-Accel-Buffering", "no");
    response.headers.emplace_back("Cache-Control", "no-store, no-transform");
    response.body = "retry: 3000\n\n" + std::move(first);
    return secured(std::move(response));
}

}  // namespace

void Live::join(http::Responder respond, std::string cookie, WallTime until) {
    {
        const std::scoped_lock lock{mutex_};
        forget_gone();
        if (!has_ended_ && viewers_.size() < most_) {
            const bool is_young = !last_.empty() && clock_.steady_now() - last_at_ < kYoung;
            viewers_.push_back(
                {respond.begin(head(is_young ? last_ : std::string{})), std::move(cookie), until});
            return;
        }
    }
    respond(
        secured(error_reply(503, "busy", "too many pages of the console are open: close some")));
}

void Live::sign_out(std::string_view cookie) {
    const std::scoped_lock lock{mutex_};
    std::erase_if(viewers_, [cookie](const Viewer& viewer) { return viewer.cookie == cookie; });
}

void Live::tell(std::string_view event, std::string_view json) {
    // JSON that PostgreSQL or we have made has no line end, which would end the event's line.
    std::string text = "event: ";
    text.append(event).append("\ndata: ").append(json).append("\n\n");
    const std::scoped_lock lock{mutex_};
    forget_gone();
    for (Viewer& viewer : viewers_) viewer.stream.write(text);
    last_ = std::move(text);
    last_at_ = clock_.steady_now();
}

bool Live::has_viewers() {
    return viewers() > 0;
}

std::size_t Live::viewers() {
    const std::scoped_lock lock{mutex_};
    forget_gone();
    return viewers_.size();
}

void Live::end() {
    std::vector<Viewer> left;
    {
        const std::scoped_lock lock{mutex_};
        has_ended_ = true;
        left = std::exchange(viewers_, {});
    }
}

void Live::forget_gone() {
    const WallTime now = clock_.now();
    std::erase_if(viewers_, [&](const Viewer& viewer) {
        return !viewer.stream.is_open() || viewer.until <= now;
    });
}

}  // namespace pgcourier::console
