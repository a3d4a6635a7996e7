// SPDX-License-Identifier: MIT
#include "track/tracker.hpp"

#include "track/change_log.hpp"
#include "track/connection_table.hpp"
#include "track/destroy_notices.hpp"
#include "track/expected_notices.hpp"
#include "track/lifecycle.hpp"
#include "track/listeners.hpp"
#include "track/lookup_matcher.hpp"
#include "track/owner_tracker.hpp"
#include "track/poll_history.hpp"
#include "track/remote_names.hpp"
#include "track/snapshot_differ.hpp"
#include "track/socket_aliases.hpp"
#include "track/socket_owners.hpp"
#include "track/state_trace.hpp"
#include "track/time_bounds.hpp"
#include "track/trace_history.hpp"
#include "track/udp_flow_tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

// TCP_TIMEWAIT_LEN (include/net/tcp.h), and a little.
constexpr std::int64_t kTimeWaitNs = 61'000'000'000;

}  // namespace

/// The parts, each after those that it uses.
struct Tracker::Parts {
  explicit Parts(ConnectionId first)
      : aliases{table},
        users{table},
        changes{table},
        owners{table, changes, listeners},
        lifecycle{table, changes, owners, listeners, aliases, expected_notices, first},
        snapshots{table, polls, trace, expected_notices, aliases, listeners, owners, lifecycle},
        notices{table, polls, trace, aliases, listeners, lifecycle},
        transitions{table, polls, trace, aliases, owners, lifecycle},
        udp_flows{table, polls, trace, users, owners, lifecycle},
        lookups{users},
        names{table, changes} {}

  ConnectionTable table;
  PollHistory polls;
  TraceHistory trace;
  ExpectedNotices expected_notices;
  Listeners listeners;
  SocketAliases aliases;
  SocketOwners users;
  ChangeLog changes;
  OwnerTracker owners;
  Lifecycle lifecycle;
  SnapshotDiffer snapshots;
  DestroyNotices notices;
  StateTrace transitions;
  UdpFlowTracker udp_flows;
  LookupMatcher lookups;
  RemoteNames names;
  std::vector<Lookup> ended_lookups;  ///< to be taken
};

Tracker::Tracker(ConnectionId first) : parts_{std::make_unique<Parts>(first)} {}
Tracker::Tracker(Tracker&& other) noexcept = default;
Tracker& Tracker::operator=(Tracker&& other) noexcept = default;
Tracker::~Tracker() = default;

void Tracker::resume(const std::vector<Connection>& connections,
                     const Span& alive,
                     const Snapshot& shown_by) {
  auto& table = parts_->table;
  for (const auto& connection : connections) {
    const Span seen{std::max(alive.began_ns, connection.first_seen_ns),
                    std::max(alive.ended_ns, connection.first_seen_ns)};
    if (parts_->udp_flows.resume(connection, seen)) {
      continue;
    }
    SocketRow row;
    row.tuple = connection.tuple;
    row.incarnation = connection.incarnation;
    const auto identity = identity_of(row, connection.netns, shown_by.incarnation_is_unique);
    if (!table.contains(identity)) {
      parts_->lifecycle.resume(identity, connection, seen);
    }
  }
  parts_->trace.set_resumed(alive.ended_ns);
  for (const auto kind : kTableKinds) {
    parts_->polls.add(table.scope(shown_by.netns, kind), alive, true);
  }
}

std::vector<Connection> Tracker::connections() const {
  const auto& table = parts_->table;
  std::vector<Connection> all;
  all.reserve(table.size());
  table.for_each([&](Index index) {
    if (table[index].reported) {
      all.push_back(table[index].connection);
    }
  });
  return all;
}

void Tracker::expect_notices(std::uint64_t netns, TableSet tables, std::int64_t delay_ns) {
  parts_->expected_notices.expect(netns, tables, delay_ns);
}

void Tracker::begin_trace() {
  parts_->transitions.begin();
}

void Tracker::end_trace() {
  parts_->transitions.end();
}

void Tracker::apply(const Snapshot& snapshot) {
  parts_->snapshots.apply(snapshot);
}

void Tracker::apply(const Notice& notice) {
  parts_->notices.apply(notice);
}

void Tracker::apply(const Transition& transition) {
  parts_->transitions.apply(transition);
}

void Tracker::apply(const LastCloser& closer) {
  parts_->transitions.apply(closer);
}

void Tracker::apply(const UdpSocketCreated& created) {
  parts_->transitions.apply(created);
  parts_->users.apply(created);
}

void Tracker::apply(const SocketUser& user) {
  parts_->transitions.apply(user);
  parts_->users.apply(user);
}

void Tracker::apply(const UdpFlow& flow) {
  parts_->udp_flows.apply(flow);
}

void Tracker::apply(const UdpFlowsRead& read) {
  parts_->udp_flows.apply(read);
}

void Tracker::apply(const DnsMessage& message) {
  if (auto lookup = parts_->lookups.apply(message)) {
    parts_->names.apply(*lookup, message.addresses);
    parts_->ended_lookups.push_back(std::move(*lookup));
  }
}

void Tracker::lose_dns_messages(const Span& within) {
  parts_->names.lose_answers(within);
}

void Tracker::set_hosts(std::uint64_t netns, const std::vector<HostsEntry>& entries) {
  parts_->names.set_hosts(netns, entries);
}

std::vector<Lookup> Tracker::take_lookups() {
  return std::exchange(parts_->ended_lookups, {});
}

std::optional<OpenQuestions> Tracker::open_questions() const {
  return parts_->lookups.open();
}

std::int64_t Tracker::take_forgotten_questions() {
  return parts_->lookups.take_forgotten();
}

