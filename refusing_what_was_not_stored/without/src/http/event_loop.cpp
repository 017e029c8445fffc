#include "http/event_loop.hpp"

#include "http/reply_text.hpp"
#include "http/session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace pgcourier::http {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kTick{50};
// Of thousands of sessions each tick sees a part, and touches no other: ten thousand would take a
// millisecond or two of those who are served meanwhile. Limits are seconds, and so many ticks are
// one.
constexpr std::size_t kSeenAtOnce = 500;
constexpr std::size_t kTicksForAll = 20;
// Thousands that came together are late together: between so many, others have their turn.
constexpr std::size_t kCutAtOnce = 32;

// The mailbox of the loop that this thread runs.
thread_local const Mailbox* own_mailbox = nullptr;

}  // namespace

void Mailbox::reply(std::uint64_t connection, std::uint64_t ticket,
                    std::optional<Response> response) {
    if (own_mailbox == this) {
        loop_->deliver(connection, ticket, std::move(response));
        return;
    }
    const std::scoped_lock lock{mutex_};
    if (!loop_) return;
    letters_.push_back({connection, ticket, std::move(response)});
    // The first letter wakes the loop; it finds the others there.
    if (letters_.size() == 1) {
        asio::post(loop_->context(), [self = shared_from_this()] { self->deliver_all(); });
    }
}

void Mailbox::deliver_all() {
    std::vector<Letter> letters;
    {
        const std::scoped_lock lock{mutex_};
        letters.swap(letters_);
    }
    for (Letter& letter : letters) {
        loop_->deliver(letter.connection, letter.ticket, std::move(letter.response));
    }
}

void Mailbox::close() {
    std::vector<Letter> letters;
    const std::scoped_lock lock{mutex_};
    loop_ = nullptr;
    letters.swap(letters_);
}

// A session's place in the loop's table, for as long as it runs.
class EventLoop::Membership {
  public:
    Membership(EventLoop& loop, Session& session) : loop_{loop}, id_{session.id()} {
        loop_.read_clock();
        loop_.sessions_.emplace(id_, &session);
        loop_.arm_tick();
    }
    ~Membership() {
        loop_.sessions_.erase(id_);
        loop_.end_if_drained();
    }
    Membership(const Membership&) = delete;
    Membership& operator=(const Membership&) = delete;

  private:
    EventLoop& loop_;
    std::uint64_t id_;
};

EventLoop::EventLoop(const ServerOptions& options, const Routes& routes, Counters& counters)
    : options_{options},
      routes_{routes},
      counters_{counters},
      work_{asio::make_work_guard(context_)},
      tick_{context_},
      mailbox_{std::make_shared<Mailbox>(*this)} {}

EventLoop::~EventLoop() {
    if (thread_.joinable()) {
        drain(std::chrono::milliseconds{0});
        join();
    }
    mailbox_->close();
}

void EventLoop::start() {
    thread_ = std::jthread{[this] {
        own_mailbox = mailbox_.get();
        read_clock();
        context_.run();
        own_mailbox = nullptr;
    }};
}

void EventLoop::adopt(Socket socket, std::string peer) {
    auto session =
        std::make_unique<Session>(*this, next_connection_++, std::move(socket), std::move(peer));
    asio::co_spawn(context_, serve(std::move(session)), asio::detached);
}

Awaitable<> EventLoop::serve(std::unique_ptr<Session> session) {
    const Membership membership{*this, *session};
    if (make_room()) {
        co_await session->run();
    } else if (options_.on_refused) {
        options_.on_refused();
    }
}

// A flood of connections that say nothing, or hardly anything, or do not read what they asked for,
// must not keep those out that do. Closed is the one for whose client we wait for the longest; who
// has given a whole request keeps the place until the answer waits to be read.
// returns  whether there is room for the newest connection, which is counted already
bool EventLoop::make_room() {
    if (counters_.connections <= limits().connections) return true;
    ++counters_.over_limit;
    for (Session* session : waiting_for_client_) {
        if (session->give_way()) return true;
    }
    return false;
}

void EventLoop::deliver(std::uint64_t connection, std::uint64_t ticket,
                        std::optional<Response> response) {
    if (const auto found = sessions_.find(connection); found != sessions_.end()) {
        found->second->deliver(ticket, std::move(response));
    }
}

void EventLoop::drain(std::chrono::milliseconds timeout) {
    asio::post(context_, [this, timeout] { begin_drain(timeout); });
}

void EventLoop::join() {
    thread_.join();
}

void EventLoop::begin_drain(std::chrono::milliseconds timeout) {
    is_draining_ = true;
    read_clock();
    drain_ends_ = now_ + timeout;
    for (const auto& [id, session] : sessions_) {
        if (timeout.count() > 0) {
            session->close_if_idle();
        } else {
            session->abort();
        }
    }
    arm_tick();
    end_if_drained();
}

void EventLoop::end_if_drained() {
    if (!is_draining_ || !sessions_.empty()) return;
    work_.reset();  // run() returns when the last handler has
    tick_.cancel();
}

void EventLoop::read_clock() {
    const Clock& clock = system_clock();
    now_ = clock.steady_now();
    const auto second =
        std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
    if (second != date_second_) {
        date_second_ = second;
        date_ = http_date(second);
    }
}

void EventLoop::arm_tick() {
    if (is_ticking_) return;
    is_ticking_ = true;
    tick_.expires_after(kTick);
    tick_.async_wait([this](boost::system::error_code) { tick(); });
}

void EventLoop::tick() {
    is_ticking_ = false;
    if (sessions_.empty()) return;  // the next session arms it again
    read_clock();
    if (late_.empty()) {
        find_late();
        cut_late();
    }
    arm_tick();
}

// Bucket by bucket of the table, of which there are no fewer than sessions. While it grows, some
// are seen a round later; it does not become smaller by itself.
void EventLoop::find_late() {
    if (sessions_.bucket_count() > kSeenAtOnce && sessions_.size() * 8 < sessions_.bucket_count())
        sessions_.rehash(0);
    const std::size_t all = sessions_.bucket_count();
    const std::size_t buckets =
        is_drained_late() ? all : std::min(all, std::max(kSeenAtOnce, all / kTicksForAll));
    for (std::size_t i = 0; i < buckets; ++i) {
        bucket_ = (bucket_ + 1) % all;
        for (auto place = sessions_.begin(bucket_); place != sessions_.end(bucket_); ++place) {
            const auto& [id, session] = *place;
            if (is_drained_late() || session->is_late(now_)) late_.push_back(id);
        }
    }
}

void EventLoop::cut_late() {
    for (std::size_t cut = 0; cut < kCutAtOnce && !late_.empty(); ++cut) {
        const auto found = sessions_.find(late_.back());
        late_.pop_back();
        if (found == sessions_.end()) continue;
        // It may have gone on meanwhile.
        if (is_drained_late()) {
            found->second->abort();
        } else {
            found->second->check_time(now_);
        }
    }
    if (!late_.empty()) asio::post(context_, [this] { cut_late(); });
}

}  // namespace pgcourier::http
