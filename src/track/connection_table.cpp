// SPDX-License-Identifier: MIT
#include "track/connection_table.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

namespace netlog::track {

ScopeIndex ConnectionTable::scope(std::uint64_t netns, TableKind table) {
  if (const auto known = find_scope(netns, table)) {
    return *known;
  }
  scopes_.push_back(Scope{netns, table, {}});
  return static_cast<ScopeIndex>(scopes_.size() - 1);
}

std::optional<ScopeIndex> ConnectionTable::find_scope(std::uint64_t netns, TableKind table) const {
  for (ScopeIndex i = 0; i < scopes_.size(); ++i) {
    if (scopes_[i].netns == netns && scopes_[i].table == table) {
      return i;
    }
  }
  return std::nullopt;
}

Index ConnectionTable::add(const Identity& identity, ScopeIndex scope, Phase phase) {
  assert(scope < scopes_.size());
  Index index = capacity();
  if (free_.empty()) {
    marks_.emplace_back();
  } else {
    std::pop_heap(free_.begin(), free_.end(), std::greater{});
    index = free_.back();
    free_.pop_back();
  }
  assert(marks_[index].phase == Phase::free);
  marks_[index] = Mark{sweep_, scope, Phase::free, 0};
  blocks_.resize(std::max(blocks_.size(), index / kBlock + 1));
  auto& block = blocks_[index / kBlock];
  if (block == nullptr) {
    block = std::make_unique<Block>();
  }
  ++block->used;
  auto& entry = block->entries[index % kBlock];
  entry = Entry{};
  entry.identity = identity;
  [[maybe_unused]] const bool added = by_identity_.emplace(identity, index).second;
  assert(added);
  set_phase(index, phase);
  return index;
}

void ConnectionTable::remove(Index index) {
  [[maybe_unused]] const auto erased = by_identity_.erase((*this)[index].identity);
  assert(erased == 1);
  set_phase(index, Phase::free);
}

void ConnectionTable::free(Index index) {
  assert(marks_[index].phase == Phase::free);
  assert(blocks_[index / kBlock]->used > 0);
  --blocks_[index / kBlock]->used;
  free_.push_back(index);
  std::push_heap(free_.begin(), free_.end(), std::greater{});
}

bool ConnectionTable::shrink() {
  const auto is_free = [](const std::unique_ptr<Block>& block) {
    return block != nullptr && block->used == 0;
  };
  const auto free =
      kBlock * static_cast<std::size_t>(std::count_if(blocks_.begin(), blocks_.end(), is_free));
  if (free <= kAlwaysKept || 2 * free <= kept()) {
    return false;
  }
  for (auto& block : blocks_) {
    if (is_free(block)) {
      block.reset();
    }
  }
  while (!blocks_.empty() && blocks_.back() == nullptr) {
    blocks_.pop_back();
  }
  marks_.resize(std::min(marks_.size(), blocks_.size() * kBlock));
  marks_.shrink_to_fit();
  std::erase_if(free_, [&](Index index) { return index >= marks_.size(); });
  free_.shrink_to_fit();
  std::make_heap(free_.begin(), free_.end(), std::greater{});
  by_identity_.rehash(0);
  return true;
}

void ConnectionTable::rename(Index index, const Identity& identity) {
  assert(marks_[index].phase != Phase::free);
  auto& entry = (*this)[index];
  by_identity_.erase(entry.identity);
  entry.identity = identity;
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
    if (phase(next) != Phase::free && (*this)[next].identity == identity) {
      return next;
    }
  }
  return find(identity);
}

std::string ConnectionTable::broken_invariant() const {
  auto broken = broken_entry();
  return broken.empty() ? broken_block() : broken;
}

std::string ConnectionTable::broken_entry() const {
  std::vector<Members> counted(scopes_.size());
  std::size_t open = 0;
  for (Index index = 0; index < marks_.size(); ++index) {
    const auto& mark = marks_[index];
    if (mark.phase == Phase::free) {
      continue;
    }
    ++open;
    ++*count_of(counted[mark.scope], mark.phase);
    const auto& entry = (*this)[index];
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
  return {};
}

std::string ConnectionTable::broken_block() const {
  std::vector<std::size_t> used(blocks_.size());
  for (Index index = 0; index < capacity(); ++index) {
    ++used[index / kBlock];
  }
  for (const auto index : free_) {
    if (phase(index) != Phase::free) {
      return fmt::format("entry {} is in use and in the list of free places", index);
    }
    --used[index / kBlock];
  }
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    if (used[i] != (blocks_[i] == nullptr ? 0 : blocks_[i]->used)) {
      return fmt::format("the entries of block {} are counted wrong", i);
    }
  }
  return {};
}

}  // namespace netlog::track
