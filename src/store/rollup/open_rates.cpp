// SPDX-License-Identifier: MIT
#include "store/rollup/open_rates.hpp"

#include "store/db/statement.hpp"
#include "store/rollup/take_sorted.hpp"

#include <algorithm>

namespace netlog::store {

OpenRates::OpenRates(SQLite::Database& database)
    : add_seconds_{database,
                   "INSERT INTO open_second AS s (second, process_id, direction, opened) VALUES",
                   "ON CONFLICT DO UPDATE SET opened = s.opened + excluded.opened"},
      select_second_{database,
                     "SELECT process_id, direction, opened FROM open_second WHERE second = ? "
                     "ORDER BY process_id, direction"},
      add_minutes_{database,
                   "INSERT INTO open_minute AS m (minute, process_id, direction, opened, "
                   "max_opened, max_second) VALUES",
                   "ON CONFLICT DO UPDATE SET opened = "
                   "m.opened + excluded.opened, max_second = iif(excluded.max_opened > "
                   "m.max_opened, excluded.max_second, m.max_second), max_opened = "
                   "max(m.max_opened, excluded.max_opened)"},
      add_hours_{database,
                 "INSERT INTO open_hour AS h (hour, process_id, direction, opened) VALUES",
                 "ON CONFLICT DO UPDATE SET opened = h.opened + excluded.opened"},
      delete_second_{database,
                     "DELETE FROM open_second WHERE second = ? AND process_id = ? AND direction = "
                     "? AND opened <= 0"},
      delete_minute_{database,
                     "DELETE FROM open_minute WHERE minute = ? AND process_id = ? AND direction = "
                     "? AND opened <= 0"} {}

void OpenRates::add_to_hour(const Second& second) {
  ++unwritten_hours_[{second.second / 3600, second.process, second.direction}];
}

std::vector<OpenRates::Second> OpenRates::unwritten_seconds() const {
  std::vector<Second> seconds;
  seconds.reserve(unwritten_.size());
  for (const auto& [key, opened] : unwritten_) {
    seconds.push_back(key);
  }
  return seconds;
}

void OpenRates::write() {
  const auto seconds = take_sorted(unwritten_);
  for (const auto& [key, opened] : seconds) {
    add_seconds_.add({key.second, key.process, key.direction, opened});
  }
  add_seconds_.flush();
  auto minutes = minutes_of(seconds);
  for (const auto& [key, minute] : take_sorted(minutes)) {
    add_minutes_.add({key.second,
                      key.process,
                      key.direction,
                      minute.opened,
                      minute.max_opened,
                      minute.max_second});
  }
  add_minutes_.flush();
  for (const auto& [key, opened] : take_sorted(unwritten_hours_)) {
    add_hours_.add({key.second, key.process, key.direction, opened});
  }
  add_hours_.flush();
}

/// What these seconds, whose rows are in the file, add to their minutes. In the keys a minute
/// stands in the place of the second.
OpenRates::Minutes OpenRates::minutes_of(const Counted& seconds) {
  Minutes minutes;
  for (auto next = seconds.begin(); next != seconds.end();) {
    const auto second = next->first.second;
    BoundStatement rows{select_second_};
    rows.with(second);
    while (rows.step()) {
      const Second key{second, rows.number(0).value_or(0), rows.number(1).value_or(0)};
      if (next == seconds.end() || key != next->first) {
        continue;
      }
      auto& minute = minutes[{second / 60, key.process, key.direction}];
      minute.opened += next->second;
      if (const auto opened = rows.number(2).value_or(0); opened > minute.max_opened) {
        minute.max_opened = opened;
        minute.max_second = second;
      }
      ++next;
    }
    next = std::find_if(
        next, seconds.end(), [&](const auto& entry) { return entry.first.second != second; });
  }
  return minutes;
}

void OpenRates::delete_empty(const Second& second) {
  BoundStatement{delete_second_}
      .with(second.second)
      .with(second.process)
      .with(second.direction)
      .exec();
  BoundStatement{delete_minute_}
      .with(second.second / 60)
      .with(second.process)
      .with(second.direction)
      .exec();
}

}  // namespace netlog::store
