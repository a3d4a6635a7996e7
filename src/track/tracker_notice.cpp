// SPDX-License-Identifier: MIT
// The tracker's part for ends that the kernel announces, and for what one socket leaves under
// several cookies.
#include "track/bounds.hpp"
#include "track/states.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

// The kernel counts these times in ticks of its timer, 10 ms at most.
constexpr std::int64_t kTimerTickNs = 10'000'000;
constexpr std::int64_t kNsPerMs = 1'000'000;

constexpr std::int64_t at_most_ago(std::uint32_t ms) {
  return ms == 0 ? 0 : ms * kNsPerMs + kTimerTickNs;
}

}  // namespace

void Tracker::expect_notices(std::uint64_t netns, TableSet tables, std::int64_t delay_ns) {
  announced_[netns] = Announced{tables, delay_ns};
}

void Tracker::apply(const Notice& notice) {
  const auto& row = notice.row;
  const auto identity = Identity{notice.netns, row.incarnation, {}};
  if (by_identity_.contains(identity) || join_half_open(row, identity)) {
    return begin_end(by_identity_.at(identity), notice);
  }
  const bool tcp = row.tuple.protocol == Protocol::tcp;
  const bool used = !tcp || row.tuple.remote.port != 0 || (row.delivery && was_used(*row.delivery));
  // Never connected nor bound: no connection to speak of.
  if (row.tuple.local.port != 0 && used && !apply_late_notice(notice, identity) &&
      !join_remainder(notice)) {
    open_noticed(notice, identity);
  }
}

/// The end is the first that we hear of it.
void Tracker::open_noticed(const Notice& notice, const Identity& identity) {
  const auto& row = notice.row;
  const auto scope = scope_index(notice.netns, table_of(row.tuple));
  const bool tcp = row.tuple.protocol == Protocol::tcp;
  auto born = row;
  born.holder_key = 0;  // nobody holds it any more
  born.state = tcp ? std::optional{TcpState::established} : std::nullopt;
  if (tcp && row.tuple.remote.port == 0) {
    born.metrics.reset();  // disconnected with its peer
  }
  const auto index = create(identity, born, scope);
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  connection.state.reset();
  slot.evidence = Evidence{};  // its state was a guess
  connection.netns = notice.netns;
  connection.seen_by = SeenBy::notice;
  connection.first_seen_ns = notice.at.at_ns;
  connection.last_seen_ns = notice.at.at_ns;
  // Alive when it last heard of its peer, and not after a reset that its application has not acted
  // on yet; a connect that nobody answered leaves no such trace.
  const auto& at = notice.at;
  auto alive_ns = at.at_ns - at.error_ns;
  auto opened_until_ns = at.at_ns;
  if (row.delivery && was_answered(connection, slot.evidence, *row.delivery)) {
    const auto [newest, oldest] =
        std::minmax({row.delivery->since_sent_ms, row.delivery->since_acked_ms});
    alive_ns -= at_most_ago(newest);
    opened_until_ns -= std::max<std::int64_t>(oldest * kNsPerMs - kTimerTickNs, 0);
  } else if (row.delivery && scopes_[scope].first) {
    alive_ns = scopes_[scope].first->ended_ns;
  }
  auto after_ns = opened_after(scopes_[scope], alive_ns);
  if (const auto* const birth = births_.find(identity)) {
    after_ns = std::max(after_ns.value_or(birth->at_ns), birth->at_ns);
  }
  connection.direction = direction_of(born, notice.netns, !after_ns, after_ns.value_or(0));
  const auto opened = after_ns ? between(*after_ns, std::max(opened_until_ns, *after_ns)) : at;
  slot.seen = {opened.at_ns - opened.error_ns, at.at_ns};
  give_first_owner(index, born, HolderKeys::inodes, slot.seen.began_ns);
  if (after_ns) {
    connection.opened = opened;
  }
  if (tcp && connection.direction == Direction::inbound) {
    completed_.put(Identity{notice.netns, 0, row.tuple}, at.at_ns);
  }
  emit(index, after_ns ? EventKind::open : EventKind::present, opened, std::nullopt, std::nullopt);
  begin_end(index, notice);
}

/// Nobody has seen it, and it was alive at this time: it was opened after this. Nothing when it may
/// have been there before the first snapshot.
std::optional<std::int64_t> Tracker::opened_after(const Scope& scope, std::int64_t alive_ns) {
  const auto before = std::find_if(scope.recent.rbegin(),
                                   scope.recent.rend(),
                                   [&](const Span& span) { return span.ended_ns <= alive_ns; });
  if (before != scope.recent.rend()) {
    return before->began_ns;
  }
  return scope.first && scope.first->ended_ns <= alive_ns ? std::optional{scope.first->began_ns}
                                                          : std::nullopt;
}

void Tracker::remember_closed(const Slot& slot) {
  recently_closed_.put(slot.identity, ClosedConnection{slot.connection, slot.evidence});
}

