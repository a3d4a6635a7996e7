// SPDX-License-Identifier: MIT
#include "store/rollup/closed_connection.hpp"

#include "model/event.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"
#include "store/db/store_error.hpp"

#include <fmt/format.h>

namespace netlog::store {

ClosedConnectionReader::ClosedConnectionReader(SQLite::Database& database)
    : select_connection_{database,
                         "SELECT process_id, direction, protocol, netns, local_address_id, "
                         "local_port, peer_id, "
                         "outcome, outcome_reason, owner_reason, opened_ns, open_error_ns, "
                         "first_seen_ns, "
                         "iif(gone, last_seen_ns, max(last_seen_ns, "
                         "(SELECT alive_ns FROM session WHERE id = session_id))), closed_ns, syns, "
                         "bytes_sent, "
                         "bytes_received, coalesce(clock_adjust_ns, 0) "
                         "FROM connection WHERE id = ?"},
      select_states_{
          database,
          expand_sql(
              "SELECT at_ns, new, kind, id FROM event_codes WHERE connection_id = ? AND kind IN "
              "($event.present, $event.open, $event.state, $event.close) ORDER BY id")} {}

ClosedConnection ClosedConnectionReader::read(std::int64_t connection) {
  BoundStatement row{select_connection_};
  row.with(connection);
  if (!row.step()) {
    throw StoreError{fmt::format(
        "cannot sum up connection {}: an index names it and its row is not there, the file is "
        "damaged; look at it with: netlog check FILE",
        connection)};
  }
  ClosedConnection closed{
      .process = row.number(0),
      .direction = row.number(1).value_or(0),
      .protocol = row.number(2).value_or(0),
      .netns = row.number(3),
      .local_address = row.number(4),
      .local_port = row.number(5),
      .peer = row.number(6),
      .outcome = row.number(7).value_or(0),
      .outcome_reason = row.number(8),
      .owner_reason = row.number(9),
      .opened_ns = row.number(10),
      .open_error_ns = row.number(11),
      .first_seen_ns = row.number(12).value_or(0),
      .last_seen_ns = row.number(13).value_or(0),
      .closed_ns = row.number(14),
      .syns = row.number(15),
      .bytes_sent = row.number(16),
      .bytes_received = row.number(17),
      .clock_adjust_ns = row.number(18).value_or(0),
      .states = {},
  };
  BoundStatement states{select_states_};
  states.with(connection);
  while (states.step()) {
    const bool closes = states.number(2) == static_cast<std::int64_t>(EventKind::close);
    closed.states.push_back({states.number(0).value_or(0),
                             closes ? std::nullopt : states.number(1),
                             states.number(3).value_or(0)});
  }
  return closed;
}

}  // namespace netlog::store
