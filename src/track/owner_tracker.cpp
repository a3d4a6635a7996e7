// SPDX-License-Identifier: MIT
#include "track/owner_tracker.hpp"

#include "track/time_bounds.hpp"
#include "util/filetime.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace netlog::track {
namespace {

std::uint32_t local_key(const FiveTuple& tuple) {
  return tuple.local.port;
}
bool is_same_process(const std::optional<ProcessId>& a, const ProcessId& b) {
  return a && a->first_image() == b.first_image();
}

std::uint32_t remote_key(const FiveTuple& tuple) {
  return 0x1'0000U | tuple.remote.port;
}

/// Whether this listener accepts connections with this local endpoint.
bool accepts(const Connection& listener, const Connection& connection) {
  const auto& bound = listener.tuple.local;
  const auto& local = connection.tuple.local;
  return connection.netns == listener.netns &&
         connection.tuple.protocol == listener.tuple.protocol && local.port == bound.port &&
         local.address.family == bound.address.family &&
         (bound.address.is_unspecified() || bound.address == local.address);
}

}  // namespace

OwnerSource owner_by_pid(const ProcessId& process,
                         std::uint64_t incarnation,
                         const std::optional<ClockSetBack>& set_back) {
  // One may be stamped by the clock's last tick, the other one by the time within it.
  constexpr std::int64_t kClockTickNs = 15'625'000;
  if (incarnation == 0 || incarnation == process.pid) {
    return OwnerSource::held;
  }
  const auto began_ns = utc_ns_of(process.start);
  const auto created_ns = utc_ns_of(incarnation);
  if (set_back && std::min(began_ns, created_ns) >= set_back->to_ns &&
      std::max(began_ns, created_ns) <= set_back->from_ns) {
    return OwnerSource::held;
  }
  return began_ns > created_ns + kClockTickNs ? OwnerSource::unknown : OwnerSource::exact;
}

Owner owner_by_close(const Owner& known, const LastCloser& closer) {
  if (known.source == OwnerSource::exact) {
    return known;
  }
  if (closer.parent) {
    // What it lets go of was its parent's. Somebody else may be known who accepted it.
    return known.process ? known : Owner{closer.parent, OwnerSource::held, {}};
  }
  const auto& process = closer.caller.id;
  const bool is_accepter =
      known.source == OwnerSource::inherited && is_same_process(known.process, process);
  return Owner{process, is_accepter ? OwnerSource::exact : OwnerSource::held, {}};
}

void OwnerTracker::open(Index index,
                        HolderKeys keys,
                        std::int64_t alive_after_ns,
                        const std::optional<Owner>& traced) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  entry.holder.key_is_pid = keys == HolderKeys::pids;
  if (connection.direction == Direction::inbound) {
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, alive_after_ns);
    if (listener && listener->owner) {
      connection.owner = Owner{listener->owner, OwnerSource::inherited, {}};
    }
  }
  if (traced) {
    connection.owner = *traced;
  } else if (keys == HolderKeys::none) {
    connection.owner.why = UnknownOwner::no_source;
  } else if (entry.holder.key != 0) {
    queries_.add(index);
  } else if (connection.owner.source == OwnerSource::unknown) {
    switch (connection.seen_by) {
      case SeenBy::notice:
        connection.owner.why = UnknownOwner::gone;
        break;
      case SeenBy::trace:
        connection.owner.why = UnknownOwner::not_yet;
        break;
      default:
        connection.owner.why = UnknownOwner::kernel;
        break;
    }
  }
  count_owned(connection.owner, true);
}

void OwnerTracker::resume(Index index) {
  const auto& connection = table_[index].connection;
  if (connection.direction == Direction::listen && connection.owner.process) {
    listeners_.owned(connection.netns,
                     connection.tuple.protocol,
                     connection.tuple.local,
                     connection.id,
                     *connection.owner.process);
  }
  // No process has been seen holding it since then: it is requested again. In TIME_WAIT nobody can
  // have taken it over.
  auto& owner = table_[index].connection.owner;
  const bool is_exact = owner.source == OwnerSource::exact;
  if ((is_exact && !table_[index].connection.closed) || owner.source == OwnerSource::held) {
    owner.source = OwnerSource::last_seen;
  }
  count_owned(owner, true);
}

void OwnerTracker::close(Index index) {
  const auto& entry = table_[index];
  if (entry.holder.key != 0) {
    released_.push_back(entry.holder.key);
  }
  count_owned(entry.connection.owner, false);
  queries_.remove(index);
}

void OwnerTracker::change_holder(Index index, const SocketRow& row) {
  auto& entry = table_[index];
  auto& owner = entry.connection.owner;
  if (row.holder_key != 0) {
    assert(entry.holder.key == 0);  // another key is another use of the socket
    entry.holder.key = row.holder_key;
    // The process that created a listener may have handed it over since.
    if (owner.source != OwnerSource::exact || entry.connection.direction == Direction::listen ||
        entry.holder.owner_ended) {
      queries_.add(index);
    }
    return;
  }
  queries_.remove(index);
  released_.push_back(std::exchange(entry.holder.key, 0));
  const bool was_held = owner.source == OwnerSource::held || entry.holder.key_is_pid;
  if (was_held && owner.process) {
    owner.source = OwnerSource::last_seen;
  } else if (owner.source == OwnerSource::unknown) {
    owner.why = UnknownOwner::gone;
  }
  changes_.refresh(index);
}

