// SPDX-License-Identifier: MIT
#include "source/live_source.hpp"

#include "model/process.hpp"
#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/executable_hashes.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/linux/hosts_file.hpp"
#include "source/linux/kept_records.hpp"
#include "source/linux/namespace_sources.hpp"
#include "source/linux/owner_search.hpp"
#include "source/linux/process.hpp"
#include "source/linux/process_watch.hpp"
#include "source/linux/tracer.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <malloc.h>

namespace netlog::source {
namespace {

// Each watched process and each directory of descriptors that stays open costs a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// A large block, of a table or a burst of notices, is returned to the system when it is freed and
// does not fragment the heap.
void return_large_blocks() {
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);  // NOLINT(concurrency-mt-unsafe): glibc locks
}

class LinuxSource final : public LiveSource {
 public:
  LinuxSource(std::uint64_t netns,
              NamespaceSource own,
              std::optional<Tracer> tracer,
              std::optional<HeldSockets> kernel_list,
              std::string no_trace_reason,
              const SourceOptions& options)
      : tracer_{std::move(tracer)},
        no_trace_reason_{std::move(no_trace_reason)},
        namespaces_{netns, std::move(own), options, kAllTables},
        owners_{std::move(kernel_list)} {
    if (options.hash_executables) {
      hashes_.emplace();
    }
    if (tracer_ && options.read_names) {
      hosts_.emplace();
    }
    raise_descriptor_limit();
    return_large_blocks();
    // At once, so that what is traced from now on is compared with what is counted from now on.
    namespaces_.own().read_counters(first_counters_);
    if (!tracer_) {
      watch_processes();
    }
  }

  [[nodiscard]] std::string name() const override {
    return tracer_ ? "trace+" + namespaces_.own().name() : namespaces_.own().name();
  }
  [[nodiscard]] std::string fallback_reason() const override {
    const auto& reason = namespaces_.own().fallback_reason();
    if (!reason.empty() || !no_trace_reason_.empty() || !tracer_) {
      return reason.empty() ? no_trace_reason_ : reason;
    }
    const auto& no_packets = tracer_->no_packets_reason();
    return no_packets.empty() ? no_packets : "no UDP flows and no names: " + no_packets;
  }
  [[nodiscard]] bool tracing() const override { return tracer_.has_value(); }

  void sample(const SamplePlan& plan, capture::RecordSink& sink) override {
    for (const auto& record : std::exchange(first_counters_.records, {})) {
      sink.consume(record);
    }
    TraceFirst trace_first{*this, sink};
    namespaces_.sample(plan, trace_first);
    const bool may_read = check_descriptors(sink);
    const bool looks_for_ends = plan.changes && may_read;
    const auto ended =
        looks_for_ends ? processes_.find_ended() : std::vector<ProcessTable::Ended>{};
    // Known owners then have the programs that they execute by now, and their ends their times.
    drain_processes(sink);
    processes_.report_ended(ended, sink);
    if (plan.changes) {
      check_trace(sink);
      report_hosts(sink);
      choose_notices(plan.has_untraced);
    }
  }

  bool drain(capture::RecordSink& sink) override {
    if (hashes_) {
      hashes_->exchange();
    }
    drain_trace(sink);
    drain_processes(sink);
    if (hashes_) {
      hashes_->report(sink);
    }
    TraceFirst trace_first{*this, sink};
    const bool has_all = namespaces_.drain_notices(trace_first);
    return !std::exchange(trace_lost_, false) && has_all;
  }

  void flush(capture::RecordSink& sink) override {
    drain(sink);
    if (tracer_) {
      tracer_->flush(sink);
    }
  }

  void find_owners(std::span<const OwnerQuery> queries,
                   std::chrono::nanoseconds budget,
                   capture::RecordSink& sink) override {
    const auto began_ns = os::read_boot_clock_ns();
    std::string text;
    std::map<std::uint32_t, bool> exists;  // each process is read once, however much it holds
    const auto report = [&](std::uint32_t pid) {
      const auto [process, is_first] = exists.try_emplace(pid);
      if (is_first) {
        if (tracer_) {
          tracer_->follow(pid);
        }
        process->second = processes_.report(pid, sink);
      }
      return process->second;
    };
    for (const auto& answer : owners_.find(queries, budget)) {
      if (answer.pid && report(*answer.pid)) {
        text += fmt::format("{} {}\n", answer.inode, *answer.pid);
      } else {
        text += fmt::format("{} - {}\n", answer.inode, netlog::name(answer.why));
      }
    }
    if (!text.empty()) {
      sink.consume(make(capture::SocketHolders{bytes_of(text)}, namespaces_.own_netns(), began_ns));
    }
  }

  void forget(std::span<const std::uint64_t> inodes) override { owners_.forget(inodes); }

 private:
  static capture::RawRecord make(capture::Payload payload,
                                 std::uint64_t netns,
                                 std::int64_t began_ns) {
    return {netns, Span{began_ns, os::read_boot_clock_ns()}, std::move(payload)};
  }

  /// Emits the traced changes before each table and each batch of notices: the trace reported them
  /// earlier.
  class TraceFirst final : public capture::RecordSink {
   public:
    TraceFirst(LinuxSource& source, capture::RecordSink& sink) : source_{source}, sink_{sink} {}
    void consume(const capture::RawRecord& record) override {
      const auto* const dump = std::get_if<capture::SockDiagDump>(&record.payload);
      if ((dump != nullptr && dump->last) ||
          std::holds_alternative<capture::DestroyNotices>(record.payload)) {
        source_.drain_trace(sink_);
      }
      sink_.consume(record);
    }

