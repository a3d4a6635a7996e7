// SPDX-License-Identifier: MIT
#pragma once

#include "support/fault_vfs.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>

namespace netlog::test {

/// What cuts of the power have led to.
struct CutTotals {
  std::int64_t cuts = 0;
  std::int64_t while_beginning = 0;  ///< when a session began, the first one's tables included
  std::int64_t while_writing = 0;
  std::int64_t while_ending = 0;
  std::int64_t clean = 0;      ///< the session had ended before it came to it
  std::int64_t corrupt = 0;    ///< SQLite's checks or ours
  std::int64_t lost = 0;       ///< of what had been committed, something was gone
  std::int64_t with_loss = 0;  ///< what had been told and not yet committed was gone
  std::int64_t gaps = 0;       ///< recordings whose next session said what was missing
  std::int64_t gaps_due = 0;
  std::string first_fault;  ///< with what repeats it; empty: none

  [[nodiscard]] bool good() const {
    return corrupt == 0 && lost == 0 && gaps == gaps_due && first_fault.empty();
  }
};

/// A recorder whose power is cut again and again while it writes: each time one of the outcomes
/// that are allowed is what the next one finds, and it is held against what had been told. After
/// some cuts a new recording is begun. The same seed makes the same cuts.
class PowerCuts {
 public:
  /// @param directory an empty one of its own
  PowerCuts(std::uint64_t seed, std::filesystem::path directory);

  void cut();
  [[nodiscard]] const CutTotals& totals() const { return totals_; }

 private:
  enum class Phase { beginning, writing, ending, over };

  Phase record(const std::filesystem::path& path, std::int64_t& committed, std::int64_t& told);
  void judge(std::int64_t committed, std::int64_t told);
  void fault(const std::string& what);

  std::uint64_t seed_;
  std::filesystem::path directory_;
  std::mt19937_64 random_;
  FaultVfs vfs_;
  CutTotals totals_;
  std::int64_t session_ = 0;
  int on_this_recording_ = 0;
  std::map<std::int64_t, std::int64_t> durable_;  ///< events by session, of those before
};

}  // namespace netlog::test
