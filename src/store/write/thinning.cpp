// SPDX-License-Identifier: MIT
#include "store/write/thinning.hpp"

#include "store/db/statement.hpp"

#include <algorithm>

namespace netlog::store {
namespace {

constexpr ConnectionId kOneKeptOf = 8;
constexpr std::size_t kMaxFailuresKept = 2'000;
constexpr std::int64_t kSameGapNs = 10'000'000'000;

bool has_failed(const Connection& connection) {
  return connection.outcome != Outcome::closed && connection.outcome != Outcome::unknown;
}

}  // namespace

Thinning::Thinning(SQLite::Database& database, std::int64_t session_id)
    : database_{database}, session_id_{session_id} {}

bool Thinning::leaves_out(const Connection& connection) {
  if (connection.id % kOneKeptOf == 0) {
    return false;
  }
  if (has_failed(connection) && failures_ < kMaxFailuresKept) {
    ++failures_;
    return false;
  }
  const auto began_ns = connection.opened ? connection.opened->at_ns : connection.first_seen_ns;
  const auto ended_ns = connection.closed->at_ns;
  from_ns_ = left_out_ == 0 ? began_ns : std::min(from_ns_, began_ns);
  to_ns_ = left_out_ == 0 ? ended_ns : std::max(to_ns_, ended_ns);
  ++left_out_;
  return true;
}

void Thinning::end_batch() {
  failures_ = 0;
  if (left_out_ == 0) {
    return;
  }
  const auto lost = left_out_;
  left_out_ = 0;
  SQLite::Statement extend{
      database_,
      "UPDATE gap SET from_ns = min(from_ns, ?1), to_ns = max(to_ns, ?2), lost = lost + ?3 WHERE "
      "id = (SELECT max(id) FROM gap WHERE session_id = ?4 AND reason = ?5) AND to_ns >= ?6 "
      "RETURNING id"};
  const auto known = BoundStatement{extend}
                         .with(from_ns_)
                         .with(to_ns_)
                         .with(lost)
                         .with(session_id_)
                         .with(kThinnedReason)
                         .with(from_ns_ - kSameGapNs)
                         .number();
  if (!known) {
    SQLite::Statement insert{database_,
                             "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost) "
                             "VALUES (?, ?, ?, 'retention', ?, ?)"};
    BoundStatement{insert}
        .with(session_id_)
        .with(from_ns_)
        .with(to_ns_)
        .with(kThinnedReason)
        .with(lost)
        .exec();
  }
}

bool is_whole_life(const ConnectionEvents& of) {
  return of.events.front().kind == EventKind::open && of.connection.closed &&
         of.connection.outcome != Outcome::open;
}

}  // namespace netlog::store
