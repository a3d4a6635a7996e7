// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/lookup.hpp"
#include "model/process.hpp"
#include "model/tcp_state.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netlog {

/// IANA protocol numbers.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };

/// RFC 9293 §3.3.1: what identifies a connection at one moment, by our own side.
struct FiveTuple {
  Protocol protocol = Protocol::tcp;
  Endpoint local;
  Endpoint remote;  ///< all zero for listeners, unconnected UDP sockets and where it is unknown

  auto operator<=>(const FiveTuple&) const = default;
};

/// Who started it. The codes are stored; never renumber.
enum class Direction : std::uint8_t { unknown = 0, outbound = 1, inbound = 2, listen = 3 };

/// TCP_CONNECTION_OFFLOAD_STATE (learn.microsoft.com, tcpmib.h), same numbers.
enum class Offload : std::uint8_t { in_host = 0, offloading = 1, offloaded = 2, uploading = 3 };

/// How a connection ended. The codes are stored; never renumber. docs/outcomes.md says which
/// evidence leads to which word.
enum class Outcome : std::uint8_t {
  open = 0,
  closed = 1,
  refused = 2,
  timed_out = 3,
  reset = 4,
  aborted = 5,
  unknown = 6,
  unreachable = 7
};

/// Why an outcome is unknown, or who gave up a connect. The codes are stored; never renumber.
enum class UnknownOutcome : std::uint8_t {
  not_noticed = 0,      ///< no notice of the end: the tables only lack it
  peer_end_unseen = 1,  ///< our FIN was acknowledged; whether a FIN or a RST came back was not seen
  unanswered = 2,       ///< one SYN without an answer: closed, or an ICMP error
  retransmitting = 3,   ///< ended while the peer did not acknowledge: a timeout or a late RST
  caller_gave_up = 4,   ///< timed_out or aborted: the process closed an unanswered connect
  kernel_gave_up = 5    ///< timed_out: all SYNs of a connect were sent
};

/// Sources that have reported a connection; a set of bits. The codes are stored; never renumber.
enum class SeenBy : std::uint8_t { none = 0, snapshot = 1, notice = 2, trace = 4 };
constexpr SeenBy operator|(SeenBy a, SeenBy b) {
  return static_cast<SeenBy>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}

std::string_view name(Protocol protocol);
std::string_view name(Family family);
std::string_view name(Direction direction);
std::string_view name(Offload offload);
std::string_view name(Outcome outcome);
std::string_view name(UnknownOutcome why);
/// Joined by `+`: `snapshot+notice`. Empty for none.
std::string name(SeenBy sources);

/// What the kernel counts for one connection. Absent: not read.
struct Metrics {
  std::optional<std::uint64_t> bytes_sent;      ///< payload bytes sent, each counted once
  std::optional<std::uint64_t> bytes_received;  ///< payload bytes received, of TCP in order
  std::optional<std::uint32_t> retransmits;     ///< segments retransmitted over the whole life
  std::optional<std::uint32_t> rtt_us;          ///< smoothed round-trip time, microseconds
  std::optional<std::uint32_t> segments_out;
  std::optional<std::uint32_t> segments_in;
  /// For how long the peer has left what was sent unanswered, while a timer has run out; absent: it
  /// answers.
  std::optional<std::uint32_t> unanswered_ms = std::nullopt;
  std::optional<std::uint64_t> datagrams_sent = std::nullopt;  ///< UDP only
  std::optional<std::uint64_t> datagrams_received = std::nullopt;

  bool operator==(const Metrics&) const = default;
};

/// A moment known up to a bound: it lies in (at - error, at]; error 0 is exact. Times of the model
/// are boot-clock ns below record/ and UTC ns in the store.
struct Moment {
  std::int64_t at_ns = 0;
  std::int64_t error_ns = 0;

  bool operator==(const Moment&) const = default;
};

/// The number of a connection within one session, from 1, in the order of the first reports.
using ConnectionId = std::int64_t;

/// One incarnation of a five-tuple in one network namespace, as far as it is known.
struct Connection {
  ConnectionId id = 0;
  std::uint64_t netns = 0;  ///< inode number of the network namespace; 0 where there are none
  FiveTuple tuple;
  Direction direction = Direction::unknown;
  std::optional<TcpState> state;  ///< none for UDP
  std::optional<Offload> offload;
  Owner owner;
  std::optional<std::uint32_t> uid;
  std::uint64_t module = 0;  ///< Windows: identifies a service within its process; 0: unknown
  /// The socket's own identity: the sock_diag cookie (Linux), the row's create timestamp (Windows).
  /// 0: the source has none.
  std::uint64_t incarnation = 0;
  std::optional<Moment> opened;  ///< absent: it was there before the recorder
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;
  std::optional<Moment> closed;  ///< entry into TIME_WAIT or disappearance, whichever came first
  bool gone = false;             ///< the kernel has forgotten it, also its TIME_WAIT
  Outcome outcome = Outcome::open;
  std::optional<UnknownOutcome> outcome_why;  ///< absent: the outcome says all
  std::optional<std::uint16_t> error;         ///< errno that the kernel left with the socket
  std::optional<std::uint32_t> syns;          ///< SYNs that a failed connect sent
  Metrics metrics;
  SeenBy seen_by = SeenBy::none;
  std::string remote_name;  ///< of the remote address, as in Lookup; empty: not known
  NameSource name_source = NameSource::none;
  /// Of one that was there before the recorder: how old it was at most when it was first seen.
  /// Absent: not known.
  std::optional<std::int64_t> max_age_ns;

  bool operator==(const Connection&) const = default;
};

}  // namespace netlog
