// SPDX-License-Identifier: MIT
#include "source/live_source.hpp"

#include "model/process.hpp"
#include "os/clock.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/linux/namespace_source.hpp"
#include "source/linux/namespaces.hpp"
#include "source/linux/owner_search.hpp"
#include "source/linux/process.hpp"
#include "source/linux/tracer.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>

#include <malloc.h>

namespace netlog::source {
namespace {

// Each costs some descriptors and, at every tick, a walk through the kernel's tables.
constexpr std::size_t kMaxNamespaces = 256;
constexpr TableSet kUdpTables = table_bit(TableKind::udp4) | table_bit(TableKind::udp6);

// Each watched process and each socket list that is kept open costs a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// What a table or a burst takes for a moment goes back to the system, instead of leaving holes.
void give_back_large_blocks() {
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);  // NOLINT(concurrency-mt-unsafe): glibc locks
}

Result<NamespaceSource> open_within(std::uint64_t netns,
                                    std::uint32_t pid,
                                    const SourceOptions& options,
                                    TableSet announced) {
  std::optional<Result<NamespaceSource>> source;
  if (const auto entered = within_namespace(
          netns, pid, [&] { source.emplace(NamespaceSource::open(netns, options, announced)); });
      !entered) {
    return entered.error();
  }
  return std::move(*source);
}

class LinuxSource final : public LiveSource {
 public:
  LinuxSource(std::uint64_t netns,
              NamespaceSource own,
              std::optional<Tracer> tracer,
              std::optional<HeldSockets> held,
              std::string untraced_because,
              const SourceOptions& options)
      : options_{options},
        own_netns_{netns},
        own_{std::move(own)},
        tracer_{std::move(tracer)},
        untraced_because_{std::move(untraced_because)},
        owners_{std::move(held)} {
    raise_descriptor_limit();
    give_back_large_blocks();
  }

  [[nodiscard]] std::string name() const override {
    return tracer_ ? "trace+" + own_.name() : own_.name();
  }
  [[nodiscard]] std::string fallback_reason() const override {
    return own_.fallback_reason().empty() ? untraced_because_ : own_.fallback_reason();
  }
  [[nodiscard]] bool tracing() const override { return tracer_.has_value(); }

  void sample(const SamplePlan& plan, capture::RecordSink& sink) override {
    TraceFirst ordered{*this, sink};
    follow_namespaces(plan.changes, ordered);
    own_.sample(plan, ordered);
    for (auto& [netns, source] : others_) {
      source.sample(plan, ordered);
    }
    reopen();
    if (plan.changes) {
      processes_.tell_ends(sink);
      check_trace(sink);
    }
  }

  bool drain(capture::RecordSink& sink) override {
    drain_trace(sink);
    TraceFirst ordered{*this, sink};
    bool all = own_.drain_notices(ordered);
    for (auto& [netns, source] : others_) {
      all = source.drain_notices(ordered) && all;
    }
    return !std::exchange(trace_lost_, false) && all;
  }

  void find_owners(std::span<const OwnerQuery> questions,
                   std::chrono::nanoseconds budget,
                   capture::RecordSink& sink) override {
    const auto began_ns = os::read_boot_clock_ns();
    std::string text;
    std::map<std::uint32_t, bool> told;  // each process is looked at once, however much it holds
    const auto tell = [&](std::uint32_t pid) {
      const auto [process, is_first] = told.try_emplace(pid);
      if (is_first) {
        process->second = processes_.tell(pid, sink);
      }
      return process->second;
    };
    for (const auto& answer : owners_.find(questions, budget)) {
      if (answer.pid && tell(*answer.pid)) {
        text += fmt::format("{} {}\n", answer.inode, *answer.pid);
      } else {
        text += fmt::format("{} - {}\n", answer.inode, netlog::name(answer.why));
      }
    }
    if (!text.empty()) {
      sink.consume(make(capture::SocketHolders{bytes_of(text)}, own_netns_, began_ns));
    }
  }

  void forget(std::span<const std::uint64_t> inodes) override { owners_.forget(inodes); }

 private:
  static capture::RawRecord make(capture::Payload payload,
                                 std::uint64_t netns,
                                 std::int64_t began_ns) {
    return {netns, Span{began_ns, os::read_boot_clock_ns()}, std::move(payload)};
  }