   private:
    LinuxSource& source_;
    capture::RecordSink& sink_;
  };

  void drain_trace(capture::RecordSink& sink) {
    if (tracer_ && !tracer_->drain(processes_, sink)) {
      trace_lost_ = true;
    }
  }

  /// Where the kernel reports no processes, as in a container, they are looked at once a second.
  void watch_processes() {
    if (auto opened = ProcessWatch::open()) {
      watch_.emplace(std::move(*opened));
    }
  }

  void drain_processes(capture::RecordSink& sink) {
    if (!watch_) {
      return;
    }
    const auto began_ns = os::read_boot_clock_ns();
    if (const auto drained = watch_->drain(processes_, sink); !drained) {
      watch_.reset();
      const capture::TableFailed failed{
          0, capture::RecordKind::process_events, drained.error().message()};
      sink.consume(make(failed, 0, began_ns));
    }
  }

  /// Without a free descriptor no process can be read: its owner looks unknown, its end looks near.
  bool check_descriptors(capture::RecordSink& sink) {
    const os::UniqueFd free{::open("/proc", O_PATH | O_CLOEXEC)};
    const auto error = free ? 0 : errno;
    const auto since_ns = std::exchange(had_descriptors_ns_, os::read_boot_clock_ns());
    const bool lacks = error == EMFILE || error == ENFILE;
    const bool lacked = !no_descriptor_.empty();
    if (lacks) {
      no_descriptor_ = fail_errno(error, "read processes; raise ulimit -n").message();
    }
    // Until the first look that found one again it may have lacked, too.
    if (lacks || lacked) {
      sink.consume(
          make(capture::TableFailed{0, capture::RecordKind::process, no_descriptor_}, 0, since_ns));
    }
    if (!lacks) {
      no_descriptor_.clear();
    }
    return !lacks;
  }

  /// An end that the trace reports needs no notice, which costs the kernel more. What is older than
  /// the trace does.
  void choose_notices(bool has_untraced) {
    const bool wanted = !tracer_ || has_untraced;
    if (wanted && !tcp_notices_) {
      namespaces_.subscribe_tcp();
    } else if (!wanted && tcp_notices_) {
      namespaces_.unsubscribe_tcp();
    }
    tcp_notices_ = wanted;
  }

  void check_trace(capture::RecordSink& sink) {
    const auto checked_ns = std::exchange(checked_ns_, os::read_boot_clock_ns());
    if (!tracer_) {
      return;
    }
    if (tracer_->attached()) {
      return tracer_->check_packets(sink);
    }
    tracer_->drain(processes_, sink);
    tracer_.reset();
    no_trace_reason_ = "somebody has detached the trace";
    choose_notices(true);
    watch_processes();
    sink.consume(make(capture::TraceEnded{no_trace_reason_}, 0, checked_ns));
  }

  void report_hosts(capture::RecordSink& sink) {
    const auto began_ns = os::read_boot_clock_ns();
    const auto text = hosts_ ? hosts_->read_if_changed() : std::nullopt;
    if (text) {
      sink.consume(make(capture::Hosts{bytes_of(*text)}, namespaces_.own_netns(), began_ns));
    }
  }

  KeptRecords first_counters_;
  std::optional<HostsFile> hosts_;  ///< absent: no names are wanted
  std::optional<Tracer> tracer_;
  std::string no_trace_reason_;
  bool tcp_notices_ = true;                             ///< subscribed to closes of TCP sockets
  bool trace_lost_ = false;                             ///< events were lost since the last drain
  std::int64_t checked_ns_ = os::read_boot_clock_ns();  ///< when the trace was last seen attached
  std::string no_descriptor_;  ///< why the last look found no free descriptor; empty: it found one
  std::int64_t had_descriptors_ns_ = os::read_boot_clock_ns();
  NamespaceSources namespaces_;
  OwnerSearch owners_;
  std::optional<ExecutableHashes> hashes_;
  ProcessTable processes_{
      [this](const ProcessId& process, std::string_view exe, std::int64_t at_ns) {
        if (hashes_ && !exe.empty()) {
          hashes_->request(ReportedProcess{process, std::string{exe}, at_ns});
        }
      }};
  std::optional<ProcessWatch> watch_;  ///< none with a trace, or where there is none
};

}  // namespace

bool can_hash_executables() {
  return true;
}

Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options) {
  const auto netns = own_network_namespace();
  const bool is_wanted =
      options.choice == SourceChoice::automatic || options.choice == SourceChoice::trace;
  std::optional<HeldSockets> kernel_list;
  if (auto opened = HeldSockets::open()) {
    kernel_list.emplace(std::move(*opened));
  }
  // Before the first table, so that no change is missed between the two.
  std::optional<Tracer> tracer;
  std::string no_trace_reason;
  if (is_wanted) {
    auto opened = Tracer::open(options);
    if (opened) {
      tracer.emplace(std::move(*opened));
    } else if (options.choice == SourceChoice::trace) {
      return opened.error();
    } else {
      no_trace_reason = "no tracing: " + opened.error().message();
    }
  }
  auto own = NamespaceSource::open(netns, options, kAllTables);
  if (!own) {
    return own.error();
  }
  if (own->name() == "procfs") {
    tracer.reset();  // procfs rows have no cookies to match traced changes with
  }
  return std::unique_ptr<LiveSource>{std::make_unique<LinuxSource>(netns,
                                                                   std::move(*own),
                                                                   std::move(tracer),
                                                                   std::move(kernel_list),
                                                                   std::move(no_trace_reason),
                                                                   options)};
}

}  // namespace netlog::source
