// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

namespace crash {

struct KillOptions {
  std::uint64_t seed = 1;
  std::filesystem::path directory;  ///< an empty one of its own
  std::string netlog;               ///< the real recorder and its load; empty: only writers
  std::string churn;
};

struct KillTotals {
  std::int64_t kills = 0;
  std::int64_t of_recorders = 0;
  std::int64_t while_beginning = 0;
  std::int64_t corrupt = 0;  ///< SQLite's checks or ours
  std::int64_t lost_committed = 0;
  std::int64_t lost_beyond = 0;  ///< told longer ago than the bound, and gone
  std::int64_t with_loss = 0;
  std::int64_t longest_loss_ns = 0;  ///< age of the oldest that was gone, when it was killed
  std::int64_t gaps = 0;
  std::int64_t gaps_due = 0;
  std::string first_fault;  ///< with what repeats it; empty: none

  [[nodiscard]] bool good() const {
    return corrupt == 0 && lost_committed == 0 && lost_beyond == 0 && gaps == gaps_due &&
           first_fault.empty();
  }
};

/// A killed recorder loses no more than what it was told so long before: it commits after 250 ms,
/// and the commit that runs and the one that follows take their time, each a few syncs of the disk.
constexpr std::int64_t kKillBoundNs = 1'000'000'000;

/// Kills processes that write, at random moments, and looks at what they leave.
class Kills {
 public:
  explicit Kills(KillOptions options);

  /// A process that pushes a load through the writer, into one file again and again.
  void kill_writer();
  /// `netlog record` itself, while connections come and go.
  void kill_recorder();
  [[nodiscard]] const KillTotals& totals() const { return totals_; }

 private:
  void fault(const std::string& what);

  KillOptions options_;
  std::mt19937_64 random_;
  KillTotals totals_;
  std::int64_t session_ = 0;
  std::int64_t on_this_file_ = 0;
};

}  // namespace crash
