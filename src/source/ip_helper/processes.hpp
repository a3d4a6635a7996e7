// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "source/ip_helper/api.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace netlog::source::ip_helper {

/// Its name for people, its name if it has none.
const std::string& caption_of(const RunningService& service);

/// The processes that own sockets. Each is reported once, with the services in it, and once more
/// when it has ended. refresh() takes time linear in the number of all processes.
class ProcessTable {
 public:
  explicit ProcessTable(Api& api) : api_{api} {}

  /// Reads the list of processes, and emits process_ended for each reported process that is not in
  /// it any more. @return a system error code; with an error the old list stays
  std::uint32_t refresh(capture::RecordSink& sink);

  /// Emits a process record unless the process with this pid was reported before.
  /// One that has ended since the list before is reported, too, and its end by the next refresh().
  /// @return false if no process had the pid at `alive_at_ns`; a later process may have it now
  bool report(std::uint32_t pid, std::int64_t alive_at_ns, capture::RecordSink& sink);

  /// The service of this name that the process with this pid runs; null: it runs none. Valid until
  /// the services are read again.
  [[nodiscard]] const RunningService* find_service(std::uint32_t pid, std::string_view name);
  /// The services are read again when they are needed next.
  void forget_services() { services_.reset(); }

 private:
  using List = std::unordered_map<std::uint32_t, ListedProcess>;

  /// The process that had the pid at that time; null: none.
  [[nodiscard]] const ListedProcess* find(const List& list,
                                          std::uint32_t pid,
                                          std::int64_t alive_at_ns) const;
  [[nodiscard]] std::vector<std::byte> sections_of(const ListedProcess& process, bool is_running);
  /// When a process ended that was gone at the last refresh().
  [[nodiscard]] Span end_span(const std::optional<EndedProcess>& end) const;
  void read_services();

  Api& api_;
  List listed_;
  List list_before_;            ///< of the refresh() before
  std::int64_t before_ns_ = 0;  ///< when that was
  /// Reported, and ended at the last refresh(). When, if that is to be reported; absent: it was.
  std::map<ProcessId, std::optional<Span>> ended_;
  std::unordered_map<std::uint32_t, std::uint64_t> reported_;  ///< creation times by pid
  std::optional<std::unordered_map<std::uint32_t, std::vector<RunningService>>>
      services_;  ///< by pid; absent: not read since the last refresh()
  std::int64_t refreshed_ns_ = 0;
  std::int64_t listed_ns_ = 0;      ///< the list of that refresh() is not newer
  std::int64_t utc_offset_ns_ = 0;  ///< by that refresh(): the system stamps processes in UTC
};

}  // namespace netlog::source::ip_helper
