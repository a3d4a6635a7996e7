// SPDX-License-Identifier: MIT
#pragma once

#include "support/fault_vfs.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>

namespace netlog::test {

/// What the power cuts led to.
struct CutTotals {
  std::int64_t cuts = 0;
  std::int64_t while_beginning = 0;  ///< while a session began or its tables were created
  std::int64_t while_writing = 0;
  std::int64_t while_ending = 0;
  std::int64_t clean = 0;      ///< after the session had ended
  std::int64_t corrupt = 0;    ///< found by SQLite's checks or ours
  std::int64_t lost = 0;       ///< cuts that lost committed events
  std::int64_t with_loss = 0;  ///< cuts that lost events that were pushed and not committed
  std::int64_t gaps = 0;       ///< recordings whose next session recorded the gap
  std::int64_t gaps_due = 0;
  std::string first_fault;  ///< and how to repeat it; empty: none

  [[nodiscard]] bool good() const {
    return corrupt == 0 && lost == 0 && gaps == gaps_due && first_fault.empty();
  }
};

/// Cuts the power of a recorder many times while it writes. After each cut the disk holds one of
/// the states that it may hold, and the next recorder is compared with what had been committed.
/// After some cuts a new recording begins. The same seed makes the same cuts.
class PowerCuts {
 public:
  /// @param directory empty, used by nobody else
  PowerCuts(std::uint64_t seed, std::filesystem::path directory);

  void cut();
  [[nodiscard]] const CutTotals& totals() const { return totals_; }

 private:
  enum class Phase { beginning, writing, ending, over };

  Phase record(const std::filesystem::path& path,
               std::int64_t& committed,
               std::int64_t& pushed_at_cut);
  void check(std::int64_t committed, std::int64_t pushed);
  void fault(const std::string& what);

  std::uint64_t seed_;
  std::filesystem::path directory_;
  std::mt19937_64 random_;
  FaultVfs vfs_;
  CutTotals totals_;
  std::int64_t session_ = 0;
  int on_this_recording_ = 0;
  std::map<std::int64_t, std::int64_t> durable_;  ///< events of earlier sessions, by session
};

}  // namespace netlog::test
