// SPDX-License-Identifier: MIT
#include "source/linux/namespace_source.hpp"

#include "os/clock.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <utility>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxTable = std::size_t{1} << 28U;
constexpr std::size_t kMaxCounters = std::size_t{1} << 20U;
// The kernel sends a notice from a work item, soon after the end but not at it: 4 ms at most were
// seen on a busy machine.
constexpr std::int64_t kNoticeDelayNs = 5 * kNsPerMs;

constexpr int kTries = 3;

constexpr TableSet kTcpTables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

/// Opens the socket and reads one table, since a kernel without inet_diag refuses only then.
Result<SockDiag> try_sock_diag() {
  auto diag = SockDiag::open();
  if (!diag) {
    return diag.error();
  }
  std::vector<std::byte> bytes;
  const auto read = diag->dump_tcp(0, bytes, [] {});
  if (!read && read.error().code != errc::interrupted) {
    return read.error();
  }
  // An error comes as a message of its own: struct nlmsgerr begins with it.
  ByteReader in{bytes};
  in.skip(4);
  const auto type = in.u16();
  constexpr std::uint16_t kError = 2;
  if (type == kError) {
    in.skip(10);
    return fail_errno(-static_cast<int>(in.u32()), "sock_diag dump");
  }
  return diag;
}

}  // namespace

NamespaceSource::NamespaceSource(std::uint64_t netns)
    : netns_{netns}, drained_boot_ns_{os::read_boot_clock_ns()} {}

Result<NamespaceSource> NamespaceSource::open(std::uint64_t netns,
                                              const SourceOptions& options,
                                              TableSet announced) {
  NamespaceSource source{netns};
  const auto wanted = options.choice;
  // Before the first dump, so that no end falls between the two.
  if (wanted != SourceChoice::poll && wanted != SourceChoice::procfs) {
    if (auto opened = Notices::open(announced, options.notice_buffer_bytes)) {
      source.notices_ = std::move(*opened);
    } else if (wanted == SourceChoice::notice) {
      return opened.error();
    } else {
      source.fallback_reason_ = opened.error().message();
    }
  }
  if (wanted == SourceChoice::procfs) {
    source.fallback_reason_ = "procfs was asked for";
  } else if (auto tried = try_sock_diag()) {
    source.diag_ = std::move(*tried);
  } else if (wanted != SourceChoice::automatic) {
    return tried.error();
  } else {
    source.fallback_reason_ = tried.error().message();
    source.notices_.reset();  // without cookies they can't be joined to rows
  }
  if (!source.diag_) {
    source.open_file(capture::RecordKind::procfs_tcp, table_bit(TableKind::tcp4), "tcp");
    source.open_file(capture::RecordKind::procfs_tcp6, table_bit(TableKind::tcp6), "tcp6");
    source.open_file(capture::RecordKind::procfs_udp, table_bit(TableKind::udp4), "udp");
    source.open_file(capture::RecordKind::procfs_udp6, table_bit(TableKind::udp6), "udp6");
  }
  source.open_file(capture::RecordKind::snmp, 0, "snmp");
  source.open_file(capture::RecordKind::snmp6, 0, "snmp6");
  return source;
}

/// A kernel without IPv6 has no such file, and no such connections.
void NamespaceSource::open_file(capture::RecordKind kind, TableSet tables, const char* name) {
  if (auto file = ProcFile::open(std::string{"/proc/thread-self/net/"} + name)) {
    (tables == 0 ? counters_ : tables_).push_back(Table{kind, tables, std::move(*file)});
  }
}

void NamespaceSource::sample(const SamplePlan& plan, capture::RecordSink& sink) {
  // Around the tables, so that an end is known to be before or after them.
  drain_notices(sink);
  if (diag_) {
    dump_tables(plan, sink);
    drain_notices(sink);
  }
  for (auto& table : tables_) {
    read_text(table, kMaxTable, sink);
  }
  if (plan.counters) {
    for (auto& table : counters_) {
      read_text(table, kMaxCounters, sink);
    }
  }
}

