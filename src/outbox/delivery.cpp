#include "outbox/delivery.hpp"

#include "sql/outbox.hpp"

namespace pgcourier::outbox {
namespace {

constexpr int kBatch = 500;
constexpr std::chrono::hours kUntilWoken{1};
constexpr std::chrono::milliseconds kReconnect{1'000};

}  // namespace

Delivery::Delivery(pg::ConnectOptions options, Wake& wake, std::uint64_t seed)
    : options_{std::move(options)}, wake_{wake}, rng_{seed} {}

std::size_t Delivery::run_once() {
    if (!db_) db_.emplace(options_);
    pg::Transaction transaction{*db_};
    const pg::Call calls[] = {{sql::outbox::plan_by_index},
                              {sql::outbox::settle_deliveries, pg::Params{kBatch}}};
    const pg::Rows rows = std::move(db_->pipeline(calls)[1]);

    std::vector<std::string> tenants;
    std::vector<std::string> recipients;
    for (const pg::Row row : rows) {
        if (row.text(1) == "contradicts") {
            log_.error(
                "A callback tells of a send that was taken for not sent: the person may have it "
                "twice",
                {{"messageId", row.text(2)}, {"providerMessageId", row.text(3)}});
        }
        if (row.text(1) != "settles") continue;
        tenants.push_back(row.string(4));
        recipients.push_back(row.string(5));
    }
    std::vector<pg::Call> after;
    if (!tenants.empty()) {
        after.push_back({sql::outbox::promote, pg::Params{tenants, recipients}});
        after.push_back({sql::outbox::notify});
    }
    transaction.commit(after);
    return static_cast<std::size_t>(rows.size());
}

void Delivery::run(std::stop_token stop) {
    while (!stop.stop_requested()) {
        try {
            while (!stop.stop_requested() && run_once() > 0) {
            }  // drain before sleeping
            wake_.wait_for(stop, kUntilWoken);
        } catch (const pg::Error& e) {
            log_.error("Delivery could not reach or use its database", {{"error", e.what()}});
            db_.reset();
            wake_.wait_for(stop, jittered(kReconnect, rng_));
        }
    }
}

}  // namespace pgcourier::outbox