/// The application has let go of what had left the table before: how it ended is known now.
bool Tracker::apply_late_notice(const Notice& notice, const Identity& identity) {
  auto* const found = recently_closed_.find(identity);
  if (found == nullptr) {
    return false;
  }
  auto& [connection, evidence] = *found;
  apply_destroy_info(connection, evidence, notice.row);
  set_outcome(connection, evidence);
  late_.push_back(connection);
  recently_closed_.erase(identity);
  return true;
}

/// What the kernel said at the end of the full socket.
void Tracker::apply_destroy_info(Connection& connection, Evidence& evidence, const SocketRow& row) {
  evidence.noticed = true;
  evidence.delivery = row.delivery;
  // An abort, and a connect that fails, clear the remote port and the counters before the notice.
  evidence.disconnected = connection.tuple.protocol == Protocol::tcp &&
                          connection.direction != Direction::listen && row.tuple.remote.port == 0;
  if (!evidence.disconnected && row.metrics) {
    connection.metrics = *row.metrics;
  }
  connection.seen_by = connection.seen_by | SeenBy::notice;
}

/// A TIME_WAIT row, or what is left in FIN_WAIT_2, whose socket we know by another cookie: the
/// kernel gives it one of its own when nobody had asked for the socket's before. True when it
/// joined the connection that it came from.
bool Tracker::match_minisock(const SocketRow& row,
                             const Snapshot& snapshot,
                             const Identity& identity) {
  if (!snapshot.incarnation_is_unique && row.incarnation == 0) {
    return adopt_unstamped(row, snapshot, identity);
  }
  const auto scope = scope_index(snapshot.netns, table_of(row.tuple));
  if (scopes_[scope].ending == 0) {
    return false;
  }
  if (ending_by_tuple_.empty()) {
    for (Index index = 0; index < slots_.size(); ++index) {
      const auto& slot = slots_[index];
      // The rest of a socket that a snapshot has shown keeps the cookie that the snapshot asked
      // for.
      if (marks_[index].phase == Mark::Phase::ending && slot.gone &&
          slot.connection.seen_by == SeenBy::notice) {
        auto& latest =
            ending_by_tuple_
                .emplace(Identity{slot.connection.netns, 0, slot.connection.tuple}, index)
                .first->second;
        if (slots_[latest].gone->at_ns < slot.gone->at_ns) {
          latest = index;
        }
      }
    }
  }
  const auto found = ending_by_tuple_.find(Identity{snapshot.netns, 0, row.tuple});
  if (found == ending_by_tuple_.end() || marks_[found->second].phase != Mark::Phase::ending) {
    return false;
  }
  const auto index = found->second;
  rename(index, identity);
  return see(index, row, snapshot);
}

/// Where a timestamp tells the uses of a tuple apart (Windows), the rest of a socket has none: it
/// is the rest of the use that this snapshot lacks.
bool Tracker::adopt_unstamped(const SocketRow& row,
                              const Snapshot& snapshot,
                              const Identity& identity) {
  const auto scope = scope_index(snapshot.netns, table_of(row.tuple));
  if (!missing_by_tuple_) {
    missing_by_tuple_.emplace();
    for (Index index = 0; index < slots_.size(); ++index) {
      const auto& known = slots_[index].identity;
      const auto& mark = marks_[index];
      if (mark.scope == scope && mark.phase == Mark::Phase::active && mark.epoch != epoch_ &&
          known.incarnation != 0) {
        auto& latest =
            missing_by_tuple_->emplace(Identity{known.netns, 0, known.tuple}, index).first->second;
        if (slots_[latest].identity.incarnation < known.incarnation) {
          latest = index;
        }
      }
    }
  }
  const auto found = missing_by_tuple_->find(identity);
  if (found == missing_by_tuple_->end() || marks_[found->second].epoch == epoch_) {
    return false;
  }
  const auto index = found->second;
  rename(index, identity);
  return see(index, row, snapshot);
}

void Tracker::rename(Index index, const Identity& identity) {
  by_identity_.erase(slots_[index].identity);
  slots_[index].identity = identity;
  slots_[index].connection.incarnation = identity.incarnation;
  by_identity_.emplace(identity, index);
  marks_[index].epoch = epoch_;
  touch(index);
}

/// The child of a handshake that we know by another cookie: the kernel gave the child one of its
/// own when nobody had asked for the request's before.
bool Tracker::join_half_open(const SocketRow& row, const Identity& identity) {
  const auto found = half_open_.find(Identity{identity.netns, 0, row.tuple});
  if (found == half_open_.end() || row.state == TcpState::syn_received) {
    return false;
  }
  const auto index = found->second;
  half_open_.erase(found);
  rename(index, identity);
  return true;
}

/// A peer of this host that is in TIME_WAIT has sent a FIN and has seen ours: the other end of it
/// was orderly, too.
void Tracker::confirm_close_from_local_peer(const Snapshot& snapshot) {
  boost::unordered_flat_map<Identity, Index, IdentityHash> doubtful;
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    if (marks_[index].phase != Mark::Phase::ending || slot.connection.netns != snapshot.netns) {
      continue;
    }
    if (fin_acknowledged(slot.connection, slot.evidence)) {
      const auto& tuple = slot.connection.tuple;
      doubtful.emplace(Identity{snapshot.netns, 0, seen_by_peer(tuple)}, index);
    }
  }
  if (doubtful.empty()) {
    return;
  }
  for (const auto& row : snapshot.rows) {
    if (row.state == TcpState::time_wait) {
      const auto found = doubtful.find(Identity{snapshot.netns, 0, row.tuple});
      if (found != doubtful.end()) {
        slots_[found->second].evidence.received_fin = true;
      }
    }
  }
}

