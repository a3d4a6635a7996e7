// SPDX-License-Identifier: MIT
#include "track/udp_flow_tracker.hpp"

#include "track/time_bounds.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

Identity flow_of(const Identity& socket, const FiveTuple& tuple) {
  return {socket.netns, socket.incarnation, tuple};
}

SocketRow row_of(const UdpFlow& flow) {
  SocketRow row;
  row.tuple = flow.tuple;
  row.incarnation = flow.incarnation;
  row.uid = flow.uid;
  return row;
}

}  // namespace

bool UdpFlowTracker::resume(const Connection& connection, const Span& seen) {
  // Tables show connected sockets.
  const bool is_flow = connection.tuple.protocol == Protocol::udp &&
                       connection.tuple.remote.port != 0 && connection.seen_by == SeenBy::trace;
  if (!is_flow) {
    return false;
  }
  const auto socket = socket_of(connection.netns, connection.incarnation);
  const auto identity = flow_of(socket, connection.tuple);
  if (!table_.contains(identity)) {
    lifecycle_.resume_flow(identity, connection, seen);
    auto& known = sockets_[socket];
    known.flows.push_back(connection.tuple);
    known.last_ns = std::max(known.last_ns, connection.last_seen_ns);
    ++flows_;
  }
  return true;
}

void UdpFlowTracker::apply(const UdpFlow& flow) {
  const auto socket = socket_of(flow.netns, flow.incarnation);
  if (flow.is_rest) {
    return add_rest(flow, socket);
  }
  if (flow.is_connected) {
    if (const auto index = connected_socket(flow, socket)) {
      return lifecycle_.see_datagrams(*index, flow);
    }
  }
  if (const auto known = table_.find(flow_of(socket, flow.tuple))) {
    if (flow.first_ns - table_[*known].connection.last_seen_ns <= timeout_ns_) {
      sockets_[socket].last_ns = std::max(sockets_[socket].last_ns, flow.last_ns);
      return lifecycle_.see_datagrams(*known, flow);
    }
    close(*known);
    --flows_;
    std::erase(sockets_[socket].flows, flow.tuple);
  }
  open_flow(flow, socket);
}

/// The connection of a socket that is connected to the flow's peer. Absent: tables have shown the
/// socket before it was connected.
std::optional<Index> UdpFlowTracker::connected_socket(const UdpFlow& flow, const Identity& socket) {
  const auto found = table_.find(socket);
  if (!found) {
    return open_socket(flow, socket);
  }
  const auto& connection = table_[*found].connection;
  if (connection.tuple.remote != flow.tuple.remote) {
    return std::nullopt;
  }
  if (connection.opened && !connection.metrics.datagrams_sent) {
    lifecycle_.set_direction(*found, flow.sent_first ? Direction::outbound : Direction::inbound);
  }
  return found;
}

Index UdpFlowTracker::open_socket(const UdpFlow& flow, const Identity& identity) {
  const auto created = trace_.take_created(identity);
  const auto& before = polls_.last(table_.scope(flow.netns, table_of(flow.tuple)));
  Opening opening;
  opening.seen_by = SeenBy::trace;
  opening.seen = {flow.first_ns, flow.first_ns};
  opening.opened = Moment{flow.first_ns, 0};
  if (created) {
    opening.opened = between(created->at_ns, flow.first_ns);
  } else if (before) {
    opening.opened = between(before->began_ns, flow.first_ns);
  }
  opening.reported = *opening.opened;
  opening.first_seen_ns = flow.first_ns;
  opening.last_seen_ns = flow.first_ns;
  opening.direction = flow.sent_first ? Direction::outbound : Direction::inbound;
  opening.is_direction_known = true;
  opening.alive_after_ns = flow.first_ns;
  opening.owner = trace_.take_owner(identity, created);
  unshown_.push_back(identity);
  return lifecycle_.open(identity, row_of(flow), opening);
}

void UdpFlowTracker::open_flow(const UdpFlow& flow, const Identity& socket) {
  const auto known = sockets_.find(socket);
  const bool is_full = flows_ >= kMaxFlows ||
                       (known != sockets_.end() && known->second.flows.size() >= kMaxOfSocket);
  if (is_full) {
    return add_rest(flow, socket);
  }
  Opening opening;
  opening.seen_by = SeenBy::trace;
  opening.seen = {flow.first_ns, flow.first_ns};
  opening.opened = Moment{flow.first_ns, 0};
  opening.reported = *opening.opened;
  opening.first_seen_ns = flow.first_ns;
  opening.last_seen_ns = flow.first_ns;
  opening.direction = direction_of(flow, socket);
  opening.is_direction_known = true;
  opening.alive_after_ns = flow.first_ns;
  opening.owner = users_.find(socket);
  opening.is_flow = true;
  const auto index = lifecycle_.open(flow_of(socket, flow.tuple), row_of(flow), opening);
  table_[index].evidence.noticed = true;  // no notice will come
  lifecycle_.see_datagrams(index, flow);
  auto& of_socket = sockets_[socket];
  of_socket.flows.push_back(flow.tuple);
  of_socket.last_ns = std::max(of_socket.last_ns, flow.last_ns);
  ++flows_;
}

