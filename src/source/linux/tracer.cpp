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
  // CAP_NET_ADMIN and CAP_SYS_ADMIN go on serving the other network namespaces.
  os::drop_capabilities((std::uint64_t{1} << CAP_BPF) | (std::uint64_t{1} << CAP_PERFMON));
  return Tracer{std::move(*trace)};
}

Tracer::Tracer(Trace trace)
    : trace_{std::move(trace)}, drained_boot_ns_{os::read_boot_clock_ns()} {}

bool Tracer::drain(ProcessTable& processes, capture::RecordSink& sink) {
  const auto began_boot_ns = os::read_boot_clock_ns();
  capture::RawRecord record;
  record.kind = capture::RecordKind::trace;
  record.a = os::boot_to_utc_ns(0);
  const auto lost = trace_.drain(record.payload);
  record.asked.ended_ns = os::utc_now_ns();
  record.asked.began_ns = os::boot_to_utc_ns(std::exchange(drained_boot_ns_, began_boot_ns));
  std::set<TracedProcess> named;
  for (std::size_t at = 0; at < record.payload.size(); at += Trace::kEventSize) {
    const auto process =
        Trace::process_of(std::span{record.payload}.subspan(at, Trace::kEventSize));
    if (process.pid != 0 && named.insert(process).second && !processes.knows(process)) {
      processes.tell(process.pid, sink);
    }
  }
  // The first is told even if it is empty: changes will be told.
  if (!record.payload.empty() || !std::exchange(told_, true)) {
    sink.consume(record);
  }
  if (lost > 0) {
    record.kind = capture::RecordKind::trace_lost;
    record.a = static_cast<std::int64_t>(lost);
    record.payload.clear();
    sink.consume(record);
  }
  return lost == 0;
}

}  // namespace netlog::source
