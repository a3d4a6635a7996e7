// SPDX-License-Identifier: MIT
#include "platform/live_source.hpp"

#include "base/byte_reader.hpp"
#include "base/time.hpp"
#include "platform/linux/clock.hpp"
#include "platform/linux/notices.hpp"
#include "platform/linux/owner_search.hpp"
#include "platform/linux/process.hpp"
#include "platform/linux/procfs.hpp"
#include "platform/linux/sock_diag.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace netlog::platform {
namespace {

constexpr std::size_t kMostTable = std::size_t{1} << 28U;
constexpr std::size_t kMostCounters = std::size_t{1} << 20U;
// At 10,000 connections a second 10 ms bring 200 notices of 380 bytes; the rest is for a recorder
// that has to wait its turn.
constexpr int kNoticeBuffer = 8 << 20;
// The kernel sends a notice from a work item, soon after the end but not at it.
constexpr std::int64_t kNoticeDelayNs = 2 * kNsPerMs;
constexpr std::int64_t kClockStepNs = 20 * kNsPerMs;

constexpr TableSet kTcpTables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

struct NamedTable {
  RecordKind kind;
  TableKind table;
  const char* path;
};
constexpr std::array<NamedTable, 4> kProcfsTables{{
    {RecordKind::procfs_tcp, TableKind::tcp4, "/proc/net/tcp"},
    {RecordKind::procfs_tcp6, TableKind::tcp6, "/proc/net/tcp6"},
    {RecordKind::procfs_udp, TableKind::udp4, "/proc/net/udp"},
    {RecordKind::procfs_udp6, TableKind::udp6, "/proc/net/udp6"},
}};

std::uint64_t own_network_namespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/net", &info) == 0 ? info.st_ino : 0;
}

// Each watched process and each socket list that is kept open costs a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

class LinuxSource final : public LiveSource {
 public:
  LinuxSource(std::optional<SockDiag> diag,
              std::optional<Notices> notices,
              std::string fallback_reason)
      : diag_{std::move(diag)},
        notices_{std::move(notices)},
        fallback_reason_{std::move(fallback_reason)},
        netns_{own_network_namespace()} {
    raise_descriptor_limit();
    measure_utc_offset();
    drained_ns_ = utc_now_ns();
  }

  [[nodiscard]] std::string name() const override {
    return diag_ ? notices_ ? "sock_diag+notices" : "sock_diag" : "procfs";
  }
  [[nodiscard]] std::string fallback_reason() const override { return fallback_reason_; }

  void sample(const SamplePlan& plan, RecordSink& sink) override {
    follow_clock(sink);
    // Around the tables, so that an end is known to be before or after them.
    drain_notices(sink);
    if (diag_) {
      dump_tables(plan, sink);
      drain_notices(sink);
    } else {
      for (const auto& table : kProcfsTables) {
        read_text(table.kind, table_bit(table.table), table.path, kMostTable, sink);
      }
    }
    if (plan.counters) {
      read_text(RecordKind::snmp, 0, "/proc/net/snmp", kMostCounters, sink);
      read_text(RecordKind::snmp6, 0, "/proc/net/snmp6", kMostCounters, sink);
    }
    if (plan.processes) {
      processes_.tell_ends(sink);
    }
  }

  void drain_notices(RecordSink& sink) override {
    if (!notices_) {
      return;
    }
    auto record = make(RecordKind::notices, utc_now_ns());
    const auto began_ns = record.asked.began_ns;
    const auto drained = notices_->drain(record.payload);
    record.asked = Span{drained_ns_ - kNoticeDelayNs, utc_now_ns()};
    drained_ns_ = began_ns;
    if (!drained) {
      report_failure(0, began_ns, drained.error(), sink);
      notices_.reset();
      return;
    }
    // The first is told even if it is empty: ends will be announced.
    if (!record.payload.empty() || !announced_) {
      announced_ = true;
      sink.consume(record);
    }
    if (drained->overrun) {
      auto lost = make(RecordKind::notices_lost, record.asked.began_ns);
      lost.a = drained->lost.value_or(-1);
      sink.consume(lost);
    }
  }

  void find_owners(std::span<const OwnerQuestion> questions,
                   std::chrono::nanoseconds budget,
                   RecordSink& sink) override {
    const auto began_ns = utc_now_ns();
    std::string text;
    for (const auto& answer : owners_.find(questions, budget)) {
      if (answer.pid && processes_.tell(*answer.pid, sink)) {
        text += fmt::format("{} {}\n", answer.inode, *answer.pid);
      } else {
        text += fmt::format("{} - {}\n", answer.inode, netlog::name(answer.why));
      }
    }
    if (!text.empty()) {
      auto record = make(RecordKind::holders, began_ns);
      const auto bytes = as_bytes(text);
      record.payload.assign(bytes.begin(), bytes.end());
      sink.consume(record);
    }
  }

