// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace netlog::capture {

/// What a raw record holds. The codes are part of the capture format (docs/capture-format.md);
/// never renumber.
enum class RecordKind : std::uint16_t {
  session =
      1,     ///< `key=value` lines: host, os, kernel, boot_id, utc_offset_s, interval_ns, sources
  tick = 2,  ///< opens a tick; `a` = index, `b` = ticks skipped before it, `c` = lateness in ns
  sock_diag = 3,       ///< a dump, or its last part: netlink messages as received, NLMSG_DONE
                       ///< included. `a` = TableSet, `b` = DumpDepth bits, `c` = parts before it
  procfs_tcp = 4,      ///< text of /proc/net/tcp
  procfs_tcp6 = 5,     ///< text of /proc/net/tcp6
  procfs_udp = 6,      ///< text of /proc/net/udp
  procfs_udp6 = 7,     ///< text of /proc/net/udp6
  table_failed = 8,    ///< text: why a table could not be read whole. `a` = TableSet, `b` = the
                       ///< RecordKind that was to come of it
  snmp = 9,            ///< text of /proc/net/snmp
  snmp6 = 10,          ///< text of /proc/net/snmp6
  holders = 11,        ///< lines `key pid`: who holds a socket, as asked. A line `key -` ends the
                       ///< search, with a reason word
  process = 12,        ///< a process as read: base/sections.hpp. `a` = pid
  process_ended = 13,  ///< `a` = pid, `b` = start time; noticed within [began, ended]
  notices = 14,  ///< netlink messages of the destroy multicast, as received. Arrived within [began,
                 ///< ended]. `a` = TableSet of those whose ends are announced, 0: all
  notices_lost = 15,  ///< `a` = how many the kernel dropped, -1 unknown
  clock_step = 16,    ///< `a` = ns by which UTC moved against the boot clock, forwards or backwards
  namespace_gone = 17,   ///< a network namespace has no process any more
  tick_end = 18,         ///< closes a tick
  namespace_found = 19,  ///< a network namespace has got its first process within [began, ended]
  stalled = 20,          ///< nothing was asked for `a` ns, because the writer had not caught up
  trace = 21,            ///< events of our BPF programs (docs/capture-format.md), told within
                         ///< [began, ended]. `a` = what to add to the boot clock for UTC, ns
  trace_lost = 22,       ///< `a` = how many events found no room within [began, ended]
  trace_ended = 23,      ///< text: why nothing is traced from here on
  mib_tables = 24,       ///< a table of the IP Helper API and, where it was asked for, the one with
                         ///< offload states: MibTable sections (base/sections.hpp). `a` = TableSet
  mib_statistics = 25,   ///< the kernel's counters as of the IP Helper API: MibStatistics sections
  mib_modules = 26,      ///< services behind rows of the table that follows: ModuleSection sections
  interval = 27,         ///< `a` = ns between two ticks from here on; more than the session's while
                         ///< ticks are dear
  sock_diag_part = 28,   ///< messages of a dump that goes on, `a`, `b` and `c` as of sock_diag. One
                         ///< without parts before it begins a dump, the parts of an earlier one
                         ///< that did not end are nothing
};

/// Bits of RawRecord::b for sock_diag.
enum DumpDepth : std::uint32_t {
  kWithTimeWait = 1U << 0U,  ///< TIME_WAIT rows were asked for
  kWithInfo = 1U << 1U,      ///< tcp_info and ULP were asked for
};

/// One thing that a source said, with the time in which it was asked. Everything above the platform
/// is a function of a sequence of these; a capture file is that sequence.
struct RawRecord {
  RecordKind kind = RecordKind::tick;
  std::uint64_t netns = 0;
  Span asked;  ///< UTC ns
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::int64_t c = 0;
  std::vector<std::byte> payload;

  bool operator==(const RawRecord&) const = default;
};

/// Takes what a source says. Records arrive in the order in which the source learned them.
class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;
  virtual void consume(const RawRecord& record) = 0;
};

}  // namespace netlog::capture
