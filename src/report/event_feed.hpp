// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace netlog::report {

/// The columns of one event, in the order of the feed's rows.
std::vector<Column> event_columns();

/// Reads events in the order in which they were recorded: the last ones, then those that follow.
class EventFeed {
 public:
  /// Called with each event; returns false to stop.
  using OnEvent = std::function<bool(const std::vector<Cell>& event)>;

  /// Events of these kinds (empty: of all) of the connections that the filter selects.
  EventFeed(store::Reader& reader,
            const Filter& filter,
            const std::vector<std::string>& kinds = {});

  /// The last `count` events.
  /// @throws StoreError from the reader.
  void last(std::int64_t count, const OnEvent& on_event);

  /// The events that were recorded since the last call.
  /// @throws StoreError from the reader.
  void next(const OnEvent& on_event);

 private:
  void read(const std::string& sql, const OnEvent& on_event);

  store::Reader& reader_;
  Clause clause_;
  std::int64_t last_id_ = 0;  ///< of the events that were read
};

}  // namespace netlog::report
