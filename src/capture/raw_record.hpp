// SPDX-License-Identifier: MIT
#pragma once

#include "model/process.hpp"
#include "model/snapshot.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace netlog::capture {

/// What a raw record holds. The codes are part of the capture format (docs/capture-format.md);
/// never renumber.
enum class RecordKind : std::uint16_t {
  session = 1,
  tick = 2,
  sock_diag = 3,
  procfs_tcp = 4,
  procfs_tcp6 = 5,
  procfs_udp = 6,
  procfs_udp6 = 7,
  table_failed = 8,
  snmp = 9,
  snmp6 = 10,
  holders = 11,
  process = 12,
  process_ended = 13,
  notices = 14,
  notices_lost = 15,
  clock_step = 16,  ///< only in captures of version 1
  namespace_gone = 17,
  tick_end = 18,
  namespace_found = 19,
  stalled = 20,
  trace = 21,
  trace_lost = 22,
  trace_ended = 23,
  mib_tables = 24,
  mib_statistics = 25,
  mib_modules = 26,
  interval = 27,
  sock_diag_part = 28,
  utc_offset = 29,
  executable_hash = 30,
  process_events = 31,
  process_events_lost = 32,
  udp_flows = 33,
  dns_messages = 34,
  hosts = 35,
};

using Bytes = std::vector<std::byte>;

/// Who records: `key=value` lines (host, os, kernel, boot_id, utc_offset_s, interval_ns, sources,
/// started_ns). The first record of a capture.
struct SessionText {
  Bytes text;
  bool operator==(const SessionText&) const = default;
};

/// Opens a tick.
struct TickBegin {
  std::int64_t index = 0;
  std::int64_t skipped = 0;      ///< ticks before this one that did not take place
  std::int64_t lateness_ns = 0;  ///< behind its deadline
  bool operator==(const TickBegin&) const = default;
};

/// Closes a tick.
struct TickEnd {
  bool operator==(const TickEnd&) const = default;
};

/// From here on ticks are this far apart: more than the session's interval while a tick takes too
/// much processor time.
struct IntervalChange {
  std::int64_t interval_ns = 0;
  bool operator==(const IntervalChange&) const = default;
};

/// The writer's queue was full: nothing was read for this long.
struct Stalled {
  std::int64_t blocked_ns = 0;
  bool operator==(const Stalled&) const = default;
};

/// From here on UTC is the boot clock plus an offset.
struct UtcOffset {
  std::int64_t offset_ns = 0;
  /// By how much UTC was set, forwards or (negative) backwards; 0: it drifted, or it is the first.
  std::int64_t step_ns = 0;
  bool operator==(const UtcOffset&) const = default;
};

/// What a sock_diag dump asks for besides the rows of open sockets.
struct DumpDepth {
  bool time_wait = false;  ///< rows in TIME_WAIT
  bool info = false;       ///< tcp_info and ULP of each row
  bool operator==(const DumpDepth&) const = default;
};

/// A sock_diag dump, or a part of one: netlink messages as received. A part numbered 0 begins a
/// dump; parts of an earlier dump that has no last part are void.
struct SockDiagDump {
  TableSet tables = 0;
  DumpDepth depth;
  std::int64_t part = 0;  ///< number of parts before this one
  bool last = true;       ///< NLMSG_DONE is in this part
  Bytes messages;
  bool operator==(const SockDiagDump&) const = default;
};

/// The text of /proc/net/tcp, tcp6, udp or udp6.
struct ProcfsTable {
  Protocol protocol = Protocol::tcp;
  Family family = Family::ipv4;
  Bytes text;
  bool operator==(const ProcfsTable&) const = default;
};

/// A table that could not be read whole.
struct TableFailed {
  TableSet tables = 0;                        ///< 0: it was not a table of sockets
  RecordKind wanted = RecordKind::sock_diag;  ///< the record that it would have been
  std::string why;                            ///< one line
  bool operator==(const TableFailed&) const = default;
};

/// The text of /proc/net/snmp.
struct Snmp {
  Bytes text;
  bool operator==(const Snmp&) const = default;
};

/// The text of /proc/net/snmp6.
struct Snmp6 {
  Bytes text;
  bool operator==(const Snmp6&) const = default;
};

/// Answers to owner queries: lines `key pid`, and `key - reason` where no process was found.
struct SocketHolders {
  Bytes text;
  bool operator==(const SocketHolders&) const = default;
};

/// A process as read: ProcessSection sections (capture/sections.hpp).
struct ProcessRead {
  std::uint32_t pid = 0;
  /// What to add to the section `started_ns` for the boot clock: 0 where it is on that clock.
  std::int64_t start_shift_ns = 0;
  Bytes sections;
  bool operator==(const ProcessRead&) const = default;
};

/// A process ended within the record's time.
struct ProcessExit {
  ProcessId id;
  /// As of wait(2); on Windows the exit code in the place of a status. Absent: unknown.
  std::optional<std::int64_t> wait_status;
  bool operator==(const ProcessExit&) const = default;
};

using Sha256 = std::array<std::byte, 32>;