void OwnerTracker::set_user(Index index, const ProcessId& process, const Moment& at) {
  const auto& entry = table_[index];
  // The kernel remembers who used a socket last, also when that process has ended.
  if (entry.holder.ended_user && is_same_process(entry.holder.ended_user, process)) {
    return;
  }
  const auto& known = entry.connection.owner;
  // After an exec it stays with the program that used it first.
  if (known.source != OwnerSource::exact || !is_same_process(known.process, process)) {
    set_owner(index, Owner{process, OwnerSource::exact, {}}, at);
  }
  queries_.remove(index);
  note_user(table_[index].connection, process);
}

void OwnerTracker::set_closer(Index index, const LastCloser& closer) {
  auto& entry = table_[index];
  const bool is_known_listener =
      entry.connection.direction == Direction::listen && entry.connection.owner.process;
  if (!is_known_listener) {
    set_owner(index, owner_by_close(entry.connection.owner, closer), Moment{closer.at_ns, 0});
  }
}

void OwnerTracker::set_of_kernel(Index index) {
  auto& owner = table_[index].connection.owner;
  if (owner.source == OwnerSource::unknown) {
    owner.why = UnknownOwner::kernel;
    changes_.refresh(index);
  }
}

void OwnerTracker::inherit(Index index, const Listeners::Found& listener, const Moment& at) {
  if (listener.owner && !table_[index].connection.owner.process) {
    set_owner(index, Owner{listener.owner, OwnerSource::inherited, {}}, at);
  }
}

std::optional<std::int64_t> OwnerTracker::requested_since_ns(std::uint64_t key) const {
  const auto index = queries_.find(key);
  if (!index || table_[*index].connection.direction == Direction::listen) {
    return std::nullopt;
  }
  const auto& connection = table_[*index].connection;
  return connection.opened ? connection.opened->at_ns : connection.first_seen_ns;
}

OwnerSource OwnerTracker::evidence_of(const Entry& entry, const ProcessId& holder) const {
  return entry.holder.key_is_pid ? owner_by_pid(holder, entry.connection.incarnation, set_back_)
                                 : OwnerSource::held;
}

void OwnerTracker::owner_found(std::uint64_t key, const ProcessId& holder, const Moment& at) {
  for (const auto index : queries_.take(key)) {
    auto& entry = table_[index];
    const auto& connection = entry.connection;
    const auto source = evidence_of(entry, holder);
    if (source == OwnerSource::unknown) {
      set_unknown(index, UnknownOwner::gone);
      continue;
    }
    const Owner owner{holder, source, {}};
    const bool listens = connection.direction == Direction::listen;
    const auto found_ns = std::exchange(entry.holder.found_ns, at.at_ns);
    const bool was_found = listens && found_ns != 0;
    const bool is_used = connection.owner.source == OwnerSource::exact && !entry.holder.owner_ended;
    const bool is_known = is_same_process(connection.owner.process, holder);
    const bool was_confirmed = entry.holder.is_confirmed;
    // A process that makes a listener for a child holds it, too, until it closes its descriptor.
    // Where the trace knows who made it, the trace knows who uses what it accepts, too.
    entry.holder.is_confirmed =
        entry.holder.key_is_pid || !connection.opened || is_used || (was_found && is_known);
    if (was_confirmed && is_known) {
      continue;  // the process that accepts there may be another one, and stays known
    }
    if (is_used && !listens) {
      continue;  // who uses it counts more than who holds it
    }
    if (!is_used || !is_known) {
      set_owner(index, owner, was_found ? between(found_ns, at.at_ns) : at);
    }
    note_user(connection, holder);
    listener_found(index, holder, at);
  }
}

/// What a listener accepts inherits its holder, once that is confirmed.
void OwnerTracker::listener_found(Index index, const ProcessId& holder, const Moment& at) {
  const auto& entry = table_[index];
  const auto& connection = entry.connection;
  if (connection.direction != Direction::listen || !entry.holder.is_confirmed) {
    return;
  }
  listeners_.owned(
      connection.netns, connection.tuple.protocol, connection.tuple.local, connection.id, holder);
  inherit_listener_owner(index, at);
}

void OwnerTracker::owner_not_found(std::uint64_t key, UnknownOwner why) {
  for (const auto index : queries_.take(key)) {
    set_unknown(index, why);
  }
}

void OwnerTracker::set_unknown(Index index, UnknownOwner why) {
  auto& owner = table_[index].connection.owner;
  if (owner.source == OwnerSource::unknown && owner.why != UnknownOwner::kernel) {
    owner.why = why;
    changes_.refresh(index);
  }
}

/// Of several times one range remains that has them all: then less is certain, and nothing wrong.
void OwnerTracker::note_clock_set_back(const ClockSetBack& set_back) {
  if (!set_back_) {
    set_back_ = set_back;
  }
  set_back_->from_ns = std::max(set_back_->from_ns, set_back.from_ns);
  set_back_->to_ns = std::min(set_back_->to_ns, set_back.to_ns);
}

