#include "outbox/expiry.hpp"

#include "outbox/refused.hpp"
#include "sql/outbox.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace pgcourier::outbox {
namespace {

// Small transactions, which keep no writer waiting; so many of them that one tick keeps up with
// what a busy shop writes in the time between two.
constexpr int kBatch = 1'000;
constexpr int kMostBatches = 20;

template <class OneBatch>
std::size_t in_batches(OneBatch one_batch) {
    std::size_t total = 0;
    for (int i = 0; i < kMostBatches; ++i) {
        const std::size_t count = one_batch();
        total += count;
        if (count < kBatch) break;
    }
    return total;
}

std::size_t expire_batch(pg::Connection& db, int limit, int offset) {
    pg::Transaction transaction{db};
    const pg::Call calls[] = {{sql::outbox::plan_by_index},
                              {sql::outbox::expire, pg::Params{limit, offset}}};
    const pg::Rows rows = std::move(db.pipeline(calls)[1]);
    std::vector<std::string> tenants;
    std::vector<std::string> recipients;
    for (const pg::Row row : rows) {
        tenants.push_back(row.string(0));
        recipients.push_back(row.string(1));
    }
    std::vector<pg::Call> after;
    if (!rows.empty()) {
        after.push_back({sql::outbox::promote_lock, pg::Params{tenants, recipients, true}});
        after.push_back({sql::outbox::promote});
        after.push_back({sql::outbox::notify});
    }
    transaction.commit(after);
    return tenants.size();
}

}  // namespace

std::size_t expire(pg::Connection& db) {
    static std::atomic<int> begin{0};
    return in_batches([&db] {
        return refused_apart(kBatch, begin, [&db](int limit, int offset) {
            return expire_batch(db, limit, offset);
        });
    });
}

std::size_t forget_dedupe_keys(pg::Connection& db) {
    return in_batches([&db] {
        const pg::Call calls[] = {{sql::outbox::plan_by_index},
                                  {sql::outbox::forget_dedupe_keys, pg::Params{kBatch}}};
        return static_cast<std::size_t>(db.transact(calls)[1].affected());
    });
}

}  // namespace pgcourier::outbox
