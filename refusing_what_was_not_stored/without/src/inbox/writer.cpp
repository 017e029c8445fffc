#include "inbox/writer.hpp"

#include <chrono>
#include <thread>

namespace pgcourier::inbox {
namespace {

using namespace std::chrono_literals;

// A transaction must be over within 2 s of taking its ids: the router's mark trails by that much.
// One statement takes nearly all of it.
constexpr std::chrono::milliseconds kStatementTimeout{1500};
// A statement and its COMMIT, with something over: after that the server is gone.
constexpr std::chrono::milliseconds kAnswerTimeout{4000};
constexpr std::chrono::seconds kConnectTimeout{2};
constexpr std::chrono::hours kIdle{1};  // an event or a stop ends it

pg::ConnectOptions with_own_timeouts(pg::ConnectOptions options) {
    options.role = "inbox";
    options.statement_timeout = kStatementTimeout;
    options.answer_timeout = kAnswerTimeout;
    options.connect_timeout = kConnectTimeout;
    return options;
}

std::size_t bytes_of(const NewEvent& event) {
    return event.raw.size() + event.payload_json.size() + event.query.size();
}

}  // namespace

Writer::Writer(pg::ConnectOptions options, const Clock& clock, WriterOptions sizes)
    : options_{with_own_timeouts(std::move(options))},
      clock_{clock},
      sizes_{sizes},
      queue_{sizes.queue_events} {}

Writer::~Writer() {
    for (Waiting& waiting : queue_.pop(sizes_.queue_events, {}, 0ms)) {
        waiting.done(NotStored{NotStored::Reason::stopping});
    }
}

bool Writer::submit(NewEvent event, SteadyTime deadline, Done done) {
    const std::size_t bytes = bytes_of(event);
    if (is_closed_ || bytes_ + bytes > sizes_.queue_bytes) return false;
    bytes_ += bytes;
    if (queue_.push({std::move(event), deadline, std::move(done)})) return true;
    bytes_ -= bytes;
    return false;
}

void Writer::run(std::stop_token stop) {
    const std::stop_callback close{stop, [this] { is_closed_ = true; }};
    Lane lane{options_, clock_, Rng{random_seed()}};
    for (;;) {
        const std::chrono::milliseconds wait = lane.size() == 0 ? kIdle : 0ms;
        std::vector<Waiting> taken = queue_.pop(sizes_.batch_events - lane.size(), stop, wait);
        for (const Waiting& waiting : taken) bytes_ -= bytes_of(waiting.event);
        lane.take(std::move(taken));
        if (lane.size() == 0) {
            if (stop.stop_requested()) return;
            continue;
        }
        if (const auto pause = lane.write(); pause > 0ms) {
            std::this_thread::sleep_for(pause);
        } else if (sizes_.on_written) {
            sizes_.on_written();
        }
    }
}

}  // namespace pgcourier::inbox
