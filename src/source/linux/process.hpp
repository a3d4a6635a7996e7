// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/container_names.hpp"
#include "source/linux/trace.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace netlog::source {

/// The start time of a process in clock ticks since boot (proc(5), stat, field 22); nothing if the
/// process has ended.
std::optional<std::uint64_t> process_start(std::uint32_t pid);

/// The parent of a process; nothing if the process has ended.
std::optional<std::uint32_t> process_parent(std::uint32_t pid);

/// How records name this process.
ProcessId process_id(const TracedProcess& process);

/// The processes that hold sockets. Each is read once and then watched until it ends.
class ProcessTable {
 public:
  /// A process whose record was emitted, with the text of its executable (empty: unknown), and when
  /// it had this one, boot clock.
  using OnReported =
      std::function<void(const ProcessId& process, std::string_view exe, std::int64_t at_ns)>;

  explicit ProcessTable(OnReported on_reported =
                            [](const ProcessId&, std::string_view, std::int64_t) {})
      : on_reported_{std::move(on_reported)} {}

  /// Emits a process record unless this process was reported before.
  /// @return false if there is no such process
  bool report(std::uint32_t pid, capture::RecordSink& sink);

  /// Emits what the trace reported of a process. Of one that was reported before, only that it has
  /// executed a program or changed its user.
  void report(const ProcessReport& process, capture::RecordSink& sink);
  /// The same of an end. A process that was not reported is ignored.
  void report_end(const ProcessReport& process, capture::RecordSink& sink);

  /// True if this incarnation was reported.
  [[nodiscard]] bool has_reported(const TracedProcess& process) const;

  /// Emits a process record of a reported process again, since it has executed a program.
  void report_again(std::uint32_t pid, capture::RecordSink& sink);

  [[nodiscard]] bool has_reported(std::uint32_t pid) const { return known_.contains(pid); }

  /// A reported process that has ended within some time.
  struct Ended {
    ProcessId id;
    Span within;
  };
  /// The reported processes that have ended since the last call.
  std::vector<Ended> find_ended();
  /// Those of them that have these pids, as far as that shows without reading /proc.
  [[nodiscard]] std::vector<Ended> find_ended(const std::set<std::uint32_t>& pids) const;
  /// Emits process_ended for each of them that was not reported as ended before.
  void report_ended(const std::vector<Ended>& ended, capture::RecordSink& sink);

 private:
  struct Known {
    std::uint64_t start = 0;
    os::UniqueFd pidfd;  ///< none if there are too many: then the start time is compared
  };
  struct Opened;
  /// What it is now.
  capture::RawRecord read(std::uint32_t pid, const Opened& process);
  void add(std::uint32_t pid, std::uint64_t start);
  /// Appends the cgroups as read, and the names of the container that they lead to.
  void append_cgroups(std::vector<std::byte>& sections, std::string_view cgroups);
  const std::string& user_name(std::uint32_t uid);

  OnReported on_reported_;
  std::unordered_map<std::uint32_t, Known> known_;
  std::unordered_map<std::uint32_t, std::string> user_names_;  ///< by uid
  ContainerNames containers_;
  std::int64_t last_check_ns_ = os::read_boot_clock_ns();
};

}  // namespace netlog::source