bool NamespaceSource::drain_notices(capture::RecordSink& sink) {
  if (!notices_) {
    return true;
  }
  const auto boot_ns = os::read_boot_clock_ns();
  auto record = make(capture::RecordKind::notices, os::boot_to_utc_ns(boot_ns));
  const auto began_ns = record.asked.began_ns;
  const auto drained = notices_->drain(record.payload);
  record.asked.ended_ns = os::utc_now_ns();
  record.asked.began_ns = os::boot_to_utc_ns(drained_boot_ns_ - kNoticeDelayNs);
  drained_boot_ns_ = boot_ns;
  if (!drained) {
    report_failure(capture::RecordKind::notices, 0, began_ns, drained.error(), sink);
    notices_.reset();
    return false;
  }
  record.a = notices_->tables();
  // The first is told even if it is empty: ends will be announced.
  if (!record.payload.empty() || announced_ != notices_->tables()) {
    announced_ = notices_->tables();
    sink.consume(record);
  }
  if (drained->overrun) {
    auto lost = make(capture::RecordKind::notices_lost, record.asked.began_ns);
    lost.a = drained->lost.value_or(-1);
    sink.consume(lost);
  }
  return !drained->overrun;
}

void NamespaceSource::announce_tcp() {
  if (notices_ && !notices_->subscribe(kTcpTables)) {
    notices_.reset();
  }
}

void NamespaceSource::reopen_tables() {
  if (auto fresh = SockDiag::open()) {
    diag_ = std::move(*fresh);
    usable_ = true;
  }
}

capture::RawRecord NamespaceSource::make(capture::RecordKind kind, std::int64_t began_ns) const {
  capture::RawRecord record;
  record.kind = kind;
  record.netns = netns_;
  record.asked = Span{began_ns, os::utc_now_ns()};
  return record;
}

void NamespaceSource::dump_tables(const SamplePlan& plan, capture::RecordSink& sink) {
  if (plan.tcp) {
    const auto depth =
        (plan.time_wait ? capture::kWithTimeWait : 0U) | (plan.info ? capture::kWithInfo : 0U);
    dump(kTcpTables, depth, sink, [&](const SockDiag::OnPart& on_part) {
      return diag_->dump_tcp(depth, buffer_, on_part);
    });
  }
  for (const auto table : {TableKind::udp4, TableKind::udp6}) {
    dump(table_bit(table), 0, sink, [&](const SockDiag::OnPart& on_part) {
      return diag_->dump_udp(table, buffer_, on_part);
    });
  }
}

template <typename Dump>
void NamespaceSource::dump(TableSet tables,
                           std::int64_t depth,
                           capture::RecordSink& sink,
                           Dump&& run) {
  std::int64_t began_ns = 0;
  std::int64_t parts = 0;
  const auto send = [&](capture::RecordKind kind) {
    auto record = make(kind, began_ns);
    record.a = tables;
    record.b = depth;
    record.c = parts++;
    record.payload.swap(buffer_);
    sink.consume(record);
    record.payload.swap(buffer_);
    buffer_.clear();
  };
  Result<void> whole;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    buffer_.clear();
    began_ns = os::utc_now_ns();
    parts = 0;
    whole = run([&] { send(capture::RecordKind::sock_diag_part); });
    if (whole) {
      return send(capture::RecordKind::sock_diag);
    }
    if (whole.error().code != errc::interrupted) {
      break;
    }
  }
  report_failure(capture::RecordKind::sock_diag, tables, began_ns, whole.error(), sink);
  usable_ = false;
}

void NamespaceSource::read_text(Table& table, std::size_t most, capture::RecordSink& sink) const {
  const auto began_ns = os::utc_now_ns();
  auto bytes = table.file.read(most);
  if (!bytes) {
    return report_failure(table.kind, table.tables, began_ns, bytes.error(), sink);
  }
  auto record = make(table.kind, began_ns);
  record.payload = std::move(*bytes);
  sink.consume(record);
}

void NamespaceSource::report_failure(capture::RecordKind wanted,
                                     TableSet tables,
                                     std::int64_t began_ns,
                                     const Error& error,
                                     capture::RecordSink& sink) const {
  auto record = make(capture::RecordKind::table_failed, began_ns);
  record.a = tables;
  record.b = static_cast<std::int64_t>(wanted);
  record.payload = bytes_of(error.message());
  sink.consume(record);
}

}  // namespace netlog::source
