// SPDX-License-Identifier: MIT
#include "track/connection_table.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace netlog::track {

ScopeIndex ConnectionTable::scope(std::uint64_t netns, TableKind table) {
  for (ScopeIndex i = 0; i < scopes_.size(); ++i) {
    if (scopes_[i].netns == netns && scopes_[i].table == table) {
      return i;
    }
  }
  scopes_.push_back(Scope{netns, table, {}});
  return static_cast<ScopeIndex>(scopes_.size() - 1);
}

bool ConnectionTable::has_ending() const {
  return std::any_of(
      scopes_.begin(), scopes_.end(), [](const Scope& scope) { return scope.members.ending > 0; });
}

Index ConnectionTable::add(const Identity& identity, ScopeIndex scope, Phase phase) {
  assert(scope < scopes_.size());
  Index index = 0;
  if (free_.empty()) {
    index = static_cast<Index>(entries_.size());
    entries_.emplace_back();
    marks_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    entries_[index] = Entry{};
  }
  assert(marks_[index].phase == Phase::free);
  marks_[index] = Mark{sweep_, scope, Phase::free, 0};
  entries_[index].identity = identity;
  [[maybe_unused]] const bool added = by_identity_.emplace(identity, index).second;
  assert(added);
  set_phase(index, phase);
  return index;
}

void ConnectionTable::remove(Index index) {
  [[maybe_unused]] const auto erased = by_identity_.erase(entries_[index].identity);
  assert(erased == 1);
  set_phase(index, Phase::free);
}

void ConnectionTable::free(Index index) {
  assert(marks_[index].phase == Phase::free);
  free_.push_back(index);
}

void ConnectionTable::rename(Index index, const Identity& identity) {
  assert(marks_[index].phase != Phase::free);
  by_identity_.erase(entries_[index].identity);
  entries_[index].identity = identity;
  [[maybe_unused]] const bool added = by_identity_.emplace(identity, index).second;
  assert(added);
  set_seen(index);
}

void ConnectionTable::set_phase(Index index, Phase phase) {
  auto& mark = marks_[index];
  auto& members = scopes_[mark.scope].members;
  if (auto* const before = count_of(members, mark.phase)) {
    assert(*before > 0);
    --*before;
  }
  mark.phase = phase;
  if (auto* const after = count_of(members, phase)) {
    ++*after;
  }
}

std::size_t* ConnectionTable::count_of(Members& members, Phase phase) {
  switch (phase) {
    case Phase::active:
      return &members.active;
    case Phase::ending:
      return &members.ending;
    case Phase::time_wait:
      return &members.time_wait;
    case Phase::free:
      break;
  }
  return nullptr;
}

std::optional<Index> ConnectionTable::find(const Identity& identity) const {
  const auto found = by_identity_.find(identity);
  return found == by_identity_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<Index> ConnectionTable::find_after(std::optional<Index> before,
                                                 const Identity& identity) const {
  if (before) {
    const auto next = marks_[*before].next;
    if (marks_[next].phase != Phase::free && entries_[next].identity == identity) {
      return next;
    }
  }
  return find(identity);
}

std::string ConnectionTable::broken_invariant() const {
  std::vector<Members> counted(scopes_.size());
  std::size_t open = 0;
  for (Index index = 0; index < marks_.size(); ++index) {
    const auto& mark = marks_[index];
    if (mark.phase == Phase::free) {
      continue;
    }
    ++open;
    ++*count_of(counted[mark.scope], mark.phase);
    const auto& entry = entries_[index];
    const auto found = by_identity_.find(entry.identity);
    if (found == by_identity_.end() || found->second != index) {
      return fmt::format("entry {} is not found by its identity", index);
    }
    if (entry.closed) {
      return fmt::format("entry {} is closed and still in the table", index);
    }
    if (scopes_[mark.scope].netns != entry.identity.netns) {
      return fmt::format("entry {} is a member of another namespace", index);
    }
  }
  if (open != by_identity_.size()) {
    return fmt::format("{} entries are open, {} identities are known", open, by_identity_.size());
  }
  for (ScopeIndex i = 0; i < scopes_.size(); ++i) {
    const auto& members = scopes_[i].members;
    if (members.active != counted[i].active || members.ending != counted[i].ending ||
        members.time_wait != counted[i].time_wait) {
      return fmt::format("the members of scope {} are counted wrong", i);
    }
  }
  for (const auto index : free_) {
    if (marks_[index].phase != Phase::free) {
      return fmt::format("entry {} is in use and in the list of free places", index);
    }
  }
  return {};
}

}  // namespace netlog::track
