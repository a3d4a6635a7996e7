// SPDX-License-Identifier: MIT
#include "source/ip_helper/processes.hpp"

#include "os/clock.hpp"
#include "util/byte_reader.hpp"
#include "util/filetime.hpp"

#include <utility>

#include <fmt/format.h>

namespace netlog::source::ip_helper {
std::uint32_t ProcessTable::refresh(capture::RecordSink& sink) {
  std::vector<ListedProcess> processes;
  const auto before_ns = std::exchange(refreshed_ns_, os::read_boot_clock_ns());
  utc_offset_ns_ = os::measure_utc_offset_ns();
  if (const auto code = api_.list_processes(processes); code != kNoError) {
    refreshed_ns_ = before_ns;
    return code;
  }
  listed_ns_ = os::read_boot_clock_ns();
  listed_.clear();
  services_.reset();
  for (auto& process : processes) {
    listed_.emplace(process.pid, std::move(process));
  }
  std::erase_if(reported_, [&](const auto& reported) {
    const auto& [pid, created] = reported;
    const auto now = listed_.find(pid);
    if (now != listed_.end() && now->second.created == created) {
      return false;
    }
    sink.consume(
        {0, Span{before_ns, refreshed_ns_}, capture::ProcessExit{ProcessId{pid, created}, {}}});
    return true;
  });
  return kNoError;
}

bool ProcessTable::report(std::uint32_t pid, std::int64_t alive_at_ns, capture::RecordSink& sink) {
  const auto listed = listed_.find(pid);
  if (listed == listed_.end()) {
    return false;
  }
  // A time that is still to come says nothing: the clock was set back.
  const auto created_ns = utc_ns_of(listed->second.created) - utc_offset_ns_;
  if (created_ns > alive_at_ns && created_ns <= listed_ns_) {
    return false;
  }
  if (reported_.emplace(pid, listed->second.created).second) {
    const auto began_ns = os::read_boot_clock_ns();
    capture::ProcessRead process{pid, -utc_offset_ns_, sections_of(listed->second)};
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(process)});
  }
  return true;
}

std::vector<std::byte> ProcessTable::sections_of(const ListedProcess& process) {
  std::vector<std::byte> sections;
  const auto add = [&](capture::ProcessSection tag, const std::optional<std::string>& text) {
    if (text) {
      capture::append_section(sections, tag, as_bytes(*text));
    }
  };
  add(capture::ProcessSection::listed,
      fmt::format("{} {} {} {}", process.pid, process.created, process.parent, process.name));
  add(capture::ProcessSection::started_ns, std::to_string(utc_ns_of(process.created)));
  const auto details = api_.describe(process.pid, process.created);
  add(capture::ProcessSection::exe, details.image);
  add(capture::ProcessSection::cmdline, details.command_line);
  add(capture::ProcessSection::user, details.account);
  read_services();
  for (const auto& service : (*services_)[process.pid]) {
    add(capture::ProcessSection::service, service);
  }
  return sections;
}

/// Reads all services: the system has no call for those of one process.
void ProcessTable::read_services() {
  if (!services_) {
    std::vector<RunningService> services;
    api_.list_services(services);  // on an error processes have no services
    services_.emplace();
    for (auto& service : services) {
      (*services_)[service.pid].push_back(std::move(service.name));
    }
  }
}

}  // namespace netlog::source::ip_helper
