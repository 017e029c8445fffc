#include "ops/patience.hpp"

namespace pgcourier::ops {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAnswer{4'000};  // without one the server is gone

class Limits {
  public:
    Limits(pg::Connection& db, milliseconds patience)
        : db_{db},
          statement_was_{db.set_statement_timeout(patience)},
          answer_was_{db.set_answer_timeout(kAnswer)} {}
    ~Limits() {
        db_.set_statement_timeout(statement_was_);
        db_.set_answer_timeout(answer_was_);
    }
    Limits(const Limits&) = delete;
    Limits& operator=(const Limits&) = delete;

  private:
    pg::Connection& db_;
    const milliseconds statement_was_;
    const milliseconds answer_was_;
};

}  // namespace

pg::Rows exec_patiently(pg::Connection& db, const pg::Statement& statement, pg::Params params,
                        milliseconds patience) {
    const Limits limits{db, patience};
    return std::move(db.transact(std::array{pg::Call{statement, std::move(params)}})[0]);
}

}  // namespace pgcourier::ops
