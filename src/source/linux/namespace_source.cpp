// SPDX-License-Identifier: MIT
#include "source/linux/namespace_source.hpp"

#include "capture/record_codec.hpp"
#include "os/clock.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <utility>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxTable = std::size_t{1} << 28U;
constexpr std::size_t kMaxCounters = std::size_t{1} << 20U;
// Between the kernel's last look at a socket and the notice, its worker can lose the processor for
// a moment. The look counts in ticks of the kernel's timer.
constexpr std::int64_t kNoticeDelayNs = 10 * kNsPerMs;

constexpr int kTries = 3;

constexpr TableSet kTcpTables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

/// Opens the socket and reads one table: a kernel without inet_diag refuses only the read.
Result<SockDiag> try_sock_diag() {
  auto diag = SockDiag::open();
  if (!diag) {
    return diag.error();
  }
  std::vector<std::byte> bytes;
  const auto read = diag->dump_tcp({}, bytes, [] {});
  if (!read && read.error().code != errc::interrupted) {
    return read.error();
  }
  // An error is a message of its own. Its number is the first member of struct nlmsgerr.
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

/// Opens a file of /proc/net; nothing if it does not exist: a kernel without IPv6 has no IPv6
/// tables.
std::optional<ProcFile> open_net_file(const char* name) {
  auto file = ProcFile::open(std::string{"/proc/thread-self/net/"} + name);
  return file ? std::optional{std::move(*file)} : std::nullopt;
}

TableSet table_of(const capture::ProcfsTable& table) {
  FiveTuple tuple;
  tuple.protocol = table.protocol;
  tuple.local.address.family = table.family;
  return table_bit(netlog::table_of(tuple));
}

}  // namespace

NamespaceSource::NamespaceSource(std::uint64_t netns)
    : netns_{netns}, drained_ns_{os::read_boot_clock_ns()} {}

