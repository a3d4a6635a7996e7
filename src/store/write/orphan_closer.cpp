// SPDX-License-Identifier: MIT
#include "store/write/orphan_closer.hpp"

#include "model/connection.hpp"
#include "model/event.hpp"
#include "model/tcp_state.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace netlog::store {

OrphanCloser::OrphanCloser(SQLite::Database& database, EventRows& events)
    : events_{events},
      find_{database, "SELECT state, protocol FROM connection WHERE id = ?"},
      close_{
          database,
          expand_sql(
              "UPDATE connection SET gone = 1, incarnation = NULL, last_seen_after_ns "
              "= CAST(max(last_seen_ns, ?2 - ?3) - first_seen_ns AS INTEGER), state = iif(protocol "
              "= ?7, "
              "?4, state), closed_after_ns = "
              "iif(outcome = $outcome.open, CAST(?2 - first_seen_ns AS INTEGER), closed_after_ns), "
              "close_error_ns = iif(outcome = $outcome.open, ?3, "
              "close_error_ns), outcome_reason = "
              "iif(outcome = $outcome.open, ?5, outcome_reason), outcome = iif(outcome = "
              "$outcome.open, ?6, outcome) WHERE "
              "id = ?1")} {}

void OrphanCloser::close(std::int64_t connection, const Moment& ended) {
  const auto row = events_.find(connection);
  if (!row) {
    return;
  }
  std::vector<StoredEvent> events;
  {
    BoundStatement find{find_};
    find.with(connection).step();
    const bool is_tcp = find.number(1) == static_cast<std::int64_t>(Protocol::tcp);
    events.push_back(
        {0,
         static_cast<std::int64_t>(EventKind::close),
         ended.at_ns,
         ended.error_ns,
         find.number(0),
         is_tcp ? std::optional{static_cast<std::int64_t>(TcpState::closed)} : std::nullopt});
  }
  if (const auto history = events_.place(connection, *row, events, true)) {
    events_.append(connection, *row, *history);
  }
  events_.flush();
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