  void forget(std::span<const std::uint64_t> inodes) override { owners_.forget(inodes); }

 private:
  [[nodiscard]] RawRecord make(RecordKind kind, std::int64_t began_ns) const {
    RawRecord record;
    record.kind = kind;
    record.netns = netns_;
    record.asked = Span{began_ns, utc_now_ns()};
    return record;
  }

  void follow_clock(RecordSink& sink) {
    const auto moved_ns = measure_utc_offset();
    if (std::abs(moved_ns) >= kClockStepNs) {
      auto record = make(RecordKind::clock_step, utc_now_ns());
      record.a = moved_ns;
      sink.consume(record);
    }
  }

  void dump_tables(const SamplePlan& plan, RecordSink& sink) {
    const auto depth = (plan.time_wait ? kWithTimeWait : 0U) | (plan.info ? kWithInfo : 0U);
    dump(kTcpTables, depth, sink, [&](std::vector<std::byte>& out) {
      return diag_->dump_tcp(depth, out);
    });
    for (const auto table : {TableKind::udp4, TableKind::udp6}) {
      dump(table_bit(table), 0, sink, [&](std::vector<std::byte>& out) {
        return diag_->dump_udp(table, out);
      });
    }
  }

  template <typename Dump>
  void dump(TableSet tables, std::int64_t depth, RecordSink& sink, Dump&& run) {
    buffer_.clear();
    const auto began_ns = utc_now_ns();
    const Result<void> whole = run(buffer_);
    if (!whole) {
      report_failure(tables, began_ns, whole.error(), sink);
      reopen();
      return;
    }
    auto record = make(RecordKind::sock_diag, began_ns);
    record.a = tables;
    record.b = depth;
    record.payload.swap(buffer_);
    sink.consume(record);
    record.payload.swap(buffer_);
  }

  void read_text(
      RecordKind kind, TableSet tables, const char* path, std::size_t most, RecordSink& sink) {
    const auto began_ns = utc_now_ns();
    auto bytes = read_file(path, most);
    if (!bytes) {
      // A kernel without IPv6 has no such file, and no such connections.
      if (bytes.error().code != boost::system::errc::no_such_file_or_directory) {
        report_failure(tables, began_ns, bytes.error(), sink);
      }
      return;
    }
    auto record = make(kind, began_ns);
    record.payload = std::move(*bytes);
    sink.consume(record);
  }

  void report_failure(TableSet tables,
                      std::int64_t began_ns,
                      const Error& error,
                      RecordSink& sink) const {
    auto record = make(RecordKind::table_failed, began_ns);
    record.a = tables;
    const auto text = error.message();
    const auto bytes = as_bytes(text);
    record.payload.assign(bytes.begin(), bytes.end());
    sink.consume(record);
  }

  // The rest of a dump that was given up would be in the way of the next one.
  void reopen() {
    if (auto fresh = SockDiag::open()) {
      diag_ = std::move(*fresh);
    }
  }

  std::optional<SockDiag> diag_;
  std::optional<Notices> notices_;
  bool announced_ = false;
  std::int64_t drained_ns_ = 0;  ///< when the last drain began
  std::string fallback_reason_;
  std::uint64_t netns_;
  OwnerSearch owners_;
  ProcessTable processes_;
  std::vector<std::byte> buffer_;
};

/// Opens the socket and reads one table, since a kernel without inet_diag refuses only then.
Result<SockDiag> try_sock_diag() {
  auto diag = SockDiag::open();
  if (!diag) {
    return diag.error();
  }
  std::vector<std::byte> bytes;
  if (const auto read = diag->dump_tcp(0, bytes); !read) {
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

Result<std::unique_ptr<LiveSource>> make_live_source(SourceChoice wanted) {
  std::optional<SockDiag> diag;
  std::optional<Notices> notices;
  std::string reason;
  // Before the first dump, so that no end falls between the two.
  if (wanted == SourceChoice::automatic || wanted == SourceChoice::notice) {
    if (auto opened = Notices::open(kNoticeBuffer)) {
      notices = std::move(*opened);
    } else if (wanted == SourceChoice::notice) {
      return opened.error();
    } else {
      reason = opened.error().message();
    }
  }
  if (wanted == SourceChoice::procfs) {
    reason = "procfs was asked for";
  } else if (auto tried = try_sock_diag()) {
    diag = std::move(*tried);
  } else if (wanted != SourceChoice::automatic) {
    return tried.error();
  } else {
    reason = tried.error().message();
    notices.reset();  // without cookies they can't be joined to rows
  }
  return std::unique_ptr<LiveSource>{
      std::make_unique<LinuxSource>(std::move(diag), std::move(notices), std::move(reason))};
}

}  // namespace netlog::platform
