// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "source/ip_helper/api.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace netlog::source::ip_helper {

/// The processes that own sockets: told once each, with the services in them, and told again when
/// they have ended. Each look reads the whole list, in time linear in the processes.
class ProcessTable {
 public:
  explicit ProcessTable(Api& api) : api_{api} {}

  /// Reads the list, and hands over process_ended for what was told and is not on it any more.
  /// When the list cannot be read, nothing has ended, and the code says why.
  std::uint32_t look(capture::RecordSink& sink);

  /// Hands over the process that has the pid, if it has not been told yet. False when none had it
  /// at `alive_at_ns`: its pid may be another's by now.
  bool tell(std::uint32_t pid, std::int64_t alive_at_ns, capture::RecordSink& sink);

 private:
  [[nodiscard]] std::vector<std::byte> sections_of(const ListedProcess& process);
  void read_services();

  Api& api_;
  std::unordered_map<std::uint32_t, ListedProcess> listed_;
  std::unordered_map<std::uint32_t, std::uint64_t> told_;  ///< when each was created
  std::optional<std::unordered_map<std::uint32_t, std::vector<std::string>>>
      services_;  ///< by pid; absent: not read since the last look
  std::int64_t looked_ns_ = 0;
  std::int64_t utc_offset_ns_ = 0;  ///< by that look: the system stamps processes in UTC
};

}  // namespace netlog::source::ip_helper
