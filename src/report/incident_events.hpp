// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/db/event_history.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::report {

/// A connection and its events, in order.
struct ConnectionEvents {
  std::int64_t place = 0;  ///< in the list of ids
  std::int64_t began_ns = 0;
  bool is_listener = false;
  bool is_udp = false;
  std::optional<std::int64_t> lost_ns;  ///< when it was last seen, if nobody saw its end
  std::vector<store::StoredEvent> events;
};

/// Hands over each connection of a JSON list of ids, in its order.
/// @throws StoreError from the reader.
void each_history(store::Reader& reader,
                  const std::string& ids,
                  const std::function<void(const ConnectionEvents&)>& on_connection);

/// The statement of a table of an incident (src/report/sql/incident), ready to run.
std::string incident_sql(std::string_view name);
/// The table without rows.
Table incident_table(std::string_view name);

/// How many connections enter and leave each state. The changes before the window are in its first
/// bucket.
Table open_changes(store::Reader& reader,
                   const std::string& ids,
                   std::int64_t from_ns,
                   std::int64_t to_ns,
                   std::int64_t bucket_ns);

/// The events up to `until_ns`. `processes` is the table of that name.
Table event_rows(store::Reader& reader,
                 const std::string& ids,
                 std::int64_t until_ns,
                 const Table& processes);

}  // namespace netlog::report
