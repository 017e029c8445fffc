#pragma once
// Reads of Twilio's API, for work that has time: some at once, a few a second, tried again when
// Twilio does not answer. Belongs to one thread.

#include "base/clock.hpp"
#include "base/rng.hpp"
#include "http/client.hpp"
#include "outbox/call.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pgcourier::backfill {

struct CallSettings {
    std::size_t concurrency = 4;
    std::chrono::milliseconds interval{50};      // between two starts: 20 a second
    int tries = 4;                               // of each call
    std::chrono::milliseconds first_pause{500};  // after the first failure; then twice as long
    std::chrono::milliseconds longest_pause{30'000};
};

/// What came of one call in the end.
struct Reply {
    int status = 0;       // HTTP; 0: no answer
    std::string body;     // of a 200
    std::string problem;  // in words, of anything else
    bool is_too_large = false;
    bool is_ok() const { return status == 200; }
    /// Whether the trouble is with what was asked for: Twilio answers other calls, perhaps.
    bool is_about_this_one() const;
    /// Whether it is with us: each other call would end in the same way.
    bool is_about_us() const { return status == 401 || status == 403 || status == 429; }
};

class Calls {
  public:
    Calls(outbox::Provider provider, CallSettings settings, const Clock& clock, std::uint64_t seed);

    const outbox::Provider& provider() const { return provider_; }

    /// Reads all of these, paths below the API's base URL. A 429, a 5xx and no answer are tried
    /// again, after what Twilio asks for.
    ///
    /// may_go_on  asked at least each second; once it says no, everything is given up
    /// returns    a reply for each, in their order; nullopt: given up
    std::optional<std::vector<Reply>> get(std::span<const std::string> paths,
                                          const std::function<bool()>& may_go_on);

    /// The same, of which each reply is given away as it comes, beside the place of its path in
    /// `paths`. What `on_reply` returns is read in that place next, such as the list's next page;
    /// empty: nothing. It must not read anything itself.
    ///
    /// returns  false: given up
    bool each(std::vector<std::string> paths, const std::function<bool()>& may_go_on,
              const std::function<std::string(std::size_t, Reply)>& on_reply);

    /// Ends a wait within get(), so that it asks whether it may go on. From any thread.
    void wake() { client_.wake(); }

  private:
    struct Try {
        std::size_t index;
        int number;  // from 1
        SteadyTime not_before;
    };
    void start(const std::string& path, const Try& one);
    std::optional<Try> judge(http::Outcome outcome, const Try& one, Reply& reply);

    outbox::Provider provider_;
    CallSettings settings_;
    const Clock& clock_;
    Rng rng_;
    http::Client client_;
    std::uint64_t next_tag_ = 1;
    SteadyTime next_start_{};
};

}  // namespace pgcourier::backfill
