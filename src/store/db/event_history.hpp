// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

/// An event, as the view event_codes has it.
struct StoredEvent {
  std::int64_t id = 0;
  std::int64_t kind = 0;
  std::int64_t at_ns = 0;
  std::int64_t error_ns = 0;
  std::optional<std::int64_t> from;  ///< column old: a code, or the process of an owner event
  std::optional<std::int64_t> to;    ///< column new
};

/// Events with ids in rising order, as connection.history has them.
struct HistoryPart {
  std::string elements;  ///< of a JSON list, with commas between them
  std::int64_t first_event = 0;
  std::int64_t last_event = 0;
};

/// A connection with more events keeps them as rows: reading a history takes time by the square of
/// its length.
constexpr std::size_t kMaxHistory = 64;
/// Events that come when the connection is over follow a history, also a full one: they are few.
constexpr std::size_t kMaxHistoryToRead = 2 * kMaxHistory;
/// Characters of a list. The largest numbers make shorter ones.
constexpr int kMaxHistoryText = 16'384;

/// @param events not empty
/// @param first_seen_ns of their connection
HistoryPart history_of(std::span<const StoredEvent> events, std::int64_t first_seen_ns);

/// The same for events that follow `length` others in the history that begins with `first_event`.
HistoryPart history_after(std::span<const StoredEvent> events,
                          std::int64_t first_seen_ns,
                          std::int64_t first_event,
                          std::int64_t length);

/// The events of connection.history, which may be of a stranger's file: as the view event_codes has
/// them, which is many times slower. A text that is not of the form has no events.
std::vector<StoredEvent> read_history(std::string_view list,
                                      std::int64_t first_seen_ns,
                                      std::int64_t first_event);

}  // namespace netlog::store
