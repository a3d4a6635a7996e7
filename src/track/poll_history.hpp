// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace netlog::track {

/// When each table of each namespace was read, and what that proves about the past. Times are
/// boot-clock ns.
class PollHistory {
 public:
  /// A table was read whole in this time.
  /// @param with_time_wait the snapshot showed TIME_WAIT rows
  /// @param awaits_time_wait it had none, and lacked a connection that may be in TIME_WAIT
  void add(ScopeIndex scope, const Span& taken, bool with_time_wait, bool awaits_time_wait = false);

  /// The last poll; absent before the first.
  [[nodiscard]] const std::optional<Span>& last(ScopeIndex scope) const { return of(scope).last; }
  /// The last poll that showed TIME_WAIT rows.
  [[nodiscard]] const std::optional<Span>& last_with_time_wait(ScopeIndex scope) const {
    return of(scope).last_with_time_wait;
  }
  [[nodiscard]] const std::optional<Span>& first(ScopeIndex scope) const { return of(scope).first; }

  /// A socket that no poll has shown was alive at this time: it was opened after the returned time.
  /// Absent when it may have been there before the first poll.
  [[nodiscard]] std::optional<std::int64_t> opened_after(ScopeIndex scope,
                                                         std::int64_t alive_ns) const;

  /// True if no poll has ended at this time or later.
  [[nodiscard]] bool is_unread_since(ScopeIndex scope, std::int64_t at_ns) const {
    return !last(scope) || last(scope)->ended_ns < at_ns;
  }

  /// True if the last poll of any table lacked a connection that may be in TIME_WAIT.
  [[nodiscard]] bool awaits_time_wait() const {
    return std::any_of(by_scope_.begin(), by_scope_.end(), [](const Polls& polls) {
      return polls.awaits_time_wait;
    });
  }

  /// As if the table had never been read.
  void forget(ScopeIndex scope);

 private:
  static constexpr std::size_t kMaxRecent = 64;

  struct Polls {
    std::optional<Span> first;
    std::optional<Span> last;
    std::optional<Span> last_with_time_wait;
    bool awaits_time_wait = false;
    std::deque<Span> recent;  ///< the last kMaxRecent polls, oldest first
  };
  [[nodiscard]] const Polls& of(ScopeIndex scope) const {
    static const Polls none;
    return scope < by_scope_.size() ? by_scope_[scope] : none;
  }

  std::vector<Polls> by_scope_;
};

}  // namespace netlog::track
