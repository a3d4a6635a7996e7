// SPDX-License-Identifier: MIT
// The tracker's part for owners: what is asked, answered and inherited.
#include "track/bounds.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

std::uint32_t local_key(const FiveTuple& tuple) {
  return tuple.local.port;
}
std::uint32_t remote_key(const FiveTuple& tuple) {
  return 0x1'0000U | tuple.remote.port;
}

}  // namespace

void Tracker::resolve(std::uint64_t key, const ProcessId& holder, const Moment& at) {
  const auto [first, last] = asked_.equal_range(key);
  for (auto entry = first; entry != last; ++entry) {
    const auto index = entry->second;
    auto& slot = slots_[index];
    slot.asked = false;
    const Owner owner{
        holder, slot.holder_key == key ? OwnerSource::exact : OwnerSource::last_seen, {}};
    const auto& connection = slot.connection;
    const bool listens = connection.direction == Direction::listen;
    const auto held_ns = std::exchange(slot.held_ns, at.at_ns);
    const bool known = listens && held_ns != 0;
    if (known && connection.owner == owner) {
      continue;  // who serves there may be another one, and is remembered
    }
    set_owner(index, owner, known ? between(held_ns, at.at_ns) : at);
    learn_holder(index, holder);
    if (listens) {
      listeners_.owned(connection.netns,
                       connection.tuple.protocol,
                       connection.tuple.local,
                       connection.id,
                       holder);
      inherit_listener_owner(index, at);
    }
  }
  asked_.erase(first, last);
}

/// What the owner of one connection tells about the owners of others. Who called listen(2) tells
/// nothing: it may have made the listener for its children.
void Tracker::learn_holder(Index index, const ProcessId& holder) {
  const auto& connection = slots_[index].connection;
  last_pid_[local_key(connection.tuple)] = holder.pid;
  if (connection.tuple.remote.port != 0) {
    last_pid_[remote_key(connection.tuple)] = holder.pid;
  }
  if (connection.direction == Direction::inbound) {
    listeners_.served(connection.netns, connection.tuple.protocol, connection.tuple.local, holder);
  }
}

void Tracker::owner_not_found(std::uint64_t key, UnknownOwner why) {
  const auto [first, last] = asked_.equal_range(key);
  for (auto entry = first; entry != last; ++entry) {
    auto& slot = slots_[entry->second];
    slot.asked = false;
    if (slot.connection.owner.source == OwnerSource::unknown) {
      slot.connection.owner.why = why;
      touch(entry->second);
    }
  }
  asked_.erase(first, last);
}

void Tracker::end_process(const ProcessId& process) {
  if (!held_.contains(process)) {
    return;
  }
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    if (marks_[index].phase != Mark::Phase::free && slot.holder_key != 0 &&
        slot.connection.owner.process == process) {
      if (slot.key_is_pid) {
        // Whoever has the pid next is not its owner.
        slots_[index].connection.owner.source = OwnerSource::last_seen;
        touch(index);
      } else {
        ask(index);
      }
    }
  }
}

