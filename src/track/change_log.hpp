// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "track/connection_table.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace netlog::track {

/// Events and refreshes to be taken, in the order in which they were found. The events of a
/// connection are given out together, with the connection as it is by then. Taking a close event
/// frees its entry.
class ChangeLog {
 public:
  using Take = std::function<void(ConnectionEvents)>;

  explicit ChangeLog(ConnectionTable& table) : table_{table} {}

  /// Codes as in Event.
  void emit(Index index,
            EventKind kind,
            const Moment& at,
            std::optional<std::uint8_t> old_code,
            std::optional<std::uint8_t> new_code);
  void emit_owner(Index index, const Moment& at, const std::optional<ProcessId>& old_owner);

  /// The connection changed without an event.
  void refresh(Index index) {
    auto& entry = table_[index];
    if (!entry.needs_refresh) {
      entry.needs_refresh = true;
      changed_.push_back(index);
    }
  }
  /// More is known of a connection whose close event has been taken.
  void refresh_closed(const Connection& connection) { closed_.push_back(connection); }

  /// The first event of this connection has been taken already, by an earlier session.
  void set_reported(Index index) { table_[index].reported = true; }

  /// Connections whose open event is to be taken, in the order in which they were found.
  [[nodiscard]] const std::vector<Index>& opened() const { return opened_; }
  /// Calls `take` with the events of each connection since the last call, in the order of their
  /// first events. It must not call the tracker.
  void take_events(const Take& take);
  /// Connections that changed without an event since the last call: first those that are closed.
  std::vector<Connection> take_refreshes();

  /// Gives back memory that is not needed any more.
  void shrink() { pending_.shrink_to_fit(); }

  /// As ConnectionTable::broken_invariant().
  [[nodiscard]] std::string broken_invariant() const;

 private:
  struct Pending {
    Event event;
    Index index = 0;
    bool is_first = false;                ///< of its connection
    std::optional<std::uint32_t> next{};  ///< the place of the next one of its connection
  };

  void emit(Index index, const Event& event);
  /// The next event of the same connection; null: there is none.
  [[nodiscard]] const Pending* after(const Pending& pending) const;

  ConnectionTable& table_;
  std::vector<Pending> pending_;
  std::vector<Index> opened_;
  std::vector<Index> changed_;  ///< entries with `needs_refresh`; some have been freed since
  std::vector<Connection> closed_;
};

}  // namespace netlog::track