Result<NamespaceSource> NamespaceSource::open(std::uint64_t netns,
                                              const SourceOptions& options,
                                              TableSet notice_tables) {
  NamespaceSource source{netns};
  const auto wanted = options.choice;
  // Before the first dump, so that no close is missed between the two.
  if (wanted != SourceChoice::poll && wanted != SourceChoice::procfs) {
    if (auto opened = Notices::open(notice_tables, options.notice_buffer_bytes)) {
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
    source.notices_.reset();  // procfs rows have no cookies to match notices with
  }
  if (!source.diag_) {
    source.open_tables();
  }
  source.snmp_ = open_net_file("snmp");
  source.snmp6_ = open_net_file("snmp6");
  return source;
}

void NamespaceSource::open_tables() {
  using enum Family;
  const auto open = [&](Protocol protocol, Family family, const char* name) {
    if (auto file = open_net_file(name)) {
      tables_.push_back({capture::ProcfsTable{protocol, family, {}}, std::move(*file)});
    }
  };
  open(Protocol::tcp, ipv4, "tcp");
  open(Protocol::tcp, ipv6, "tcp6");
  open(Protocol::udp, ipv4, "udp");
  open(Protocol::udp, ipv6, "udp6");
}

void NamespaceSource::sample(const SamplePlan& plan, capture::RecordSink& sink) {
  // Before and after the tables, so that each close is known to be before or after them.
  drain_notices(sink);
  if (diag_) {
    dump_tables(plan, sink);
    drain_notices(sink);
  }
  for (auto& table : tables_) {
    read_text(table.file, table.empty, table_of(table.empty), kMaxTable, sink);
  }
  if (plan.counters) {
    read_counters(sink);
  }
}

void NamespaceSource::read_counters(capture::RecordSink& sink) {
  if (snmp_) {
    read_text(*snmp_, capture::Snmp{}, 0, kMaxCounters, sink);
  }
  if (snmp6_) {
    read_text(*snmp6_, capture::Snmp6{}, 0, kMaxCounters, sink);
  }
}

bool NamespaceSource::drain_notices(capture::RecordSink& sink) {
  if (!notices_) {
    return true;
  }
  const auto began_ns = os::read_boot_clock_ns();
  capture::DestroyNotices notices;
  const auto drained = notices_->drain(notices.messages);
  auto record = make({}, drained_ns_ - kNoticeDelayNs);
  drained_ns_ = began_ns;
  if (!drained) {
    report_failure(capture::RecordKind::notices, 0, began_ns, drained.error(), sink);
    notices_.reset();
    return false;
  }
  notices.tables = notices_->tables();
  // The first record is emitted even if it is empty: it says which closes will be notified.
  if (!notices.messages.empty() || reported_tables_ != notices.tables) {
    reported_tables_ = notices.tables;
    record.payload = std::move(notices);
    sink.consume(record);
  }
  if (drained->overrun) {
    sink.consume(make(capture::NoticesLost{drained->lost}, record.asked.began_ns));
  }
  return !drained->overrun;
}

void NamespaceSource::subscribe_tcp() {
  if (notices_ && !notices_->subscribe(kTcpTables)) {
    notices_.reset();
  }
}

void NamespaceSource::unsubscribe_tcp() {
  if (notices_) {
    notices_->unsubscribe(kTcpTables);
  }
}

void NamespaceSource::reopen_tables() {
  if (auto fresh = SockDiag::open()) {
    diag_ = std::move(*fresh);
    usable_ = true;
  }
}

capture::RawRecord NamespaceSource::make(capture::Payload payload, std::int64_t began_ns) const {
  return {netns_, Span{began_ns, os::read_boot_clock_ns()}, std::move(payload)};
}

void NamespaceSource::dump_tables(const SamplePlan& plan, capture::RecordSink& sink) {
  if (plan.tcp) {
    // Also the first time, and again after a failure: the plan asks for TIME_WAIT rows seldom.
    const capture::DumpDepth depth{plan.time_wait || !has_time_wait_, plan.info};
    const bool whole = dump(kTcpTables, depth, sink, [&](const SockDiag::OnPart& on_part) {
      return diag_->dump_tcp(depth, buffer_, on_part);
    });
    has_time_wait_ = depth.time_wait ? whole : has_time_wait_;
  }
  for (const auto table : {TableKind::udp4, TableKind::udp6}) {
    dump(table_bit(table), {}, sink, [&](const SockDiag::OnPart& on_part) {
      return diag_->dump_udp(table, buffer_, on_part);
    });
  }
}

/// @return true if it was read whole
template <typename Dump>
bool NamespaceSource::dump(TableSet tables,
                           capture::DumpDepth depth,
                           capture::RecordSink& sink,
                           Dump&& run) {
  std::int64_t began_ns = 0;
  std::int64_t parts = 0;
  const auto send = [&](bool last) {
    auto record =
        make(capture::SockDiagDump{tables, depth, parts++, last, std::move(buffer_)}, began_ns);
    sink.consume(record);
    buffer_ = std::move(std::get<capture::SockDiagDump>(record.payload).messages);
    buffer_.clear();  // its memory is used again
  };
  Result<void> whole;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    buffer_.clear();
    began_ns = os::read_boot_clock_ns();
    parts = 0;
    whole = run([&] { send(false); });
    if (whole) {
      send(true);
      return true;
    }
    if (whole.error().code != errc::interrupted) {
      break;
    }
  }
  report_failure(capture::RecordKind::sock_diag, tables, began_ns, whole.error(), sink);
  usable_ = false;
  return false;
}

template <typename Payload>
void NamespaceSource::read_text(ProcFile& file,
                                Payload payload,
                                TableSet tables,
                                std::size_t max_bytes,
                                capture::RecordSink& sink) const {
  const auto began_ns = os::read_boot_clock_ns();
  auto bytes = file.read(max_bytes);
  if (!bytes) {
    return report_failure(capture::kind_of(payload), tables, began_ns, bytes.error(), sink);
  }
  payload.text = std::move(*bytes);
  sink.consume(make(std::move(payload), began_ns));
}

void NamespaceSource::report_failure(capture::RecordKind wanted,
                                     TableSet tables,
                                     std::int64_t began_ns,
                                     const Error& error,
                                     capture::RecordSink& sink) const {
  sink.consume(make(capture::TableFailed{tables, wanted, error.message()}, began_ns));
}

}  // namespace netlog::source
