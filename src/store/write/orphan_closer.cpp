// SPDX-License-Identifier: MIT
#include "store/write/orphan_closer.hpp"

#include "model/connection.hpp"
#include "model/event.hpp"
#include "model/tcp_state.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <algorithm>

namespace netlog::store {

OrphanCloser::OrphanCloser(SQLite::Database& database)
    : insert_close_{database,
                    "INSERT INTO event (connection_id, kind, at_ns, error_ns, old, new) SELECT id, "
                    "?2, ?3, ?4, state, iif(protocol = ?6, ?5, NULL) FROM connection WHERE id = "
                    "?1"},
      close_{database,
             expand_sql("UPDATE connection SET gone = 1, incarnation = NULL, last_seen_ns = "
                        "max(last_seen_ns, "
                        "?2 - ?3), state = iif(protocol = ?7, ?4, state), closed_ns = iif(outcome "
                        "= $outcome.open, ?2, "
                        "closed_ns), close_error_ns = iif(outcome = $outcome.open, ?3, "
                        "close_error_ns), outcome_reason = "
                        "iif(outcome = $outcome.open, ?5, outcome_reason), outcome = iif(outcome = "
                        "$outcome.open, ?6, outcome) WHERE "
                        "id = ?1")} {}

void OrphanCloser::close(std::int64_t connection, const Moment& ended) {
  BoundStatement{insert_close_}
      .with(connection)
      .with(EventKind::close)
      .with(ended.at_ns)
      .with(ended.error_ns)
      .with(TcpState::closed)
      .with(Protocol::tcp)
      .exec();
  BoundStatement{close_}
      .with(connection)
      .with(ended.at_ns)
      .with(ended.error_ns)
      .with(TcpState::closed)
      .with(UnknownOutcome::not_noticed)
      .with(Outcome::unknown)
      .with(Protocol::tcp)
      .exec();
}

void OrphanCloser::close_since(std::int64_t connection, std::int64_t seen_ns, std::int64_t now_ns) {
  const auto at_ns = std::max(now_ns, seen_ns);
  close(connection, Moment{at_ns, at_ns - seen_ns});
}

}  // namespace netlog::store
