// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog {

/// The tables of the kernel. A connection that is missing from its table has ended. Flows of UDP
/// sockets that are not connected are in no table.
enum class TableKind : std::uint8_t { tcp4 = 0, tcp6 = 1, udp4 = 2, udp6 = 3, udp_flows = 4 };

/// A set of TableKind, one bit each: the legacy TCPDIAG request reads IPv4 and IPv6 in one walk.
using TableSet = std::uint8_t;
constexpr TableSet table_bit(TableKind kind) {
  return static_cast<TableSet>(1U << static_cast<unsigned>(kind));
}
constexpr TableSet kAllTables = 0x0F;

constexpr TableKind table_of(const FiveTuple& tuple) {
  const bool ipv6 = tuple.local.address.family == Family::ipv6;
  if (tuple.protocol == Protocol::tcp) {
    return ipv6 ? TableKind::tcp6 : TableKind::tcp4;
  }
  return ipv6 ? TableKind::udp6 : TableKind::udp4;
}

/// How far the two directions of a TCP connection had got when it ended. A SYN and a FIN count as
/// a byte each, as in sequence numbers. Source: struct tcp_info and inet_diag_msg.
struct Delivery {
  std::uint64_t acked = 0;     ///< of ours, acknowledged; the SYN only where we opened
  std::uint64_t received = 0;  ///< in order
  std::uint32_t unacked = 0;   ///< of ours, not acknowledged or not sent yet (idiag_wqueue)
  std::uint32_t data_segments_in = 0;
  std::uint8_t timeouts = 0;         ///< of the retransmission timer in a row, without an answer
  std::uint8_t probes = 0;           ///< keepalive or window probes in a row, without an answer
  std::uint32_t since_sent_ms = 0;   ///< since data was last sent, or since the handshake
  std::uint32_t since_acked_ms = 0;  ///< since the peer's last ACK; meaningless before the first
  std::uint32_t unread = 0;          ///< received and not read by the process (idiag_rqueue)

  bool operator==(const Delivery&) const = default;
};

/// One row of a table.
struct SocketRow {
  FiveTuple tuple;
  std::uint64_t incarnation =
      0;  ///< sock_diag cookie, Windows create timestamp; 0: the source has none
  std::optional<TcpState> state;
  /// Leads to the process that holds it: the inode (Linux), or the pid that the table names
  /// (Windows). 0: nobody holds it.
  std::uint64_t holder_key = 0;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint64_t> cgroup_id;
  std::uint64_t module = 0;     ///< Windows: the tag of a service within its process; 0: none
  bool is_port_chosen = false;  ///< Windows, UDP: the system chose the port, as for a client
  std::optional<Offload> offload;
  std::optional<Metrics> metrics;
  std::optional<Delivery> delivery;
  /// It was active while the table was read: its state and its counters may be of different
  /// moments.
  bool is_active = false;

  bool operator==(const SocketRow&) const = default;
};

/// The time in which a source was read, boot-clock ns: what it returned was true at some moment in
/// [began, ended].
struct Span {
  std::int64_t began_ns = 0;
  std::int64_t ended_ns = 0;

  bool operator==(const Span&) const = default;
};

/// What the holder keys of a table's rows are.
enum class HolderKeys : std::uint8_t {
  none,    ///< the table has no owners
  inodes,  ///< the process that holds a socket can change
  pids,    ///< the process that made it; the row keeps the pid after its end
};

/// One or more tables of one network namespace, read whole. Rows in the kernel's order, not sorted;
/// a tuple can occur twice with different incarnations (SO_REUSEPORT, reuse while the dump ran).
struct Snapshot {
  std::uint64_t netns = 0;
  TableSet tables = 0;
  bool covers_time_wait =
      true;  ///< false: TIME_WAIT rows were not requested, so their absence proves nothing
  bool incarnation_is_unique =
      false;  ///< the incarnation alone identifies a socket (sock_diag cookie)
  HolderKeys keys = HolderKeys::inodes;
  /// What the incarnations, as UTC ns, are ahead of the boot clock at the most; absent: they are no
  /// timestamps, or the clock was set since the tables were read before.
  std::optional<std::int64_t> created_offset_ns;
  Span taken;
  std::vector<SocketRow> rows;
};