void OwnerTracker::note_without_holder(Index index) {
  auto& owner = table_[index].connection.owner;
  owner.why = UnknownOwner::kernel;
  changes_.refresh(index);
}

void OwnerTracker::end_process(const ProcessId& process) {
  if (!owned_.contains(process.first_image())) {
    return;
  }
  table_.for_each([&](Index index) {
    auto& entry = table_[index];
    auto& holder = entry.holder;
    if (!is_same_process(entry.connection.owner.process, process)) {
      return;
    }
    if (!holder.key_is_pid) {
      holder.owner_ended = true;
      holder.ended_user = process;
      if (holder.key != 0) {  // else the next snapshot that shows it requests its holder
        queries_.add(index);
      }
    } else if (holder.key != 0) {
      // The next process with this pid is not its owner.
      entry.connection.owner.source = OwnerSource::last_seen;
      changes_.refresh(index);
    }
  });
}

std::vector<OwnerQuery> OwnerTracker::queries(std::size_t max_count) const {
  std::vector<OwnerQuery> queries;
  queries.reserve(std::min(max_count, queries_.size()));
  queries_.for_oldest(max_count, [&](std::uint64_t key, Index index) {
    const auto& connection = table_[index].connection;
    OwnerQuery query{key, 0, {}};
    const auto add = [&](std::uint32_t pid) {
      if (std::find(query.likely_pids.begin(), query.likely_pids.end(), pid) ==
          query.likely_pids.end()) {
        query.likely_pids.push_back(pid);
      }
    };
    // Of several that hold a listener its owner stays the owner.
    if (connection.direction == Direction::listen && connection.owner.process) {
      query.owner_pid = connection.owner.process->pid;
      add(query.owner_pid);
    }
    for (const auto port : {local_key(connection.tuple), remote_key(connection.tuple)}) {
      if (const auto last = last_pid_.find(port); last != last_pid_.end()) {
        add(last->second);
      }
    }
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, 0);
    if (listener && listener->owner) {
      add(listener->owner->pid);
    }
    queries.push_back(std::move(query));
  });
  return queries;
}

std::vector<std::uint64_t> OwnerTracker::take_released_sockets() {
  return std::exchange(released_, {});
}

void OwnerTracker::set_owner(Index index, const Owner& owner, const Moment& at) {
  auto& entry = table_[index];
  entry.holder.owner_ended = false;
  const auto before = std::exchange(entry.connection.owner, owner);
  if (before == owner) {
    return;
  }
  if (!entry.closed) {
    count_owned(before, false);
    count_owned(owner, true);
  }
  // Before the first report only a proven user is worth an event.
  if ((entry.reported || before.source == OwnerSource::exact) && before.process != owner.process) {
    changes_.emit_owner(index, at, before.process);
  } else {
    changes_.refresh(index);
  }
}

/// What the owner of one connection says about the owners of others. The process that called
/// listen(2) says nothing: it may have created the listener for its children.
void OwnerTracker::note_user(const Connection& connection, const ProcessId& process) {
  last_pid_[local_key(connection.tuple)] = process.pid;
  if (connection.tuple.remote.port != 0) {
    last_pid_[remote_key(connection.tuple)] = process.pid;
  }
  if (connection.direction == Direction::inbound) {
    listeners_.served(connection.netns, connection.tuple.protocol, connection.tuple.local, process);
  }
}

/// Gives the owner of a listener to connections that were accepted before the owner was known.
void OwnerTracker::inherit_listener_owner(Index listener, const Moment& at) {
  const auto& from = table_[listener].connection;
  for (Index index = 0; index < table_.capacity(); ++index) {
    if (!table_.is_kept(index)) {
      continue;
    }
    const auto& entry = table_[index];
    const auto& to = entry.connection;
    // Also a connection that has closed in this tick: its events have not been taken.
    const bool exists = table_.phase(index) != Phase::free || entry.closed;
    if (exists && to.direction == Direction::inbound && to.owner.source == OwnerSource::unknown &&
        accepts(from, to)) {
      set_owner(index, Owner{from.owner.process, OwnerSource::inherited, {}}, at);
    }
  }
}

void OwnerTracker::count_owned(const Owner& owner, bool more) {
  if (!owner.process) {
    return;
  }
  auto& owned = owned_[owner.process->first_image()];
  assert(more || owned > 0);
  owned = more ? owned + 1 : owned - 1;
  if (owned == 0) {
    owned_.erase(owner.process->first_image());
  }
}

std::string OwnerTracker::broken_invariant() const {
  if (auto broken = queries_.broken_invariant(); !broken.empty()) {
    return broken;
  }
  std::size_t owned = 0;
  table_.for_each([&](Index index) {
    if (table_[index].connection.owner.process) {
      ++owned;
    }
  });
  std::size_t counted = 0;
  for (const auto& [process, count] : owned_) {
    counted += count;
  }
  return owned == counted ? std::string{} : "the connections of processes are counted wrong";
}

}  // namespace netlog::track
