// SPDX-License-Identifier: MIT
#include "track/socket_aliases.hpp"

#include "track/notice_times.hpp"
#include "track/socket_rules.hpp"
#include "track/trace_history.hpp"

#include <limits>
#include <utility>

namespace netlog::track {
namespace {

// A socket has a cookie once somebody asks for it: a snapshot, a notice or the trace. Its minisock
// gets a copy when it is made, just before the socket ends (net/ipv4/inet_timewait_sock.c,
// inet_twsk_alloc). Who asks for the first time at that moment is too late.

bool was_shown(const Entry& entry) {
  return (entry.connection.seen_by | SeenBy::snapshot) == entry.connection.seen_by;
}

bool was_shown_once(const Entry& entry) {
  return entry.connection.first_seen_ns >= entry.seen.began_ns;
}

bool may_have_another_cookie(const Entry& entry) {
  return entry.named_by_notice || entry.evidence.noticed || was_shown_once(entry);
}

bool is_before_time_wait(const Entry& entry) {
  const auto state = entry.connection.state;
  return state == TcpState::fin_wait_1 || state == TcpState::fin_wait_2 ||
         state == TcpState::closing;
}

}  // namespace

std::optional<Index> SocketAliases::take_handshake(const SocketRow& row, std::uint64_t netns) {
  if (handshakes_.empty() || row.state == TcpState::syn_received) {
    return std::nullopt;
  }
  const auto found = handshakes_.find(tuple_key(netns, row.tuple));
  if (found == handshakes_.end()) {
    return std::nullopt;
  }
  const auto index = found->second;
  handshakes_.erase(found);
  return index;
}

bool SocketAliases::is_stale_handshake(const SocketRow& row, const Snapshot& snapshot) {
  if (row.state != TcpState::syn_received) {
    return false;
  }
  const auto* const accepted_ns = accepted_.find(tuple_key(snapshot.netns, row.tuple));
  return accepted_ns != nullptr &&
         snapshot.taken.began_ns <= *accepted_ns + TraceHistory::kReportLeadNs;
}

void SocketAliases::begin_snapshot() {
  ending_.reset();
  unseen_.reset();
}

std::optional<Index> SocketAliases::match_minisock(const SocketRow& row,
                                                   const Snapshot& snapshot,
                                                   const Identity& identity) {
  if (!snapshot.incarnation_is_unique && row.incarnation == 0) {
    return match_without_timestamp(snapshot, identity);
  }
  if (!ending_) {
    ending_ = index_ending();
  }
  const auto found = ending_->find(tuple_key(snapshot.netns, row.tuple));
  if (found != ending_->end() && is_ending(found->second)) {
    return found->second;
  }
  const auto traced = find_time_wait(snapshot.netns, row.tuple);
  return traced && !was_shown(table_[*traced]) ? traced : std::nullopt;
}

/// True if the full socket has ended, or this snapshot lacks it, and its minisock may have another
/// cookie.
bool SocketAliases::is_ending(Index index) const {
  const auto& entry = table_[index];
  if (table_.phase(index) == Phase::ending) {
    return entry.left && may_have_another_cookie(entry);
  }
  return table_.phase(index) == Phase::active && !table_.is_seen(index) && entry.traced_ns == 0 &&
         was_shown_once(entry) && is_before_time_wait(entry);
}

SocketAliases::ByTuple SocketAliases::index_ending() const {
  const auto ended_ns = [&](Index index) {
    const auto& left = table_[index].left;
    return left ? left->at_ns : std::numeric_limits<std::int64_t>::max();
  };
  ByTuple ending;
  table_.for_each([&](Index index) {
    if (is_ending(index)) {
      const auto& connection = table_[index].connection;
      auto& latest =
          ending.emplace(tuple_key(connection.netns, connection.tuple), index).first->second;
      if (ended_ns(latest) < ended_ns(index)) {
        latest = index;
      }
    }
  });
  return ending;
}

/// Where a timestamp distinguishes the uses of a tuple (Windows), a minisock has none. It belongs
/// to the latest use that this snapshot lacks.
std::optional<Index> SocketAliases::match_without_timestamp(const Snapshot& snapshot,
                                                            const Identity& identity) {
  if (!unseen_) {
    unseen_.emplace();
    table_.for_each([&](Index index) {
      const auto& known = table_[index].identity;
      if (known.netns == snapshot.netns && known.incarnation != 0 &&
          table_.phase(index) == Phase::active && !table_.is_seen(index)) {
        auto& latest = unseen_->emplace(tuple_key(known.netns, known.tuple), index).first->second;
        if (table_[latest].identity.incarnation < known.incarnation) {
          latest = index;
        }
      }
    });
  }
  const auto found = unseen_->find(identity);
  return found != unseen_->end() && !table_.is_seen(found->second) ? std::optional{found->second}
                                                                   : std::nullopt;
}

bool SocketAliases::awaits_notice(Index index) const {
  const auto& connection = table_[index].connection;
  const auto found = minisocks_.find(tuple_key(connection.netns, connection.tuple));
  return found != minisocks_.end() && found->second == index;
}

std::optional<Index> SocketAliases::take_minisock(const Notice& notice) {
  const auto found = minisocks_.find(tuple_key(notice.netns, notice.row.tuple));
  if (found == minisocks_.end()) {
    return std::nullopt;
  }
  // A socket that ended after the minisock was shown is a later use of the tuple.
  const auto index = found->second;
  const auto& entry = table_[index];
  if (entry.evidence.noticed ||
      !may_have_ended(entry.connection, entry.evidence, notice, entry.connection.first_seen_ns)) {
    return std::nullopt;
  }
  minisocks_.erase(found);
  return index;
}

std::optional<Index> SocketAliases::take_orphan(std::uint64_t netns, const FiveTuple& tuple) {
  const auto found = orphaned_fin_wait2_.find(tuple_key(netns, tuple));
  if (found == orphaned_fin_wait2_.end()) {
    return std::nullopt;
  }
  const auto index = found->second;
  orphaned_fin_wait2_.erase(found);
  return index;
}

std::optional<Index> SocketAliases::find_time_wait(std::uint64_t netns,
                                                   const FiveTuple& tuple) const {
  const auto found = time_wait_.find(hash_of(netns, tuple));
  if (found == time_wait_.end() || table_.phase(found->second) != Phase::time_wait) {
    return std::nullopt;
  }
  const auto& connection = table_[found->second].connection;
  return connection.netns == netns && connection.tuple == tuple ? std::optional{found->second}
                                                                : std::nullopt;
}

void SocketAliases::forget(Index index) {
  const auto& connection = table_[index].connection;
  const auto key = tuple_key(connection.netns, connection.tuple);
  if (table_.phase(index) == Phase::time_wait) {
    const auto found = time_wait_.find(IdentityHash{}(key));
    if (found != time_wait_.end() && found->second == index) {
      time_wait_.erase(found);
    }
  }
  for (auto* const map : {&handshakes_, &minisocks_, &orphaned_fin_wait2_}) {
    if (map->empty()) {
      continue;
    }
    const auto found = map->find(key);
    if (found != map->end() && found->second == index) {
      map->erase(found);
    }
  }
}

void SocketAliases::add_ended(Index index, std::int64_t at_ns) {
  const auto& entry = table_[index];
  const auto& connection = entry.connection;
  if (connection.tuple.protocol == Protocol::tcp && connection.direction != Direction::listen) {
    ended_.put(
        entry.named_by_notice ? tuple_key(connection.netns, connection.tuple) : entry.identity,
        at_ns);
  }
}

bool SocketAliases::has_ended(const Identity& identity,
                              const SocketRow& row,
                              const Snapshot& snapshot,
                              const std::optional<Span>& before) {
  if (row.state != TcpState::time_wait || !before) {
    return false;
  }
  const auto lacked = [&](const Identity& key, std::int64_t since_ns) {
    auto* const ended_ns = ended_.find(key);
    if (ended_ns == nullptr || *ended_ns < since_ns) {
      return false;
    }
    *ended_ns = snapshot.taken.ended_ns;
    return true;
  };
  // A cookie is never given twice, but two connections can have the same addresses and ports.
  return lacked(identity, std::numeric_limits<std::int64_t>::min()) ||
         lacked(tuple_key(snapshot.netns, row.tuple), before->began_ns);
}

void SocketAliases::shrink() {
  accepted_.shrink();
  ended_.shrink();
  handshakes_.rehash(0);
  minisocks_.rehash(0);
  orphaned_fin_wait2_.rehash(0);
  time_wait_.rehash(0);
}

void SocketAliases::forget_before(std::int64_t snapshot_began_ns) {
  const auto is_over = [&](std::int64_t at_ns) {
    return at_ns < snapshot_began_ns - TraceHistory::kMaxDumpNs;
  };
  accepted_.erase_oldest_while(is_over);
  ended_.erase_oldest_while(is_over);
}

}  // namespace netlog::track
