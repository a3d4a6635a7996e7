// SPDX-License-Identifier: MIT
#include "source/ip_helper/processes.hpp"

#include "os/clock.hpp"
#include "util/byte_reader.hpp"
#include "util/filetime.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace netlog::source::ip_helper {
namespace {

/// Names of services are compared without their case.
bool is_same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::int64_t> wait_status_of(const std::optional<EndedProcess>& end) {
  constexpr int kStatusShift = 8;
  return end ? std::optional{std::int64_t{end->exit_code} << kStatusShift} : std::nullopt;
}

}  // namespace

const std::string& caption_of(const RunningService& service) {
  return service.caption.empty() ? service.name : service.caption;
}

std::uint32_t ProcessTable::refresh(capture::RecordSink& sink) {
  std::vector<ListedProcess> processes;
  const auto before_ns = std::exchange(refreshed_ns_, os::read_boot_clock_ns());
  utc_offset_ns_ = os::measure_utc_offset_ns();
  if (const auto code = api_.list_processes(processes); code != kNoError) {
    refreshed_ns_ = before_ns;
    return code;
  }
  listed_ns_ = os::read_boot_clock_ns();
  for (const auto& [id, ended] : std::exchange(ended_, {})) {
    if (ended) {
      sink.consume({0, *ended, capture::ProcessExit{id, {}}});
    }
  }
  list_before_ = std::exchange(listed_, {});
  before_ns_ = before_ns;
  services_.reset();
  for (auto& process : processes) {
    listed_.emplace(process.pid, std::move(process));
  }
  std::erase_if(reported_, [&](const auto& reported) {
    const auto& [pid, created] = reported;
    const auto end = api_.end_of(pid, created);
    const auto now = listed_.find(pid);
    if (now != listed_.end() && now->second.created == created) {
      if (!end) {
        return false;
      }
      listed_.erase(now);  // it is there because it is held
    }
    api_.forget(pid, created);
    const ProcessId id{pid, created};
    sink.consume({0, end_span(end), capture::ProcessExit{id, wait_status_of(end)}});
    ended_.emplace(id, std::nullopt);
    return true;
  });
  return kNoError;
}

Span ProcessTable::end_span(const std::optional<EndedProcess>& end) const {
  constexpr std::int64_t kClockTickNs = 15'625'000;
  const Span between{before_ns_, refreshed_ns_};
  if (!end) {
    return between;
  }
  const auto from_ns = utc_ns_of(end->ended) - utc_offset_ns_;
  const Span exact{std::max(from_ns, between.began_ns),
                   std::min(from_ns + kClockTickNs, between.ended_ns)};
  return exact.began_ns <= exact.ended_ns ? exact : between;  // else the clock was set
}

bool ProcessTable::report(std::uint32_t pid, std::int64_t alive_at_ns, capture::RecordSink& sink) {
  const auto* const process = find(listed_, pid, alive_at_ns);
  const auto* const ended = process == nullptr ? find(list_before_, pid, alive_at_ns) : nullptr;
  const auto* const found = process != nullptr ? process : ended;
  if (found == nullptr) {
    return false;
  }
  const ProcessId id{pid, found->created};
  const bool is_new = process != nullptr
                          ? reported_.emplace(pid, id.start).second
                          : ended_.emplace(id, Span{before_ns_, refreshed_ns_}).second;
  if (is_new) {
    const auto began_ns = os::read_boot_clock_ns();
    capture::ProcessRead read{pid, -utc_offset_ns_, sections_of(*found, process != nullptr)};
    sink.consume({0, Span{began_ns, os::read_boot_clock_ns()}, std::move(read)});
  }
  return true;
}

const ListedProcess* ProcessTable::find(const List& list,
                                        std::uint32_t pid,
                                        std::int64_t alive_at_ns) const {
  const auto listed = list.find(pid);
  if (listed == list.end()) {
    return nullptr;
  }
  // A time that is still to come says nothing: the clock was set back.
  const auto created_ns = utc_ns_of(listed->second.created) - utc_offset_ns_;
  const bool began_later = created_ns > alive_at_ns && created_ns <= listed_ns_;
  return began_later ? nullptr : &listed->second;
}

const RunningService* ProcessTable::find_service(std::uint32_t pid, std::string_view name) {
  read_services();
  const auto services = services_->find(pid);
  if (services == services_->end()) {
    return nullptr;
  }
  const auto found = std::find_if(
      services->second.begin(), services->second.end(), [&](const RunningService& service) {
        return is_same_word(service.name, name);
      });
  return found == services->second.end() ? nullptr : &*found;
}

std::vector<std::byte> ProcessTable::sections_of(const ListedProcess& process, bool is_running) {
  std::vector<std::byte> sections;
  const auto add = [&](capture::ProcessSection tag, const std::optional<std::string>& text) {
    if (text) {
      capture::append_section(sections, tag, as_bytes(*text));
    }
  };
  add(capture::ProcessSection::listed,
      fmt::format("{} {} {} {}", process.pid, process.created, process.parent, process.name));
  add(capture::ProcessSection::started_ns, std::to_string(utc_ns_of(process.created)));
  if (!is_running) {
    return sections;
  }
  const auto details = api_.describe(process.pid, process.created);
  add(capture::ProcessSection::exe, details.image);
  add(capture::ProcessSection::cmdline, details.command_line);
  add(capture::ProcessSection::user, details.account);
  read_services();
  for (const auto& service : (*services_)[process.pid]) {
    add(capture::ProcessSection::service, service.name);
    add(capture::ProcessSection::service_caption, caption_of(service));
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
      (*services_)[service.pid].push_back(std::move(service));
    }
  }
}

}  // namespace netlog::source::ip_helper
