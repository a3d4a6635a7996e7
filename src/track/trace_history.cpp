// SPDX-License-Identifier: MIT
#include "track/trace_history.hpp"

#include "track/socket_rules.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {

bool TraceHistory::has_closed(const SocketRow& row,
                              const Identity& identity,
                              const Snapshot& snapshot) {
  const auto* const closed_ns = find_close(identity);
  if (closed_ns == nullptr) {
    return false;
  }
  if (is_minisock(row)) {
    ended_minisocks_.put(identity, std::max(*closed_ns, snapshot.taken.ended_ns));
    return true;
  }
  return snapshot.taken.began_ns <= *closed_ns + kReportLeadNs;
}

void TraceHistory::add_created(const UdpSocketCreated& created) {
  created_.put(Identity{created.netns, created.incarnation, {}}, created);
}

std::optional<UdpSocketCreated> TraceHistory::take_created(const Identity& identity) {
  const auto* const found = created_.find(identity);
  if (found == nullptr) {
    return std::nullopt;
  }
  auto created = *found;
  if (created.caller) {
    created_.erase(identity);
  }
  return created;
}

std::optional<Owner> TraceHistory::take_owner(const Identity& identity,
                                              const std::optional<UdpSocketCreated>& created) {
  if (const auto* const user = users_.find(identity)) {
    const Owner owner{*user, OwnerSource::exact, {}};
    users_.erase(identity);
    return owner;
  }
  return created && created->caller
             ? std::optional{Owner{created->caller->id, OwnerSource::held, {}}}
             : std::nullopt;
}

void TraceHistory::audit_open(const SocketRow& row, const std::optional<Span>& before) {
  // The handshake of a peer is never traced, a connect not by every trace.
  const bool half_open = row.state == TcpState::syn_received || row.state == TcpState::syn_sent;
  const bool looked = before && before->ended_ns > resumed_ns_;
  if (tracing_ && looked && row.tuple.protocol == Protocol::tcp && !half_open) {
    count(misses_.opens, before->began_ns);
  }
}

AuditMisses TraceHistory::take_audit_misses() {
  return std::exchange(misses_, {});
}

void TraceHistory::forget_before(std::int64_t snapshot_began_ns) {
  const auto before_ns = snapshot_began_ns - kMaxDumpNs;
  closed_.erase_oldest_while([&](std::int64_t closed_ns) { return closed_ns < before_ns; });
  ended_minisocks_.erase_oldest_while(
      [&](std::int64_t closed_ns) { return closed_ns < before_ns - kMinisockNs; });
}

}  // namespace netlog::track
