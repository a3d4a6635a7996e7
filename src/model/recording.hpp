// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/process.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog {

/// One run of a recorder: the host, and how it records.
struct Session {
  std::string host;
  std::string os;
  std::string kernel;
  std::string netlog_version;
  std::optional<std::string> boot_id;
  std::int32_t utc_offset_s = 0;
  std::int64_t interval_ns = 0;
  std::string sources;  ///< joined by `+`: `sock_diag+procfs`
  std::int64_t started_ns = 0;
};

/// A time in which something may have been missed, and why.
struct Gap {
  std::optional<std::uint64_t> netns;  ///< absent: all of them
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::string source;  ///< `tick`, `sock_diag`, `procfs`, `notices`, `writer`, `recorder`, …
  std::string reason;  ///< a short fixed phrase: `skipped ticks`, `unreadable`, …
  std::optional<std::int64_t> lost;  ///< how many of what the reason counts; absent: unknown
  std::optional<std::string> detail;

  bool operator==(const Gap&) const = default;
};

/// What the kernel's TCP is set to, MIB names (RFC 4022). Absent: not offered, or left out because
/// it hardly ever changes.
struct TcpParameters {
  std::optional<std::int64_t> rto_algorithm;  ///< 1 other, 2 constant, 3 RSRE, 4 Van Jacobson's
  std::optional<std::int64_t> rto_min_ms;
  std::optional<std::int64_t> rto_max_ms;
  std::optional<std::int64_t> max_conn;  ///< -1: there is no fixed limit

  bool operator==(const TcpParameters&) const = default;
};

/// The kernel's own counters of one namespace at one moment, MIB names (RFC 4022 tcp, RFC 4113
/// udp). Absent: not offered.
struct Counters {
  std::uint64_t netns = 0;
  std::int64_t at_ns = 0;
  std::optional<std::int64_t> active_opens;
  std::optional<std::int64_t> passive_opens;
  std::optional<std::int64_t> attempt_fails;
  std::optional<std::int64_t> estab_resets;
  std::optional<std::int64_t> curr_estab;
  std::optional<std::int64_t> in_segs;
  std::optional<std::int64_t> out_segs;
  std::optional<std::int64_t> retrans_segs;
  std::optional<std::int64_t> in_errs;
  std::optional<std::int64_t> out_rsts;
  std::optional<std::int64_t> in_datagrams;  ///< UDP over IPv4 and IPv6 together, as the MIB has it
  std::optional<std::int64_t> no_ports;
  std::optional<std::int64_t> in_errors;
  std::optional<std::int64_t> out_datagrams;
  std::optional<std::int64_t> num_conns;      ///< Windows: connections in the system
  std::optional<std::int64_t> num_addrs;      ///< Windows: entries of the UDP table
  std::optional<std::int64_t> bound_sockets;  ///< Windows: TCP, neither listening nor connected
  TcpParameters parameters;

  bool operator==(const Counters&) const = default;
};

/// The kernel's count of opened connections in one interval, and how many of them were recorded.
struct Coverage {
  std::uint64_t netns = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::int64_t kernel_opens = 0;                ///< growth of ActiveOpens + PassiveOpens
  std::int64_t recorded_opens = 0;              ///< connections recorded as opened in the interval
  std::optional<std::int64_t> kernel_failures;  ///< growth of AttemptFails; absent: not offered
  std::int64_t recorded_failures = 0;           ///< connections recorded as refused or timed_out

  bool operator==(const Coverage&) const = default;
};

/// A service that shares its process with others, by the tag of its sockets (Windows).
struct ServiceName {
  std::uint32_t pid = 0;
  std::uint64_t tag = 0;
  std::string name;
  std::optional<std::string> caption;  ///< the name that people see

  bool operator==(const ServiceName&) const = default;
};

/// The wall clock was set, forwards or (negative) backwards. What follows is stamped by the new
/// one; what came before keeps its stamps.
struct ClockStep {
  std::int64_t at_ns = 0;  ///< by the new one
  std::int64_t step_ns = 0;

  bool operator==(const ClockStep&) const = default;
};

/// The recorder was alive at this moment; open connections were still seen.
struct Heartbeat {
  std::int64_t at_ns = 0;
  std::int64_t ticks = 0;
  std::int64_t late_ticks = 0;
  std::int64_t skipped_ticks = 0;
};

}  // namespace netlog
