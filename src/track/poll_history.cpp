// SPDX-License-Identifier: MIT
#include "track/poll_history.hpp"

#include <algorithm>
#include <cassert>

namespace netlog::track {

void PollHistory::add(ScopeIndex scope,
                      const Span& taken,
                      bool with_time_wait,
                      bool awaits_time_wait) {
  assert(taken.began_ns <= taken.ended_ns);
  if (scope >= by_scope_.size()) {
    by_scope_.resize(scope + std::size_t{1});
  }
  auto& polls = by_scope_[scope];
  polls.first = polls.first.value_or(taken);
  polls.last = taken;
  polls.awaits_time_wait = awaits_time_wait;
  polls.recent.push_back(taken);
  if (polls.recent.size() > kMaxRecent) {
    polls.recent.pop_front();
  }
  if (with_time_wait) {
    polls.last_with_time_wait = taken;
  }
}

std::optional<std::int64_t> PollHistory::opened_after(ScopeIndex scope,
                                                      std::int64_t alive_ns) const {
  const auto& polls = of(scope);
  const auto before = std::find_if(polls.recent.rbegin(),
                                   polls.recent.rend(),
                                   [&](const Span& poll) { return poll.ended_ns <= alive_ns; });
  if (before != polls.recent.rend()) {
    return before->began_ns;
  }
  return polls.first && polls.first->ended_ns <= alive_ns ? std::optional{polls.first->began_ns}
                                                          : std::nullopt;
}

void PollHistory::forget(ScopeIndex scope) {
  if (scope < by_scope_.size()) {
    by_scope_[scope] = Polls{};
  }
}

}  // namespace netlog::track
