#include "pg/listener.hpp"

#include "base/clock.hpp"

#include <fmt/format.h>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace pgcourier::pg {
namespace {

using std::chrono::milliseconds;

using NotifyHandle = std::unique_ptr<PGnotify, FreeWith<PQfreemem>>;

// Nothing at all for this long: ask the server for a sign of life, since a connection that was
// silently cut looks exactly like a quiet one. TCP keepalives notice it too, where nothing between
// keeps them up.
constexpr milliseconds kSignOfLife{60000};
constexpr milliseconds kProbeTimeout{2000};
constexpr milliseconds kReconnect{1000};

}  // namespace

Listener::Listener(ConnectOptions options, std::vector<Subscription> subscriptions)
    : options_{std::move(options)},
      subscriptions_{std::move(subscriptions)},
      rng_{random_seed()},
      working_{
          gauge("pgcourier_listener_working", "1: notifications arrive. 0: this process polls.")},
      notifications_{counter("pgcourier_notifications_total", "Notifications that arrived.")} {}

void Listener::note_works(bool works) {
    works_ = works;
    working_.Set(works ? 1 : 0);
}

void Listener::run(std::stop_token stop) {
    stop_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    {
        const std::stop_callback wake_up{stop, [this] {
                                             const std::uint64_t one = 1;
                                             [[maybe_unused]] const auto written =
                                                 ::write(stop_fd_, &one, sizeof one);
                                         }};
        while (!stop.stop_requested()) {
            try {
                listen(stop);
            } catch (const Error& e) {
                note_works(false);
                log_.warn("Notifications lost: polling until the database is back",
                          {{"error", e.what()}});
                pollfd stopped{stop_fd_, POLLIN, 0};
                poll(&stopped, 1, static_cast<int>(jittered(kReconnect, rng_).count()));
            }
        }
    }
    close(std::exchange(stop_fd_, -1));
}

void Listener::listen(std::stop_token stop) {
    Connection connection{options_};
    PGconn* conn = connection.raw();
    // A channel of this process alone. Its name is made by us, so that it may stand in the text.
    const std::string probe = fmt::format("pgcourier_probe_{:016x}", rng_());
    std::string script = fmt::format("LISTEN {};", probe);
    for (const Subscription& subscription : subscriptions_)
        script += fmt::format("LISTEN {};", subscription.channel);
    connection.exec_script(script.c_str());
    // In a statement of its own: a notification is delivered after the transaction that began to
    // listen.
    connection.exec_script(fmt::format("NOTIFY {}", probe).c_str());

    const SteadyTime deadline = system_clock().steady_now() + kProbeTimeout;
    while (!works_ && !stop.stop_requested() && system_clock().steady_now() < deadline) {
        while (const NotifyHandle notification{PQnotifies(conn)}) {
            if (notification->relname == probe) note_works(true);
        }
        if (!works_) wait_readable(PQsocket(conn), milliseconds{50});
        if (PQconsumeInput(conn) == 0) throw Error{"", PQerrorMessage(conn)};
    }
    if (!works_ && !stop.stop_requested() && !std::exchange(told_that_it_polls_, true)) {
        log_.warn(
            "LISTEN does not work on this connection (a transaction pooler?): polling instead. Set "
            "DATABASE_DIRECT_URL to a direct connection for immediate delivery",
            {{"database", options_.target.described()}});
    }
    connection.exec_script(fmt::format("UNLISTEN {}", probe).c_str());
    // What was notified before we listened went unheard.
    for (const Subscription& subscription : subscriptions_) subscription.on_wake();

    while (!stop.stop_requested()) {
        dispatch(conn);
        if (!wait_readable(PQsocket(conn), kSignOfLife)) {
            connection.exec_script("");
            continue;
        }
        if (PQconsumeInput(conn) == 0) throw Error{"", PQerrorMessage(conn)};
    }
}

bool Listener::wait_readable(int socket, milliseconds timeout) {
    std::array<pollfd, 2> ready{{{socket, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    return poll(ready.data(), ready.size(), static_cast<int>(timeout.count())) > 0;
}

void Listener::dispatch(PGconn* conn) {
    std::vector<bool> woken(subscriptions_.size(), false);
    while (const NotifyHandle notification{PQnotifies(conn)}) {
        notifications_.Increment();
        for (std::size_t i = 0; i < subscriptions_.size(); ++i) {
            if (subscriptions_[i].channel == notification->relname) woken[i] = true;
        }
    }
    for (std::size_t i = 0; i < subscriptions_.size(); ++i) {
        if (woken[i]) subscriptions_[i].on_wake();
    }
}

}  // namespace pgcourier::pg
