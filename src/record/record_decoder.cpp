// SPDX-License-Identifier: MIT
#include "record/record_decoder.hpp"

#include "capture/record_codec.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::record {
namespace {

using capture::RawRecord;
using capture::RecordKind;

constexpr TableSet kTcpTables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
constexpr TableSet kIpv6Tables = table_bit(TableKind::tcp6) | table_bit(TableKind::udp6);

/// The name of a source in the gaps.
std::string_view source_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::sock_diag_part:
    case RecordKind::sock_diag:
      return "sock_diag";
    case RecordKind::notices:
      return "notices";
    case RecordKind::process_events:
      return "processes";
    case RecordKind::trace:
      return "trace";
    case RecordKind::udp_flows:
      return "udp flows";
    case RecordKind::dns_messages:
      return "dns";
    case RecordKind::namespace_found:
      return "namespaces";
    case RecordKind::mib_tables:
    case RecordKind::mib_statistics:
    case RecordKind::mib_modules:
      return "iphlpapi";
    default:
      return "procfs";
  }
}

/// The kernel reads the state of a socket first, then waits for its lock and reads its counters
/// (net/ipv4/inet_diag.c, inet_sk_diag_fill).
void mark_active(std::vector<SocketRow>& rows, std::int64_t dump_ns) {
  constexpr std::int64_t kTimerTickMs = 10;
  const auto active_ms = dump_ns / kNsPerMs + kTimerTickMs;
  for (auto& row : rows) {
    row.is_active = row.delivery && std::min(row.delivery->since_acked_ms,
                                             row.delivery->since_sent_ms) <= active_ms;
  }
}

Protocol protocol_of(TableSet tables) {
  return (tables & kTcpTables) != 0 ? Protocol::tcp : Protocol::udp;
}

}  // namespace

RecordDecoder::TableResult RecordDecoder::decode(const RawRecord& record,
                                                 const capture::SockDiagDump& dump) {
  Snapshot snapshot;
  snapshot.tables = dump.tables;
  snapshot.incarnation_is_unique = true;
  const auto protocol = protocol_of(dump.tables);
  // There is no TIME_WAIT that a UDP table could lack.
  snapshot.covers_time_wait = protocol == Protocol::udp || dump.depth.time_wait;
  if (dump.part == 0) {
    rows_.clear();
    next_part_ = 0;
    dump_began_ns_ = record.asked.began_ns;
  }
  if (!next_part_) {
    return {};
  }
  const auto expected = std::exchange(next_part_, std::nullopt);
  if (dump.part != expected) {
    return unreadable(record, dump.tables, "part of a sock_diag dump is missing");
  }
  if (!dump.last) {
    if (const auto read = decode::decode_sock_diag_part(dump.messages, protocol, rows_); !read) {
      return unreadable(record, dump.tables, read.error().message());
    }
    next_part_ = dump.part + 1;
    return {};
  }
  if (const auto end = decode::decode_sock_diag_end(dump.messages, protocol, rows_); !end) {
    return unreadable(record, dump.tables, end.error().message());
  }
  mark_active(rows_, record.asked.ended_ns - dump_began_ns_);
  return whole(record, std::move(snapshot), std::exchange(rows_, {}));
}

RecordDecoder::TableResult RecordDecoder::decode(const RawRecord& record,
                                                 const capture::ProcfsTable& table) {
  Snapshot snapshot;
  IpAddress any;
  any.family = table.family;
  snapshot.tables = table_bit(table_of(FiveTuple{table.protocol, Endpoint{any, 0}, {}}));
  return whole(record,
               std::move(snapshot),
               decode::decode_procfs_net(as_text(table.text), table.protocol, table.family));
}

