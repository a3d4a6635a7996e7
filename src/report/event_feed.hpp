// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::report {

/// The columns of one event, in the order of the feed's rows.
std::vector<Column> event_columns();

/// A number that changes with each transaction that another process commits to the file.
std::int64_t data_version(store::Reader& reader);

/// The id of the newest event; 0: there is none.
std::int64_t newest_event_id(store::Reader& reader);

/// Reads events as they are recorded: the last ones, then those that follow. What one call reads
/// is in order of time.
class EventFeed {
 public:
  /// Called with each event; returns false to stop.
  using OnEvent = std::function<bool(const std::vector<Cell>& event)>;

  /// Events of these kinds (empty: of all) of the connections that the filter selects.
  EventFeed(store::Reader& reader, Filter filter, const std::vector<std::string>& kinds = {});

  /// The last `count` events.
  /// @throws StoreError from the reader.
  void last(std::int64_t count, const OnEvent& on_event);

  /// The events that were recorded since the last call. Looks only at those, and at nothing if
  /// nothing was written.
  /// @throws StoreError from the reader.
  void next(const OnEvent& on_event);

 private:
  std::string select_of_all(const std::string& connections,
                            std::int64_t count,
                            store::Parameters& parameters);

  store::Reader& reader_;
  Filter filter_;
  Clause kinds_;
  std::optional<std::int64_t> version_;  ///< of the file, when it was read
  std::int64_t last_id_ = 0;             ///< events up to it were read
};

}  // namespace netlog::report