/// Whether a slot that was first met as the rest of a socket is that still, and of this one.
bool Tracker::still_remains(Index index, const Notice& notice) const {
  const auto& slot = slots_[index];
  const auto phase = marks_[index].phase;
  return (phase == Mark::Phase::time_wait || phase == Mark::Phase::active) &&
         !slot.evidence.noticed && slot.connection.netns == notice.netns &&
         slot.connection.tuple == notice.row.tuple;
}

/// The other order: the row was read before the notice of the socket that it came from.
bool Tracker::join_remainder(const Notice& notice) {
  const Identity key{notice.netns, 0, notice.row.tuple};
  auto& remainders = remainders_[notice.netns];
  for (auto* const recent : {&remainders.fresh, &remainders.older}) {
    const auto found = recent->find(key);
    if (found == recent->end() || !still_remains(found->second, notice)) {
      continue;
    }
    const auto index = found->second;
    auto& slot = slots_[index];
    apply_destroy_info(slot.connection, slot.evidence, notice.row);
    touch(index);
    if (slot.connection.closed) {
      slot.connection.closed = both(*slot.connection.closed, end_of(slot, notice));
    }
    recent->erase(found);
    return true;
  }
  return false;
}

/// What was opened since the last snapshot can have been accepted on a listener that this one is
/// the first to show: the kernel walks listeners before connections.
void Tracker::reconsider_directions(const Snapshot& snapshot) {
  for (Index index = 0; index < slots_.size(); ++index) {
    auto& slot = slots_[index];
    auto& connection = slot.connection;
    const auto& last = scopes_[marks_[index].scope].last;
    const bool traced = (connection.seen_by | SeenBy::trace) == connection.seen_by;
    if (marks_[index].phase == Mark::Phase::free || connection.netns != snapshot.netns ||
        connection.direction != Direction::outbound || traced || slot.evidence.connecting ||
        !connection.opened || !last || connection.opened->at_ns < last->began_ns) {
      continue;
    }
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, slot.seen.began_ns);
    if (!listener) {
      continue;
    }
    connection.direction = Direction::inbound;
    touch(index);
    if (listener->owner && !connection.owner.process) {
      set_owner(index,
                Owner{listener->owner, OwnerSource::inherited, {}},
                between(snapshot.taken.began_ns, snapshot.taken.ended_ns));
    }
  }
}

/// How long after its end the kernel announces a socket; nothing when it does not.
std::optional<std::int64_t> Tracker::notice_delay_ns(const Connection& connection) const {
  const auto announced = announced_.find(connection.netns);
  const bool will_be = announced != announced_.end() &&
                       (announced->second.tables & table_bit(table_of(connection.tuple))) != 0;
  return will_be ? std::optional{announced->second.delay_ns} : std::nullopt;
}

bool Tracker::awaits_notice(const Slot& slot, const Moment& left, const Snapshot& snapshot) const {
  // TIME_WAIT ends without a notice: its socket has had one.
  const auto delay_ns = slot.evidence.noticed || slot.connection.state == TcpState::time_wait
                            ? std::nullopt
                            : notice_delay_ns(slot.connection);
  return delay_ns && snapshot.taken.began_ns < left.at_ns + *delay_ns;
}

/// When the socket ended: after its peer was heard of last. The announcement comes later, by more
/// where the kernel's worker has to wait, or an application keeps a socket that was reset.
Moment Tracker::end_of(const Slot& slot, const Notice& notice) {
  const auto& at = notice.at;
  const auto& delivery = slot.evidence.delivery;
  if (!delivery || slot.evidence.disconnected ||
      !was_answered(slot.connection, slot.evidence, *delivery)) {
    return at;
  }
  return {at.at_ns, at.error_ns + at_most_ago(delivery->since_acked_ms)};
}

/// The kernel has announced the end of the full socket.
void Tracker::begin_end(Index index, const Notice& notice) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  apply_destroy_info(connection, slot.evidence, notice.row);
  touch(index);
  connection.last_seen_ns = std::max(connection.last_seen_ns, notice.at.at_ns);
  if (marks_[index].phase == Mark::Phase::time_wait) {
    return;
  }
  auto ended = end_of(slot, notice);
  ended = between(std::max(ended.at_ns - ended.error_ns, slot.seen.began_ns), ended.at_ns);
  slot.gone = slot.gone ? both(*slot.gone, ended) : ended;
  const bool unseen_state = !connection.state && connection.tuple.protocol == Protocol::tcp;
  if (unseen_state || may_enter_time_wait(connection)) {
    set_phase(index, Mark::Phase::ending);
  }
}

}  // namespace netlog::track
