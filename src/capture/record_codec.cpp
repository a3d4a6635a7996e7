// SPDX-License-Identifier: MIT
#include "capture/record_codec.hpp"

#include "util/byte_reader.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace netlog::capture {
namespace {

constexpr std::int64_t kMaxWaitStatus = std::int64_t{0xFFFF'FFFF}
                                        << 8U;  // the exit codes of Windows have 32 bits

// Bits of `b` of a sock_diag dump.
constexpr std::int64_t kWithTimeWait = 1;
constexpr std::int64_t kWithInfo = 2;

std::string text_of(const Bytes& bytes) {
  return std::string{as_text(bytes)};
}

RecordKind kind_of(const ProcfsTable& table) {
  const bool ipv6 = table.family == Family::ipv6;
  if (table.protocol == Protocol::tcp) {
    return ipv6 ? RecordKind::procfs_tcp6 : RecordKind::procfs_tcp;
  }
  return ipv6 ? RecordKind::procfs_udp6 : RecordKind::procfs_udp;
}

struct Encoder {
  PayloadFields operator()(const SessionText& p) const {
    return {RecordKind::session, 0, 0, 0, p.text};
  }
  PayloadFields operator()(const TickBegin& p) const {
    return {RecordKind::tick, p.index, p.skipped, p.lateness_ns, {}};
  }
  PayloadFields operator()(const TickEnd& /*p*/) const {
    return {RecordKind::tick_end, 0, 0, 0, {}};
  }
  PayloadFields operator()(const IntervalChange& p) const {
    return {RecordKind::interval, p.interval_ns, 0, 0, {}};
  }
  PayloadFields operator()(const Stalled& p) const {
    return {RecordKind::stalled, p.blocked_ns, 0, 0, {}};
  }
  PayloadFields operator()(const UtcOffset& p) const {
    return {RecordKind::utc_offset, p.offset_ns, p.step_ns, 0, {}};
  }
  PayloadFields operator()(const SockDiagDump& p) const {
    return {p.last ? RecordKind::sock_diag : RecordKind::sock_diag_part,
            p.tables,
            (p.depth.time_wait ? kWithTimeWait : 0) | (p.depth.info ? kWithInfo : 0),
            p.part,
            p.messages};
  }
  PayloadFields operator()(const ProcfsTable& p) const { return {kind_of(p), 0, 0, 0, p.text}; }
  PayloadFields operator()(const TableFailed& p) const {
    return {RecordKind::table_failed,
            p.tables,
            static_cast<std::int64_t>(p.wanted),
            0,
            as_bytes(p.why)};
  }
  PayloadFields operator()(const Snmp& p) const { return {RecordKind::snmp, 0, 0, 0, p.text}; }
  PayloadFields operator()(const Snmp6& p) const { return {RecordKind::snmp6, 0, 0, 0, p.text}; }
  PayloadFields operator()(const SocketHolders& p) const {
    return {RecordKind::holders, 0, 0, 0, p.text};
  }
  PayloadFields operator()(const ProcessRead& p) const {
    return {RecordKind::process, p.pid, p.start_shift_ns, 0, p.sections};
  }
  PayloadFields operator()(const ProcessExit& p) const {
    // 0: unknown
    const auto status = p.wait_status ? std::int64_t{1} + *p.wait_status : 0;
    return {RecordKind::process_ended, p.id.pid, static_cast<std::int64_t>(p.id.start), status, {}};
  }
  PayloadFields operator()(const ExecutableHash& p) const {
    return {RecordKind::executable_hash,
            p.process.pid,
            static_cast<std::int64_t>(p.process.start),
            0,
            p.sha256};
  }
  PayloadFields operator()(const ProcessMessages& p) const {
    return {RecordKind::process_events, p.clock_shift_ns, 0, 0, p.messages};
  }
  PayloadFields operator()(const ProcessMessagesLost& p) const {
    return {RecordKind::process_events_lost, p.count.value_or(-1), 0, 0, {}};
  }
  PayloadFields operator()(const DestroyNotices& p) const {
    return {RecordKind::notices, p.tables, 0, 0, p.messages};
  }
  PayloadFields operator()(const NoticesLost& p) const {
    return {RecordKind::notices_lost, p.count.value_or(-1), 0, 0, {}};
  }
  PayloadFields operator()(const NamespaceFound& /*p*/) const {
    return {RecordKind::namespace_found, 0, 0, 0, {}};
  }
  PayloadFields operator()(const NamespaceGone& /*p*/) const {
    return {RecordKind::namespace_gone, 0, 0, 0, {}};
  }
  PayloadFields operator()(const TraceEvents& p) const {
    return {RecordKind::trace, p.clock_shift_ns, 0, 0, p.events};
  }
  PayloadFields operator()(const TraceLost& p) const {
    return {RecordKind::trace_lost, p.count, 0, 0, {}};
  }
  PayloadFields operator()(const TraceEnded& p) const {
    return {RecordKind::trace_ended, 0, 0, 0, as_bytes(p.why)};
  }
  PayloadFields operator()(const UdpFlows& p) const {
    return {RecordKind::udp_flows, p.until_ns, p.lost, 0, p.flows};
  }
  PayloadFields operator()(const DnsMessages& p) const {
    return {RecordKind::dns_messages, p.lost, 0, 0, p.messages};
  }
  PayloadFields operator()(const Hosts& p) const { return {RecordKind::hosts, 0, 0, 0, p.text}; }
  PayloadFields operator()(const MibTableRead& p) const {
    return {RecordKind::mib_tables, p.tables, 0, 0, p.sections};
  }
  PayloadFields operator()(const MibStatisticsRead& p) const {
    return {RecordKind::mib_statistics, 0, 0, 0, p.sections};
  }
  PayloadFields operator()(const MibModulesRead& p) const {
    return {RecordKind::mib_modules, 0, 0, 0, p.sections};
  }
};

SockDiagDump dump_from(const PayloadFields& fields, Bytes bytes) {
  return SockDiagDump{static_cast<TableSet>(fields.a),
                      DumpDepth{(fields.b & kWithTimeWait) != 0, (fields.b & kWithInfo) != 0},
                      fields.c,
                      fields.kind == RecordKind::sock_diag,
                      std::move(bytes)};
}

Result<Payload> hash_from(const PayloadFields& fields, const Bytes& bytes) {
  ExecutableHash hash{
      ProcessId{static_cast<std::uint32_t>(fields.a), static_cast<std::uint64_t>(fields.b)}, {}};
  if (bytes.size() != hash.sha256.size()) {
    return fail(errc::malformed, fmt::format("SHA-256 of {} bytes", bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), hash.sha256.begin());
  return Payload{hash};
}

}  // namespace

RecordKind kind_of(const Payload& payload) {
  return encode_payload(payload).kind;
}

PayloadFields encode_payload(const Payload& payload) {
  return std::visit(Encoder{}, payload);
}

Result<Payload> decode_payload(const PayloadFields& fields, Bytes bytes) {
  const auto a = fields.a;
  switch (fields.kind) {
    case RecordKind::session:
      return Payload{SessionText{std::move(bytes)}};
    case RecordKind::tick:
      return Payload{TickBegin{a, fields.b, fields.c}};
    case RecordKind::tick_end:
      return Payload{TickEnd{}};
    case RecordKind::interval:
      return Payload{IntervalChange{a}};
    case RecordKind::stalled:
      return Payload{Stalled{a}};
    case RecordKind::clock_step:
      return Payload{UtcOffset{0, a}};
    case RecordKind::utc_offset:
      return Payload{UtcOffset{a, fields.b}};
    case RecordKind::sock_diag:
    case RecordKind::sock_diag_part:
      return Payload{dump_from(fields, std::move(bytes))};
    case RecordKind::procfs_tcp:
      return Payload{ProcfsTable{Protocol::tcp, Family::ipv4, std::move(bytes)}};
    case RecordKind::procfs_tcp6:
      return Payload{ProcfsTable{Protocol::tcp, Family::ipv6, std::move(bytes)}};
    case RecordKind::procfs_udp:
      return Payload{ProcfsTable{Protocol::udp, Family::ipv4, std::move(bytes)}};
    case RecordKind::procfs_udp6:
      return Payload{ProcfsTable{Protocol::udp, Family::ipv6, std::move(bytes)}};
    case RecordKind::table_failed:
      return Payload{
          TableFailed{static_cast<TableSet>(a), static_cast<RecordKind>(fields.b), text_of(bytes)}};
    case RecordKind::snmp:
      return Payload{Snmp{std::move(bytes)}};
    case RecordKind::snmp6:
      return Payload{Snmp6{std::move(bytes)}};
    case RecordKind::holders:
      return Payload{SocketHolders{std::move(bytes)}};
    case RecordKind::process:
      return Payload{ProcessRead{static_cast<std::uint32_t>(a), fields.b, std::move(bytes)}};
    case RecordKind::process_ended:
      return Payload{ProcessExit{
          ProcessId{static_cast<std::uint32_t>(a), static_cast<std::uint64_t>(fields.b)},
          fields.c > 0 && fields.c <= kMaxWaitStatus + 1 ? std::optional{fields.c - 1}
                                                         : std::nullopt}};
    case RecordKind::executable_hash:
      return hash_from(fields, bytes);
    case RecordKind::process_events:
      return Payload{ProcessMessages{a, std::move(bytes)}};
    case RecordKind::process_events_lost:
      return Payload{ProcessMessagesLost{a < 0 ? std::nullopt : std::optional{a}}};
    case RecordKind::notices:
      return Payload{DestroyNotices{static_cast<TableSet>(a), std::move(bytes)}};
    case RecordKind::notices_lost:
      return Payload{NoticesLost{a < 0 ? std::nullopt : std::optional{a}}};
    case RecordKind::namespace_found:
      return Payload{NamespaceFound{}};
    case RecordKind::namespace_gone:
      return Payload{NamespaceGone{}};
    case RecordKind::trace:
      return Payload{TraceEvents{a, std::move(bytes)}};
    case RecordKind::trace_lost:
      return Payload{TraceLost{a}};
    case RecordKind::trace_ended:
      return Payload{TraceEnded{text_of(bytes)}};
    case RecordKind::udp_flows:
      return Payload{UdpFlows{a, fields.b, std::move(bytes)}};
    case RecordKind::dns_messages:
      return Payload{DnsMessages{a, std::move(bytes)}};
    case RecordKind::hosts:
      return Payload{Hosts{std::move(bytes)}};
    case RecordKind::mib_tables:
      return Payload{MibTableRead{static_cast<TableSet>(a), std::move(bytes)}};
    case RecordKind::mib_statistics:
      return Payload{MibStatisticsRead{std::move(bytes)}};
    case RecordKind::mib_modules:
      return Payload{MibModulesRead{std::move(bytes)}};
  }
  return fail(errc::malformed,
              fmt::format("record of unknown kind {}", static_cast<unsigned>(fields.kind)));
}

}  // namespace netlog::capture
