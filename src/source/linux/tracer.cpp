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
  const Packets::Wanted wanted{options.count_udp_flows, options.read_names};
  std::optional<Packets> packets;
  std::string no_packets;
  if (wanted.flows || wanted.dns) {
    if (auto opened = Packets::open(wanted)) {
      packets.emplace(std::move(*opened));
    } else {
      no_packets = opened.error().message();
    }
  }
  // CAP_NET_ADMIN and CAP_SYS_ADMIN stay: other network namespaces need them.
  os::drop_capabilities((std::uint64_t{1} << CAP_BPF) | (std::uint64_t{1} << CAP_PERFMON));
  return Tracer{std::move(*trace), wanted, std::move(packets), std::move(no_packets)};
}

Tracer::Tracer(Trace trace,
               const Packets::Wanted& wanted,
               std::optional<Packets> packets,
               std::string no_packets)
    : trace_{std::move(trace)},
      wanted_{wanted},
      packets_{std::move(packets)},
      no_packets_{std::move(no_packets)},
      had_packets_{packets_.has_value()},
      packets_checked_ns_{os::read_boot_clock_ns()},
      drained_ns_{packets_checked_ns_} {}

bool Tracer::drain(ProcessTable& processes, capture::RecordSink& sink) {
  const auto began_ns = os::read_boot_clock_ns();
  capture::TraceEvents trace;
  trace.events.reserve(last_bytes_);
  const auto lost = trace_.drain(trace.events);
  last_bytes_ = trace.events.size();
  // The answer that a program has connected by was copied before the trace reported its connect.
  // At once after it: of answers that come later, the connects before them are not known yet.
  auto dns = packets_ ? packets_->drain_dns() : capture::DnsMessages{};
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
  if (!dns.messages.empty() || dns.lost > 0) {
    sink.consume({0, asked, std::move(dns)});
  }
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
  if (!packets_) {
    return;
  }
  const auto began_ns = os::read_boot_clock_ns();
  auto flows = packets_->drain_flows();
  if (!flows) {
    return lose_packets(flows.error().message());
  }
  if (*flows && wanted_.flows) {
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(**flows)});
  }
}

void Tracer::flush(capture::RecordSink& sink) {
  if (!packets_ || !wanted_.flows) {
    return;
  }
  const auto began_ns = os::read_boot_clock_ns();
  if (auto flows = packets_->drain_all_flows()) {
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(*flows)});
  } else {
    lose_packets(flows.error().message());
    check_packets(sink);
  }
}

void Tracer::lose_packets(std::string why) {
  packets_.reset();
  no_packets_ = std::move(why);
}

void Tracer::check_packets(capture::RecordSink& sink) {
  const Span since{packets_checked_ns_, os::read_boot_clock_ns()};
  packets_checked_ns_ = since.ended_ns;
  if (packets_ && !packets_->attached()) {
    lose_packets("somebody has detached the programs that read packets");
  }
  if (no_packets_.empty() || !had_packets_) {
    return;  // what was never there leaves no gap
  }
  using capture::RecordKind;
  for (const auto& [is_wanted, kind] : {std::pair{wanted_.flows, RecordKind::udp_flows},
                                        std::pair{wanted_.dns, RecordKind::dns_messages}}) {
    if (is_wanted) {
      sink.consume({0, since, capture::TableFailed{0, kind, no_packets_}});
    }
  }
}

}  // namespace netlog::source
