// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netlog::report {

/// Reads connections when they have ended, each once, while they are recorded: when it entered
/// TIME_WAIT or disappeared, whichever came first. Those that one call reads are in the order in
/// which they began.
class ConnectionFeed {
 public:
  /// Called before the first row of each call that has rows.
  using OnNames = std::function<void(const std::vector<std::string>& names)>;
  /// Called with each connection, as each_connection() does; returns false to stop.
  using OnConnection = std::function<bool(const std::vector<Cell>& cells)>;

  /// @param peers_only as of ExportOptions
  ConnectionFeed(store::Reader& reader, Filter filter, bool peers_only)
      : reader_{reader}, filter_{std::move(filter)}, peers_only_{peers_only} {}

  /// The last `count` that have ended.
  /// @throws StoreError from the reader.
  void last(std::int64_t count, const OnNames& on_names, const OnConnection& on_connection);

  /// Those that have ended since the last call. Looks only at what is new, and at nothing if
  /// nothing was written.
  /// @throws StoreError from the reader.
  void next(const OnNames& on_names, const OnConnection& on_connection);

 private:
  std::vector<std::int64_t> last_ids(std::int64_t count, bool of_newest_rows);
  void read(std::vector<std::int64_t> ids,
            const OnNames& on_names,
            const OnConnection& on_connection);

  store::Reader& reader_;
  Filter filter_;
  bool peers_only_;
  std::optional<std::int64_t> version_;  ///< of the file, when it was read
  std::int64_t last_id_ = 0;             ///< events up to it were read
};

}  // namespace netlog::report