RecordDecoder::TableResult RecordDecoder::decode(const RawRecord& record,
                                                 const capture::MibTableRead& table) {
  Snapshot snapshot;
  snapshot.tables = table.tables;
  const auto family = (table.tables & kIpv6Tables) != 0 ? Family::ipv6 : Family::ipv4;
  auto read = decode::decode_mib_tables(table.sections, protocol_of(table.tables), family);
  if (!read) {
    return unreadable(record, table.tables, read.error().message());
  }
  snapshot.keys = read->keys;
  auto result = whole(record, std::move(snapshot), std::move(read->rows));
  if (read->unknown_state) {
    auto& one = std::get<Table>(result);
    one.unknown = Gap{record.netns,
                      one.read_before_ns,
                      record.asked.ended_ns,
                      std::string{source_of(RecordKind::mib_tables)},
                      "unknown state",
                      std::nullopt,
                      fmt::format("TCP state {}", *read->unknown_state)};
  }
  return result;
}

RecordDecoder::TableResult RecordDecoder::whole(const RawRecord& record,
                                                Snapshot snapshot,
                                                Result<std::vector<SocketRow>> rows) {
  if (!rows) {
    return unreadable(record, snapshot.tables, rows.error().message());
  }
  snapshot.netns = record.netns;
  snapshot.taken = record.asked;
  snapshot.rows = std::move(*rows);
  const auto [last, is_first] =
      last_read_ns_.try_emplace({record.netns, snapshot.tables}, record.asked.began_ns);
  const auto before_ns = std::exchange(last->second, record.asked.ended_ns);
  return Table{std::move(snapshot), before_ns};
}

void RecordDecoder::recycle(std::vector<SocketRow> rows) {
  most_rows_ = std::max(most_rows_, rows.size());
  rows_ = std::move(rows);
}

bool RecordDecoder::shrink() {
  constexpr std::size_t kAlwaysKept = 4'096;
  const auto most = std::exchange(most_rows_, 0);
  if (rows_.capacity() <= std::max(4 * most, kAlwaysKept)) {
    return false;
  }
  std::vector<SocketRow>{}.swap(rows_);
  return true;
}

std::optional<Gap> RecordDecoder::decode(const RawRecord& record, const capture::Snmp& counters) {
  auto read = decode::decode_snmp(as_text(counters.text));
  if (!read) {
    return unreadable(record, 0, read.error().message());
  }
  read->netns = record.netns;
  read->at_ns = record.asked.ended_ns;
  counters_.push_back(*read);
  return std::nullopt;
}

std::optional<Gap> RecordDecoder::decode(const RawRecord& record, const capture::Snmp6& counters) {
  const auto known = std::find_if(counters_.rbegin(), counters_.rend(), [&](const Counters& read) {
    return read.netns == record.netns;
  });
  if (known == counters_.rend()) {
    return std::nullopt;
  }
  const auto added = decode::add_snmp6(as_text(counters.text), *known);
  return added ? std::nullopt : std::optional{unreadable(record, 0, added.error().message())};
}

std::optional<Gap> RecordDecoder::decode(const RawRecord& record,
                                         const capture::MibStatisticsRead& counters) {
  auto read = decode::decode_mib_statistics(counters.sections);
  if (!read) {
    return unreadable(record, 0, read.error().message());
  }
  read->at_ns = record.asked.ended_ns;
  counters_.push_back(*read);
  return std::nullopt;
}

std::vector<Counters> RecordDecoder::take_counters() {
  return std::exchange(counters_, {});
}

Gap RecordDecoder::unreadable(const RawRecord& record, TableSet tables, std::string why) const {
  const auto last = last_read_ns_.find(TableKey{record.netns, tables});
  const auto from_ns = last == last_read_ns_.end() ? record.asked.began_ns : last->second;
  why.resize(std::min(why.size(), kMaxDetail));
  const auto* const failed = std::get_if<capture::TableFailed>(&record.payload);
  const auto kind = failed != nullptr ? failed->wanted : capture::kind_of(record.payload);
  return Gap{record.netns,
             from_ns,
             record.asked.ended_ns,
             std::string{source_of(kind)},
             "unreadable",
             std::nullopt,
             std::move(why)};
}

}  // namespace netlog::record
