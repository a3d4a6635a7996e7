// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace netlog::report {

/// Which connections an export has.
struct ExportOptions {
  std::int64_t limit = -1;  ///< the first so many; -1: all
  bool peers_only = false;  ///< no listeners, and no UDP sockets without a peer
  std::optional<std::vector<std::int64_t>> ids = std::nullopt;  ///< absent: all
};

/// Hands over each connection that the filter selects, by its id, as it was at the end of the
/// recording: the columns of the view `connections`, those that other formats want instead of them
/// (src/report/sql/export/connections.sql), and two that SQL does not have: `community_id`, NULL
/// unless both ends are known, and `event_id`, the same text in every export of a file and of its
/// clips. `names` is called once, before the first row. `row` returns false to stop.
/// @throws StoreError from the reader.
void each_connection(store::Reader& reader,
                     const Filter& filter,
                     const ExportOptions& options,
                     const std::function<void(const std::vector<std::string>&)>& names,
                     const std::function<bool(const std::vector<Cell>&)>& row);

/// Which program talks to whom: those of the connections that have a peer, by program, direction,
/// protocol, peer and port of the service, the largest groups first. `total` is the number of all
/// groups. @throws StoreError from the reader.
Table talks(store::Reader& reader, const Filter& filter, std::int64_t limit);

/// Counts of connections by protocol, direction, outcome and, if they are open, state (`none` for
/// UDP).
/// @throws StoreError from the reader.
Table counts(store::Reader& reader, const Filter& filter);

/// What the packets of the connections have, at most `limit` rows, each another one: both ends
/// (`exact_ends`), or if these are too many, the peer and the service's port (`service_ends`), or
/// the peer (`remote_ends`). NULL: any. No rows if no peer is known; more rows than `limit` if even
/// the peers are too many. @throws StoreError from the reader.
Table packet_ends(store::Reader& reader, const Filter& filter, std::int64_t limit);

}  // namespace netlog::report
