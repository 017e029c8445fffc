#include "ops/patience.hpp"

#include "sql/ops.hpp"

namespace pgcourier::ops {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAnswer{4'000};  // without one the server is gone

class AnswerTimeout {
  public:
    explicit AnswerTimeout(pg::Connection& db) : db_{db}, was_{db.set_answer_timeout(kAnswer)} {}
    ~AnswerTimeout() { db_.set_answer_timeout(was_); }
    AnswerTimeout(const AnswerTimeout&) = delete;
    AnswerTimeout& operator=(const AnswerTimeout&) = delete;

  private:
    pg::Connection& db_;
    milliseconds was_;
};

}  // namespace

pg::Rows exec_patiently(pg::Connection& db, const pg::Statement& statement, pg::Params params,
                        milliseconds patience) {
    const AnswerTimeout timeout{db};
    const std::array<pg::Call, 2> calls{pg::Call{sql::ops::patience, pg::Params{patience.count()}},
                                        pg::Call{statement, std::move(params)}};
    return std::move(db.transact(calls)[1]);
}

}  // namespace pgcourier::ops
