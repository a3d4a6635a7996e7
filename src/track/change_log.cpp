// SPDX-License-Identifier: MIT
#include "track/change_log.hpp"

#include <cassert>
#include <string>
#include <utility>
#include <vector>

namespace netlog::track {

void ChangeLog::emit(Index index,
                     EventKind kind,
                     const Moment& at,
                     std::optional<std::uint8_t> old_code,
                     std::optional<std::uint8_t> new_code) {
  assert(at.error_ns >= 0);
  assert(!table_[index].closed);
  pending_.push_back(Pending{kind, at, old_code, new_code, std::nullopt, index});
  if (kind == EventKind::open) {
    opened_.push_back(index);
  }
}

void ChangeLog::emit_owner(Index index,
                           const Moment& at,
                           const std::optional<ProcessId>& old_owner) {
  assert(at.error_ns >= 0);
  pending_.push_back(Pending{EventKind::owner, at, std::nullopt, std::nullopt, old_owner, index});
}

void ChangeLog::take_events(const std::function<void(const Event&)>& take) {
  for (const auto& pending : pending_) {
    auto& entry = table_[pending.index];
    take(Event{pending.kind,
               pending.at,
               pending.old_code,
               pending.new_code,
               pending.old_owner,
               entry.connection,
               entry.in_batch});
    entry.reported = true;
    entry.in_batch = true;
    entry.needs_refresh = false;
  }
  for (const auto& pending : pending_) {
    auto& entry = table_[pending.index];
    entry.in_batch = false;
    if (pending.kind == EventKind::close) {
      entry.closed = false;
      table_.free(pending.index);
    }
  }
  pending_.clear();
  opened_.clear();
}

std::vector<Connection> ChangeLog::take_refreshes() {
  auto connections = std::exchange(closed_, {});
  for (const auto index : std::exchange(changed_, {})) {
    if (!table_.is_kept(index)) {
      continue;
    }
    auto& entry = table_[index];
    // The place can have been freed and used again since it was noted.
    if (entry.needs_refresh && entry.reported) {
      entry.needs_refresh = false;
      connections.push_back(entry.connection);
    }
  }
  return connections;
}

std::string ChangeLog::broken_invariant() const {
  std::vector<bool> closes(table_.capacity());
  for (const auto& pending : pending_) {
    // Only an owner can be found after the close.
    if (closes[pending.index] && pending.kind != EventKind::owner) {
      return "an event follows the close of entry " + std::to_string(pending.index);
    }
    if (pending.kind == EventKind::close) {
      closes[pending.index] = true;
    }
  }
  for (Index index = 0; index < table_.capacity(); ++index) {
    if (!table_.is_kept(index)) {
      continue;
    }
    const auto& entry = table_[index];
    if (entry.closed != closes[index]) {
      return "entry " + std::to_string(index) + " is closed without an event, or the reverse";
    }
    if (entry.in_batch) {
      return "entry " + std::to_string(index) + " is still in a batch";
    }
  }
  return {};
}

}  // namespace netlog::track
