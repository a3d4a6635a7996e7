// SPDX-License-Identifier: MIT
#include "source/linux/tracer.hpp"

#include "os/clock.hpp"
#include "os/linux/capabilities.hpp"

#include <algorithm>
#include <set>

#include <linux/capability.h>

#include <unistd.h>

namespace netlog::source {

Result<Tracer> Tracer::open(const SourceOptions& options) {
  auto trace = Trace::open(static_cast<std::size_t>(options.trace_buffer_bytes), ::getpid());
  if (!trace) {
    return trace.error();
  }
  std::optional<UdpFlows> flows;
  if (options.count_udp_flows) {
    if (auto opened = UdpFlows::open()) {
      flows.emplace(std::move(*opened));
    }
  }
  // CAP_NET_ADMIN and CAP_SYS_ADMIN stay: other network namespaces need them.
  os::drop_capabilities((std::uint64_t{1} << CAP_BPF) | (std::uint64_t{1} << CAP_PERFMON));
  return Tracer{std::move(*trace), std::move(flows)};
}

Tracer::Tracer(Trace trace, std::optional<UdpFlows> flows)
    : trace_{std::move(trace)},
      flows_{std::move(flows)},
      flows_checked_ns_{os::read_boot_clock_ns()},
      drained_ns_{flows_checked_ns_} {}

bool Tracer::drain(ProcessTable& processes, capture::RecordSink& sink) {
  const auto began_ns = os::read_boot_clock_ns();
  capture::TraceEvents trace;
  const auto lost = trace_.drain(trace.events);
  const Span asked{std::exchange(drained_ns_, began_ns), os::read_boot_clock_ns()};
  std::set<TracedProcess> named;
  const auto reports = trace_.take_processes();
  for (const auto& report : reports) {
    if (report.kind != ProcessReport::Kind::ended) {
      processes.report(report, sink);
    }
  }
  std::vector<TracedProcess> gone;
  for (std::size_t at = 0; at < trace.events.size(); at += Trace::kEventSize) {
    const auto process = Trace::process_of(std::span{trace.events}.subspan(at, Trace::kEventSize));
    if (process.pid != 0 && named.insert(process).second && !processes.has_reported(process)) {
      trace_.follow(process.pid);
      processes.report(process.pid, sink);
      if (!processes.has_reported(process)) {
        gone.push_back(process);
      }
    }
  }
  // The first record is emitted even if it is empty: it says that the trace has begun.
  if (!trace.events.empty() || !std::exchange(has_begun_, true)) {
    sink.consume({0, asked, std::move(trace)});
  }
  // After the processes that use the sockets, and before the notices of their ends.
  drain_flows(sink);
  // A process lets go of its sockets after its end is reported.
  for (const auto& report : reports) {
    if (report.kind == ProcessReport::Kind::ended) {
      processes.report_end(report, sink);
    }
  }
  // It has used a socket before, and ended at any time since its start.
  for (const auto& process : gone) {
    const auto start_ns = static_cast<std::int64_t>(process.start_boot_ns);
    const Span ended{std::min(start_ns, asked.began_ns), asked.ended_ns};
    sink.consume({0, ended, capture::ProcessExit{process_id(process), {}}});
  }
  if (lost > 0) {
    sink.consume({0, asked, capture::TraceLost{static_cast<std::int64_t>(lost)}});
  }
  return lost == 0;
}

void Tracer::drain_flows(capture::RecordSink& sink) {
  if (!flows_) {
    return;
  }
  const auto began_ns = os::read_boot_clock_ns();
  auto drained = flows_->drain();
  if (!drained) {
    return lose_flows(drained.error().message());
  }
  if (*drained) {
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(**drained)});
  }
}

void Tracer::flush(capture::RecordSink& sink) {
  if (!flows_) {
    return;
  }
  const auto began_ns = os::read_boot_clock_ns();
  if (auto drained = flows_->drain_all()) {
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(*drained)});
  } else {
    lose_flows(drained.error().message());
    check_flows(sink);
  }
}

void Tracer::lose_flows(std::string why) {
  flows_.reset();
  no_flows_ = std::move(why);
}

void Tracer::check_flows(capture::RecordSink& sink) {
  const Span since{flows_checked_ns_, os::read_boot_clock_ns()};
  flows_checked_ns_ = since.ended_ns;
  if (flows_ && !flows_->attached()) {
    lose_flows("somebody has detached the counters of UDP flows");
  }
  if (!no_flows_.empty()) {
    sink.consume({0, since, capture::TableFailed{0, capture::RecordKind::udp_flows, no_flows_}});
  }
}

}  // namespace netlog::source
