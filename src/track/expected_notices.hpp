// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/snapshot.hpp"

#include <cstdint>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// Which sockets the kernel sends destroy notices for, and how late.
class ExpectedNotices {
 public:
  /// Sockets of these tables get a notice, at the latest `delay_ns` after their end.
  void expect(std::uint64_t netns, TableSet tables, std::int64_t delay_ns) {
    by_netns_[netns] = Expected{tables, delay_ns};
  }
  void forget(std::uint64_t netns) { by_netns_.erase(netns); }

  /// True if sockets of this table get a notice.
  [[nodiscard]] bool covers(std::uint64_t netns, TableKind table) const {
    const auto found = by_netns_.find(netns);
    return found != by_netns_.end() && (found->second.tables & table_bit(table)) != 0;
  }

  /// Until when a destroy notice may still come for a full socket that ended at `ended_ns`. Absent
  /// when none will come.
  [[nodiscard]] std::optional<std::int64_t> until(const Connection& connection,
                                                  std::int64_t ended_ns) const {
    const auto found = by_netns_.find(connection.netns);
    const bool expected = found != by_netns_.end() &&
                          (found->second.tables & table_bit(table_of(connection.tuple))) != 0;
    return expected ? std::optional{ended_ns + found->second.delay_ns} : std::nullopt;
  }

 private:
  struct Expected {
    TableSet tables = 0;
    std::int64_t delay_ns = 0;
  };
  boost::unordered_flat_map<std::uint64_t, Expected> by_netns_;
};

}  // namespace netlog::track