void Tracker::set_udp_timeout(std::int64_t timeout_ns) {
  parts_->udp_flows.set_timeout(timeout_ns);
}

std::int64_t Tracker::take_summed_datagrams() {
  return parts_->udp_flows.take_summed();
}

void Tracker::expire(std::int64_t now_ns) {
  parts_->udp_flows.expire(now_ns);
  for (auto& lookup : parts_->lookups.expire(now_ns)) {
    parts_->ended_lookups.push_back(std::move(lookup));
  }
  auto& table = parts_->table;
  std::vector<bool> is_unread(table.scopes());
  bool any = false;
  for (ScopeIndex scope = 0; scope < table.scopes(); ++scope) {
    is_unread[scope] = parts_->polls.is_unread_since(scope, now_ns - kTimeWaitNs);
    any = any || is_unread[scope];
  }
  if (!any) {
    return;
  }
  table.for_each([&](Index index) {
    const auto& entry = table[index];
    if (table.phase(index) != Phase::active && is_unread[table.scope_of(index)] &&
        entry.seen.ended_ns < now_ns - kTimeWaitNs) {
      parts_->lifecycle.close(index, entry.left.value_or(between(entry.seen.began_ns, now_ns)));
    }
  });
}

std::optional<std::int64_t> Tracker::searched_since_ns(std::uint64_t key) const {
  return parts_->owners.requested_since_ns(key);
}

void Tracker::resolve(std::uint64_t key, const ProcessId& holder, const Moment& at) {
  parts_->owners.owner_found(key, holder, at);
}

void Tracker::owner_not_found(std::uint64_t key, UnknownOwner why) {
  parts_->owners.owner_not_found(key, why);
}

void Tracker::note_clock_set_back(const ClockSetBack& set_back) {
  parts_->owners.note_clock_set_back(set_back);
}

void Tracker::note_image(const ProcessId& process) {
  parts_->owners.note_image(process);
}

void Tracker::end_process(const ProcessId& process) {
  parts_->owners.end_process(process);
}

void Tracker::begin_namespace(std::uint64_t netns, std::int64_t at_ns) {
  parts_->udp_flows.begin_namespace(netns);
  for (const auto kind : kTableKinds) {
    parts_->polls.add(parts_->table.scope(netns, kind), Span{at_ns, at_ns}, true);
  }
}

void Tracker::end_namespace(std::uint64_t netns, const Moment& at) {
  auto& table = parts_->table;
  table.for_each([&](Index index) {
    const auto& entry = table[index];
    // A traced socket goes on without a process that holds it, and its end is traced.
    const bool end_is_traced = entry.traced_ns != 0 && table.phase(index) == Phase::active;
    if (table.kind_of(table.scope_of(index)) == TableKind::udp_flows) {
      return;  // more of them may be reported
    }
    if (entry.connection.netns == netns && !end_is_traced) {
      parts_->lifecycle.close(index, entry.left.value_or(between(entry.seen.began_ns, at.at_ns)));
    }
  });
  for (ScopeIndex scope = 0; scope < table.scopes(); ++scope) {
    if (table.netns_of(scope) == netns) {
      parts_->polls.forget(scope);
    }
  }
  parts_->udp_flows.end_namespace(netns);
  parts_->expected_notices.forget(netns);
}

void Tracker::take_events(const std::function<void(ConnectionEvents)>& take) {
  parts_->names.name_opened();
  parts_->changes.take_events(take);
}

std::vector<Connection> Tracker::take_refreshes() {
  return parts_->changes.take_refreshes();
}

std::vector<OwnerQuery> Tracker::owner_queries(std::size_t max_count) const {
  return parts_->owners.queries(max_count);
}

AuditMisses Tracker::take_audit_misses() {
  return parts_->trace.take_audit_misses();
}

std::vector<std::uint64_t> Tracker::take_released_sockets() {
  return parts_->owners.take_released_sockets();
}

bool Tracker::has_untraced_connections() const {
  const auto& table = parts_->table;
  bool found = false;
  table.for_each([&](Index index) {
    if (found || table.phase(index) == Phase::time_wait) {
      return;
    }
    const auto& entry = table[index];
    const auto& connection = entry.connection;
    found = entry.traced_ns == 0 && connection.tuple.protocol == Protocol::tcp &&
            connection.direction != Direction::listen && connection.state != TcpState::syn_received;
  });
  return found;
}

bool Tracker::awaits_time_wait() const {
  return parts_->polls.awaits_time_wait();
}

std::size_t Tracker::open_connections() const {
  return parts_->table.size();
}

const OpenCounts& Tracker::open_counts() const {
  return parts_->lifecycle.open_counts();
}

std::size_t Tracker::time_wait_connections() const {
  std::size_t total = 0;
  for (ScopeIndex scope = 0; scope < parts_->table.scopes(); ++scope) {
    total += parts_->table.members(scope).time_wait;
  }
  return total;
}

bool Tracker::shrink() {
  if (!parts_->table.shrink()) {
    return false;
  }
  parts_->aliases.shrink();
  parts_->trace.shrink();
  parts_->lifecycle.shrink();
  parts_->changes.shrink();
  return true;
}

std::size_t Tracker::kept_places() const {
  return parts_->table.kept();
}

std::string Tracker::broken_invariant() const {
  for (auto broken : {parts_->table.broken_invariant(),
                      parts_->changes.broken_invariant(),
                      parts_->owners.broken_invariant(),
                      parts_->lifecycle.broken_invariant()}) {
    if (!broken.empty()) {
      return broken;
    }
  }
  return {};
}

}  // namespace netlog::track
