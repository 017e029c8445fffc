#include "pg/listener.hpp"

#include "pg/notification_probe.hpp"

#include <fmt/format.h>

#include <optional>
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

Listener::Listener(ConnectOptions options, std::vector<Subscription> subscriptions,
                   std::function<void(bool)> on_working)
    : options_{std::move(options)},
      subscriptions_{std::move(subscriptions)},
      on_working_{std::move(on_working)},
      rng_{random_seed()},
      working_{
          gauge("pgcourier_listener_working", "1: notifications arrive. 0: this process polls.")},
      notifications_{counter("pgcourier_notifications_total", "Notifications that arrived.")} {}

void Listener::note_works(bool works) {
    works_ = works;
    working_.Set(works ? 1 : 0);
    if (on_working_) on_working_(works);
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
    note_works(probe(connection, stop));
    if (works_) {
        std::string script;
        for (const Subscription& subscription : subscriptions_)
            script += fmt::format("LISTEN {};", subscription.channel);
        connection.exec_script(script.c_str());
    } else if (!stop.stop_requested() && !std::exchange(told_that_it_polls_, true)) {
        log_.warn(
            "LISTEN does not work on this connection (a transaction pooler?): polling instead. Set "
            "DATABASE_DIRECT_URL to a direct connection for immediate delivery",
            {{"database", options_.target.described()}});
    }
    // What was notified before we listened went unheard.
    for (const Subscription& subscription : subscriptions_) subscription.on_wake();

    while (!stop.stop_requested()) {
        dispatch(conn);
        if (!connection.has_decrypted() && !wait_readable(PQsocket(conn), kSignOfLife)) {
            connection.exec_script("");
            continue;
        }
        if (PQconsumeInput(conn) == 0) throw Error{"", PQerrorMessage(conn)};
    }
}

// Whether notifications come to this connection. Only then it listens for what is wanted: a pooler
// would bring that to whoever has its server next, and we would hear nothing.
bool Listener::probe(Connection& connection, const std::stop_token& stop) {
    try {
        // Through a pooler it comes from another session, since the own one has the same server
        // again, and hears itself there and nobody else.
        const bool is_pooled = !options_.is_direct || *options_.has_met_pooler;
        std::optional<Connection> other;
        if (is_pooled) other.emplace(options_);
        return notification_arrives(connection, other ? *other : connection, kProbeTimeout, stop);
    } catch (const Error& e) {
        if (e.is_retryable()) throw;  // also a standby, which may be promoted
        return false;                 // a relative of PostgreSQL that knows no LISTEN
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
