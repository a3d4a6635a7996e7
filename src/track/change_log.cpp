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
  assert(!table_[index].closed);
  emit(index, Event{kind, at, old_code, new_code, std::nullopt});
  if (kind == EventKind::open) {
    opened_.push_back(index);
  }
}

void ChangeLog::emit_owner(Index index,
                           const Moment& at,
                           const std::optional<ProcessId>& old_owner) {
  emit(index, Event{EventKind::owner, at, std::nullopt, std::nullopt, old_owner});
}

void ChangeLog::emit(Index index, const Event& event) {
  assert(event.at.error_ns >= 0);
  auto& last = table_[index].last_pending;
  const auto place = static_cast<std::uint32_t>(pending_.size());
  pending_.push_back({event, index, !last});
  if (last) {
    pending_[*last].next = place;
  }
  last = place;
}

void ChangeLog::take_events(const Take& take) {
  for (const auto& first : pending_) {
    if (!first.is_first) {
      continue;
    }
    auto& entry = table_[first.index];
    ConnectionEvents taken{entry.connection, {}};
    std::size_t count = 0;
    for (const auto* pending = &first; pending != nullptr; pending = after(*pending)) {
      ++count;
    }
    taken.events.reserve(count);
    for (const auto* pending = &first; pending != nullptr; pending = after(*pending)) {
      taken.events.push_back(pending->event);
    }
    take(std::move(taken));
    entry.reported = true;
    entry.needs_refresh = false;
    entry.last_pending.reset();
    if (entry.closed) {
      entry.closed = false;
      table_.free(first.index);
    }
  }
  pending_.clear();
  opened_.clear();
}

const ChangeLog::Pending* ChangeLog::after(const Pending& pending) const {
  return pending.next ? &pending_[*pending.next] : nullptr;
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
    if (closes[pending.index] && pending.event.kind != EventKind::owner) {
      return "an event follows the close of entry " + std::to_string(pending.index);
    }
    if (pending.event.kind == EventKind::close) {
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
    if (entry.last_pending &&
        (*entry.last_pending >= pending_.size() || pending_[*entry.last_pending].index != index)) {
      return "entry " + std::to_string(index) + " has another's last event";
    }
  }
  return {};
}

}  // namespace netlog::track