  /// Processes that begin are looked at on every tick, since a container begins with one; that a
  /// namespace was left can only be told from all of them.
  void follow_namespaces(bool all, capture::RecordSink& sink) {
    const auto began_ns = os::read_boot_clock_ns();
    auto found = all ? namespaces_.all() : namespaces_.newcomers();
    found.erase(own_netns_);
    for (const auto& [netns, pid] : found) {
      // One that a mount has kept is not empty when a process enters it.
      const bool is_new = looked_ns_ && !inhabited_.contains(netns) && !pinned_.contains(netns);
      if (is_new) {
        sink.consume(make(capture::NamespaceFound{}, netns, *looked_ns_));
      }
      if (!others_.contains(netns) && (is_new || all || !inhabited_.contains(netns))) {
        begin_following(netns, pid, sink);
      }
    }
    if (!all) {
      inhabited_.merge(found);
      return;
    }
    pinned_ = pinned_namespaces();
    for (const auto& [netns, pid] : std::exchange(inhabited_, found)) {
      if (pinned_.contains(netns)) {
        inhabited_.emplace(netns, pid);
      } else if (!found.contains(netns)) {
        end_following(netns, sink);
      }
    }
    looked_ns_ = began_ns;
  }

  void begin_following(std::uint64_t netns, std::uint32_t pid, capture::RecordSink& sink) {
    auto opened =
        others_.size() < kMaxNamespaces
            ? open_within(netns, pid, options_, announced())
            : Result<NamespaceSource>{fail(
                  errc::too_large, fmt::format("more than {} network namespaces", kMaxNamespaces))};
    if (opened) {
      others_.emplace(netns, std::move(*opened));
      return;
    }
    const capture::TableFailed failed{
        kAllTables, capture::RecordKind::namespace_found, opened.error().message()};
    sink.consume(make(failed, netns, looked_ns_.value_or(os::read_boot_clock_ns())));
  }

  void end_following(std::uint64_t netns, capture::RecordSink& sink) {
    const auto source = others_.find(netns);
    if (source != others_.end()) {
      source->second.sample(SamplePlan{}, sink);  // what was left, and the last counters
      others_.erase(source);
    }
    sink.consume(make(capture::NamespaceGone{}, netns, *looked_ns_));
  }

  /// Whatever a table or a notice tells has been traced before: its changes are handed over first.
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

  /// Ends that the trace tells need no announcement, which costs the kernel more.
  [[nodiscard]] TableSet announced() const { return tracer_ ? kUdpTables : kAllTables; }

  void check_trace(capture::RecordSink& sink) {
    const auto checked_ns = std::exchange(checked_ns_, os::read_boot_clock_ns());
    if (!tracer_ || tracer_->attached()) {
      return;
    }
    tracer_->drain(processes_, sink);
    tracer_.reset();
    untraced_because_ = "somebody has detached the trace";
    own_.announce_tcp();
    for (auto& [netns, source] : others_) {
      source.announce_tcp();
    }
    sink.consume(make(capture::TraceEnded{untraced_because_}, 0, checked_ns));
  }

  void reopen() {
    if (!own_.usable()) {
      own_.reopen_tables();
    }
    // The next look at the namespaces opens them.
    std::erase_if(others_, [](const auto& entry) { return !entry.second.usable(); });
  }

  SourceOptions options_;
  std::uint64_t own_netns_;
  NamespaceSource own_;
  std::optional<Tracer> tracer_;
  std::string untraced_because_;
  bool trace_lost_ = false;                             ///< since the last drain
  std::int64_t checked_ns_ = os::read_boot_clock_ns();  ///< when the trace was known to be attached
  std::map<std::uint64_t, NamespaceSource> others_;
  NamespaceSearch namespaces_;
  Namespaces inhabited_;  ///< the others that are known of
  std::set<std::uint64_t> pinned_;
  std::optional<std::int64_t> looked_ns_;  ///< when all processes were asked last
  OwnerSearch owners_;
  ProcessTable processes_;
};

}  // namespace

Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options) {
  const auto netns = own_network_namespace();
  const bool wanted =
      options.choice == SourceChoice::automatic || options.choice == SourceChoice::trace;
  std::optional<HeldSockets> held;
  if (auto opened = HeldSockets::open()) {
    held.emplace(std::move(*opened));
  }
  // Before the first table, so that no change falls between the two.
  std::optional<Tracer> tracer;
  std::string untraced_because;
  if (wanted) {
    auto opened = Tracer::open(options);
    if (opened) {
      tracer.emplace(std::move(*opened));
    } else if (options.choice == SourceChoice::trace) {
      return opened.error();
    } else {
      untraced_because = "no tracing: " + opened.error().message();
    }
  }
  auto own = NamespaceSource::open(netns, options, tracer ? kUdpTables : kAllTables);
  if (!own) {
    return own.error();
  }
  if (own->name() == "procfs") {
    tracer.reset();  // without cookies it can't be joined to rows
  }
  return std::unique_ptr<LiveSource>{std::make_unique<LinuxSource>(netns,
                                                                   std::move(*own),
                                                                   std::move(tracer),
                                                                   std::move(held),
                                                                   std::move(untraced_because),
                                                                   options)};
}

}  // namespace netlog::source