/// The hash of the executable of a process. The record's time is from when the process was reported
/// to when the file was opened: of a process that has executed a program in between, it is not
/// known of which.
struct ExecutableHash {
  ProcessId process;  ///< without its image
  Sha256 sha256{};
  bool operator==(const ExecutableHash&) const = default;
};

/// Netlink messages of the process connector about processes that were reported, as received within
/// the record's time.
struct ProcessMessages {
  std::int64_t clock_shift_ns = 0;  ///< what to add to the messages' times for the boot clock
  Bytes messages;
  bool operator==(const ProcessMessages&) const = default;
};

/// The kernel dropped messages of the process connector within the record's time.
struct ProcessMessagesLost {
  std::optional<std::int64_t> count;  ///< absent: unknown
  bool operator==(const ProcessMessagesLost&) const = default;
};

/// Netlink messages of the destroy multicast, as received within the record's time.
struct DestroyNotices {
  TableSet tables = 0;  ///< those whose ends the kernel reports; 0: all
  Bytes messages;
  bool operator==(const DestroyNotices&) const = default;
};

/// The kernel dropped destroy notices within the record's time.
struct NoticesLost {
  std::optional<std::int64_t> count;  ///< absent: unknown
  bool operator==(const NoticesLost&) const = default;
};

/// A network namespace got its first process within the record's time.
struct NamespaceFound {
  bool operator==(const NamespaceFound&) const = default;
};

/// A network namespace has no process any more.
struct NamespaceGone {
  bool operator==(const NamespaceGone&) const = default;
};

/// Events of our BPF programs (docs/capture-format.md), read within the record's time.
struct TraceEvents {
  /// What to add to the events' times for the boot clock; 0 but in captures of version 1.
  std::int64_t clock_shift_ns = 0;
  Bytes events;
  bool operator==(const TraceEvents&) const = default;
};

/// Trace events that found no room in the buffer within the record's time.
struct TraceLost {
  std::int64_t count = 0;
  bool operator==(const TraceLost&) const = default;
};

/// Nothing is traced from here on.
struct TraceEnded {
  std::string why;  ///< one line
  bool operator==(const TraceEnded&) const = default;
};

/// What UDP sockets have exchanged with their peers since it was last reported
/// (docs/capture-format.md).
struct UdpFlows {
  /// All that was exchanged before this time has been reported, boot-clock ns; 0: not known. The
  /// first record with it says since when flows are counted.
  std::int64_t until_ns = 0;
  std::int64_t lost = 0;  ///< datagrams for which there was no room
  Bytes flows;
  bool operator==(const UdpFlows&) const = default;
};

/// Messages of DNS that sockets have exchanged with port 53 of a server (docs/capture-format.md).
struct DnsMessages {
  std::int64_t lost = 0;  ///< messages for which there was no room
  Bytes messages;
  bool operator==(const DnsMessages&) const = default;
};

/// The text of /etc/hosts, as it is from here on. It holds for the record's network namespace.
struct Hosts {
  Bytes text;
  bool operator==(const Hosts&) const = default;
};

/// One table of the IP Helper API and, where it was asked for, the one with offload states:
/// MibTable sections (capture/sections.hpp).
struct MibTableRead {
  TableSet tables = 0;
  Bytes sections;
  bool operator==(const MibTableRead&) const = default;
};

/// The counters of the IP Helper API: MibStatistics sections.
struct MibStatisticsRead {
  Bytes sections;
  bool operator==(const MibStatisticsRead&) const = default;
};

/// Services behind rows of the table that follows: ModuleSection sections.
struct MibModulesRead {
  Bytes sections;
  bool operator==(const MibModulesRead&) const = default;
};

using Payload = std::variant<SessionText,
                             TickBegin,
                             TickEnd,
                             IntervalChange,
                             Stalled,
                             UtcOffset,
                             SockDiagDump,
                             ProcfsTable,
                             TableFailed,
                             Snmp,
                             Snmp6,
                             SocketHolders,
                             ProcessRead,
                             ProcessExit,
                             ExecutableHash,
                             ProcessMessages,
                             ProcessMessagesLost,
                             DestroyNotices,
                             NoticesLost,
                             NamespaceFound,
                             NamespaceGone,
                             TraceEvents,
                             TraceLost,
                             TraceEnded,
                             UdpFlows,
                             DnsMessages,
                             Hosts,
                             MibTableRead,
                             MibStatisticsRead,
                             MibModulesRead>;

/// One thing that a source reported, with the time in which it was asked. Everything above the
/// sources is a function of a sequence of these; a capture file is that sequence.
struct RawRecord {
  std::uint64_t netns = 0;  ///< inode number of the network namespace; 0 where none is meant
  Span asked;               ///< boot-clock ns
  Payload payload;

  bool operator==(const RawRecord&) const = default;
};

/// Takes what a source reports. Records arrive in the order in which the source learned them.
class RecordSink {
 public:
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;
  virtual ~RecordSink() = default;
  virtual void consume(const RawRecord& record) = 0;
};

}  // namespace netlog::capture