std::vector<Question> Tracker::questions(std::size_t most) const {
  std::vector<Question> questions;
  for (const auto& [key, index] : asked_) {
    if (questions.size() == most) {
      break;
    }
    const auto& connection = slots_[index].connection;
    Question question{key, {}};
    const auto add = [&](std::uint32_t pid) {
      if (std::find(question.likely_pids.begin(), question.likely_pids.end(), pid) ==
          question.likely_pids.end()) {
        question.likely_pids.push_back(pid);
      }
    };
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, 0);
    for (const auto port : {local_key(connection.tuple), remote_key(connection.tuple)}) {
      if (const auto last = last_pid_.find(port); last != last_pid_.end()) {
        add(last->second);
      }
    }
    if (listener && listener->owner) {
      add(listener->owner->pid);
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

std::vector<std::uint64_t> Tracker::take_released_sockets() {
  return std::exchange(released_sockets_, {});
}

void Tracker::update_descriptor(Index index, const SocketRow& row) {
  auto& slot = slots_[index];
  auto& owner = slot.connection.owner;
  if (row.holder_key == slot.holder_key) {
    return;
  }
  if (row.holder_key != 0) {
    slot.holder_key = row.holder_key;
    // Who made a listener may have handed it over since.
    if (owner.source != OwnerSource::exact ||
        slots_[index].connection.direction == Direction::listen) {
      ask(index);
    }
    return;
  }
  drop_question(index);
  released_sockets_.push_back(std::exchange(slot.holder_key, 0));
  if (owner.source == OwnerSource::exact && slot.changed_ns == 0) {
    owner.source = OwnerSource::last_seen;
  } else if (owner.source == OwnerSource::unknown) {
    owner.why = UnknownOwner::gone;
  }
  touch(index);
}

/// Who made a listener can hand it to a child and close its own copy, which no table tells.
void Tracker::recheck_listener_owner(Index index, std::int64_t now_ns) {
  auto& slot = slots_[index];
  const auto& connection = slot.connection;
  if (connection.state == TcpState::listen && connection.owner.source == OwnerSource::exact &&
      slot.holder_key != 0 && !slot.key_is_pid &&
      now_ns - std::max(slot.held_ns, slot.doubted_ns) >= kListenerOwnerTtlNs) {
    slot.doubted_ns = now_ns;
    ask(index);
  }
}

void Tracker::ask(Index index) {
  auto& slot = slots_[index];
  if (!slot.asked) {
    slot.asked = true;
    asked_.emplace(slot.holder_key, index);
  }
}

void Tracker::drop_question(Index index) {
  auto& slot = slots_[index];
  if (slot.asked) {
    const auto [first, last] = asked_.equal_range(slot.holder_key);
    const auto ours =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == index; });
    if (ours != last) {
      asked_.erase(ours);
    }
    slot.asked = false;
  }
}

/// What is known of the owner before anybody searched.
void Tracker::give_first_owner(Index index,
                               const SocketRow& row,
                               HolderKeys keys,
                               std::int64_t alive_after_ns) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  slot.key_is_pid = keys == HolderKeys::pids;
  if (connection.direction == Direction::inbound) {
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, alive_after_ns);
    if (listener && listener->owner) {
      connection.owner = Owner{listener->owner, OwnerSource::inherited, {}};
      count_held(connection.owner, true);
    }
  }
  const auto* const birth = births_.find(slot.identity);
  if (birth != nullptr && birth->caller) {
    count_held(connection.owner, false);
    connection.owner = Owner{birth->caller->id, OwnerSource::exact, {}};
    count_held(connection.owner, true);
    births_.erase(slot.identity);
  } else if (keys == HolderKeys::none) {
    connection.owner.why = UnknownOwner::no_source;
  } else if (row.holder_key != 0) {
    ask(index);
  } else if (connection.owner.source == OwnerSource::unknown) {
    connection.owner.why =
        connection.seen_by == SeenBy::notice ? UnknownOwner::gone : UnknownOwner::kernel;
  }
}

void Tracker::set_owner(Index index, const Owner& owner, const Moment& at) {
  auto& slot = slots_[index];
  const auto before = std::exchange(slot.connection.owner, owner);
  if (before == owner) {
    return;
  }
  if (!slot.closed) {
    count_held(before, false);
    count_held(owner, true);
  }
  if (slot.announced && before.process != owner.process) {
    emit(index, EventKind::owner, at, std::nullopt, std::nullopt);
    pending_.back().old_owner = before.process;
  } else {
    touch(index);
  }
}

/// What was accepted on a listener before its owner was known.
void Tracker::inherit_listener_owner(Index listener, const Moment& at) {
  const auto& from = slots_[listener].connection;
  const auto& bound = from.tuple.local.address;
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& to = slots_[index].connection;
    const auto& local = to.tuple.local;
    // What has closed in this tick, too: its events have not been taken.
    const bool exists = marks_[index].phase != Mark::Phase::free || slots_[index].closed;
    const bool orphan =
        exists && to.direction == Direction::inbound && to.owner.source == OwnerSource::unknown;
    const bool accepted = to.netns == from.netns && to.tuple.protocol == from.tuple.protocol &&
                          local.port == from.tuple.local.port &&
                          local.address.family == bound.family &&
                          (bound.is_unspecified() || bound == local.address);
    if (orphan && accepted) {
      set_owner(index, Owner{from.owner.process, OwnerSource::inherited, {}}, at);
    }
  }
}

void Tracker::count_held(const Owner& owner, bool more) {
  if (!owner.process) {
    return;
  }
  auto& held = held_[*owner.process];
  held = more ? held + 1 : held - 1;
  if (held == 0) {
    held_.erase(*owner.process);
  }
}

}  // namespace netlog::track