/// Of a socket that is older than the recorder, the first datagram that was counted need not be the
/// first one.
Direction UdpFlowTracker::direction_of(const UdpFlow& flow, const Identity& socket) const {
  const auto index = table_.find(socket);
  const bool is_older = index && !table_[*index].connection.opened;
  const auto since_ns = began_ns_.value_or(flow.first_ns);
  if (is_older && flow.first_ns - since_ns < timeout_ns_) {
    return Direction::unknown;
  }
  return flow.sent_first ? Direction::outbound : Direction::inbound;
}

void UdpFlowTracker::add_rest(const UdpFlow& flow, const Identity& socket) {
  summed_ += static_cast<std::int64_t>(flow.datagrams_sent + flow.datagrams_received);
  if (const auto index = table_.find(socket)) {
    lifecycle_.see_datagrams(*index, flow);
  }
}

void UdpFlowTracker::apply(const UdpFlowsRead& read) {
  if (!began_ns_) {
    began_ns_ = read.until_ns;
  }
  boost::unordered::erase_if(ended_namespaces_,
                             [](auto& ended) { return ++ended.second > 2 * kReadsAfterEnd; });
  for (auto next = sockets_.begin(); next != sockets_.end();) {
    const auto entry = next++;
    auto& [identity, socket] = *entry;
    const auto owner = users_.find(identity);
    const bool is_over = has_ended(identity, socket);
    for (const auto& tuple : socket.flows) {
      const auto index = table_.find(flow_of(identity, tuple));
      if (!index) {
        continue;
      }
      const auto& known = table_[*index].connection;
      if (owner && known.owner.source != OwnerSource::exact && known.owner != *owner) {
        owners_.set_socket_owner(*index, *owner, Moment{known.last_seen_ns, 0});
      }
      if (is_over) {
        close(*index);
      }
    }
    if (is_over) {
      flows_ -= socket.flows.size();
      users_.forget(identity);
      sockets_.erase(entry);
    }
  }
}

/// A read of flows begins before the table that lacks the socket may have been read. The next one
/// has all that the socket has exchanged.
bool UdpFlowTracker::has_ended(const Identity& identity, Socket& socket) const {
  if (table_.contains(identity)) {
    socket.reads_without = 0;
    return false;
  }
  const bool is_shown = std::any_of(kTableKinds.begin(), kTableKinds.end(), [&](TableKind table) {
    const auto scope = table_.find_scope(identity.netns, table);
    const auto& last = scope ? polls_.last(*scope) : std::nullopt;
    return last && last->began_ns > socket.last_ns;
  });
  if (is_shown || ended_namespaces_.contains(identity.netns)) {
    ++socket.reads_without;
  }
  return socket.reads_without >= kReadsAfterEnd;
}

bool UdpFlowTracker::is_silent(Index index, std::int64_t now_ns) const {
  return table_[index].connection.last_seen_ns < now_ns - timeout_ns_ - kReportDelayNs;
}

void UdpFlowTracker::expire(std::int64_t now_ns) {
  std::erase_if(unshown_, [&](const Identity& identity) {
    const auto index = table_.find(identity);
    if (!index || table_[*index].connection.seen_by != SeenBy::trace) {
      return true;
    }
    const bool is_over = is_silent(*index, now_ns);
    if (is_over) {
      close(*index);
    }
    return is_over;
  });
  for (auto next = sockets_.begin(); next != sockets_.end();) {
    const auto entry = next++;
    const auto& identity = entry->first;
    auto& socket = entry->second;
    const auto before = socket.flows.size();
    std::erase_if(socket.flows, [&](const FiveTuple& tuple) {
      const auto index = table_.find(flow_of(identity, tuple));
      const bool is_over = index && is_silent(*index, now_ns);
      if (is_over) {
        close(*index);
      }
      return is_over || !index;
    });
    flows_ -= before - socket.flows.size();
    if (socket.flows.empty()) {
      sockets_.erase(entry);
    }
  }
}

std::int64_t UdpFlowTracker::take_summed() {
  return std::exchange(summed_, 0);
}

/// A flow ends with its last datagram.
void UdpFlowTracker::close(Index index) {
  lifecycle_.close(index, Moment{table_[index].connection.last_seen_ns, 0});
}

}  // namespace netlog::track
