// SPDX-License-Identifier: MIT
#include "source/linux/process_watch.hpp"

#include "os/clock.hpp"
#include "source/linux/kept_records.hpp"

#include <utility>

namespace netlog::source {
namespace {

// A process that does nothing but execute programs must not keep us busy.
constexpr int kReadings = 3;

}  // namespace

ProcessWatch::ProcessWatch(ProcConnector connector)
    : connector_{std::move(connector)}, drained_ns_{os::read_boot_clock_ns()} {}

Result<ProcessWatch> ProcessWatch::open() {
  if (const auto shift = proc_connector_shift_ns(); !shift) {
    return shift.error();
  }
  auto connector = ProcConnector::open();
  if (!connector) {
    return connector.error();
  }
  return ProcessWatch{std::move(*connector)};
}

Result<void> ProcessWatch::drain(ProcessTable& processes, capture::RecordSink& sink) {
  // Looked for before the messages are read, so that those of the last threads are among them.
  const auto ended = processes.find_ended(std::exchange(ending_, {}));
  auto taken = take_messages(processes, sink);
  if (!taken) {
    return taken.error();
  }
  executed_.merge(*taken);
  for (int i = 0; i < kReadings && !executed_.empty(); ++i) {
    KeptRecords readings;
    for (const auto pid : executed_) {
      processes.report_again(pid, readings);
    }
    // What has executed another program meanwhile is read again.
    auto again = take_messages(processes, sink);
    if (!again) {
      return again.error();
    }
    for (const auto& record : readings.records) {
      if (!again->contains(std::get<capture::ProcessRead>(record.payload).pid)) {
        sink.consume(record);
      }
    }
    executed_ = std::move(*again);
  }
  processes.report_ended(ended, sink);
  return {};
}

Result<std::set<std::uint32_t>> ProcessWatch::take_messages(const ProcessTable& processes,
                                                            capture::RecordSink& sink) {
  const auto began_ns = os::read_boot_clock_ns();
  auto events = connector_.drain([&](std::uint32_t pid) { return processes.has_reported(pid); });
  if (!events) {
    return events.error();
  }
  const Span asked{std::exchange(drained_ns_, began_ns), os::read_boot_clock_ns()};
  ending_.merge(events->thread_ended);
  if (!events->messages.empty()) {
    const auto shift_ns = proc_connector_shift_ns().value();
    sink.consume({0, asked, capture::ProcessMessages{shift_ns, std::move(events->messages)}});
  }
  if (events->drained.overrun) {
    sink.consume({0, asked, capture::ProcessMessagesLost{events->drained.lost}});
  }
  return std::move(events->executed);
}

}  // namespace netlog::source