/// The end of one socket, from a destroy notice (SOCK_DIAG destroy multicast). `row.state` has no
/// meaning.
struct Notice {
  std::uint64_t netns = 0;
  Moment at;
  SocketRow row;
};

/// Why a socket was closed, by the error that it was left with (errno in sk_err).
enum class EndCause : std::uint8_t {
  none,         ///< no error: its own process or the protocol ended it
  reset,        ///< the peer's RST, ECONNRESET or EPIPE
  refused,      ///< ECONNREFUSED
  timed_out,    ///< ETIMEDOUT
  aborted,      ///< ECONNABORTED: ended from outside, by ss -K
  unreachable,  ///< an ICMP message or the routing table: no way to the peer, or none that is
                ///< allowed
  other,        ///< another one
};

/// One TCP state change, reported by the kernel as it happened (BPF). `row.state` is the new state.
/// There is no holder key.
struct Transition {
  std::uint64_t netns = 0;
  std::int64_t at_ns = 0;
  SocketRow row;
  TcpState old_state = TcpState::closed;
  Direction direction = Direction::unknown;  ///< unknown for sockets older than the tracing
  std::optional<std::int64_t> begun_ns;      ///< when this use of the socket began
  bool fin_received = false;
  bool orphan = false;                 ///< no process holds it any more
  EndCause cause = EndCause::none;     ///< meaningful where the new state is CLOSED
  std::optional<std::uint16_t> error;  ///< the errno behind it
  std::optional<Caller> caller;  ///< who uses the socket; absent: a packet or a timer caused it
  bool of_kernel = false;        ///< the kernel opened the socket for itself

  bool operator==(const Transition&) const = default;
};

/// The process that let go of a socket last, which nobody was seen to use. It may have inherited
/// it.
struct LastCloser {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;
  std::int64_t at_ns = 0;
  Caller caller;
  /// The process was about to execute a program, and so was still its parent.
  std::optional<ProcessId> parent;

  bool operator==(const LastCloser&) const = default;
};

/// A process uses a socket: it sends or receives with it.
struct SocketUser {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;
  std::int64_t at_ns = 0;
  Caller caller;

  bool operator==(const SocketUser&) const = default;
};

/// A UDP socket was created. It is in no table until it is bound.
struct UdpSocketCreated {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;
  std::int64_t at_ns = 0;
  std::optional<Caller> caller;

  bool operator==(const UdpSocketCreated&) const = default;
};

/// What a UDP socket has exchanged with one peer since it was last reported.
struct UdpFlow {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;  ///< of the socket: its cookie
  std::int64_t first_ns = 0;      ///< of the first datagram, boot-clock ns
  std::int64_t last_ns = 0;
  FiveTuple tuple;  ///< the local address is that of the datagrams, also where they are multicast
  std::uint32_t uid = 0;
  bool sent_first = false;    ///< the first datagram is ours
  bool is_connected = false;  ///< the socket is connected to this peer
  bool is_rest = false;  ///< of all peers for which there was no room; the tuple is one of them
  std::uint64_t bytes_sent = 0;  ///< payload
  std::uint64_t bytes_received = 0;
  std::uint64_t datagrams_sent = 0;
  std::uint64_t datagrams_received = 0;

  bool operator==(const UdpFlow&) const = default;
};

/// All that UDP sockets have exchanged before this time has been reported, boot-clock ns.
struct UdpFlowsRead {
  std::int64_t until_ns = 0;

  bool operator==(const UdpFlowsRead&) const = default;
};

}  // namespace netlog
