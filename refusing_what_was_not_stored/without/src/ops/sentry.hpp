#pragma once
// Incidents for Sentry, as envelopes. What leaves the house: when, which kind, which component, our
// own words, the correlation id. Never a body, a number or a name of a person; numbers in the words
// are taken out once more. https://develop.sentry.dev/sdk/foundations/transport/envelopes/

#include "base/clock.hpp"
#include "base/incident.hpp"
#include "base/sentry_dsn.hpp"
#include "http/client.hpp"
#include "ops/report_limit.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

namespace pgcourier::ops {

/// Of all reports of a process.
struct SentrySource {
    std::string environment;  // production, development
    std::string release;      // pgcourier@1.2.3
    std::string server_name;
};

struct SentryEvent {
    std::string id;  // 32 hexadecimal digits
    WallTime at;
    Incident incident;
    std::uint64_t held_back = 0;  // others of its kind since the last one
};

/// The request that posts one event.
http::Call envelope_call(const SentryEvent& event, const SentrySource& source,
                         const SentryDsn& dsn);

class Sentry {
  public:
    /// So many dead letters within the period are a spike, which is reported; fewer are not.
    static constexpr std::size_t kSpike = 20;
    static constexpr std::chrono::minutes kSpikePeriod{5};
    /// Of one kind and component at most one report in so long.
    static constexpr std::chrono::minutes kLimitPeriod{5};

    /// post  takes what is to be sent; must not wait
    Sentry(SentryDsn dsn, SentrySource source, std::function<void(http::Call)> post,
           const Clock& clock);

    /// From any thread; never waits.
    void report(const Incident& incident);

  private:
    const SentryDsn dsn_;
    const SentrySource source_;
    const std::function<void(http::Call)> post_;
    const Clock& clock_;
    std::mutex mutex_;
    ReportLimit limit_{kLimitPeriod};    // guarded by mutex_
    Spike spike_{kSpike, kSpikePeriod};  // guarded by mutex_
};

}  // namespace pgcourier::ops
