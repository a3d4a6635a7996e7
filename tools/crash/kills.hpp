// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

namespace crash {

struct KillOptions {
  std::uint64_t seed = 1;
  std::filesystem::path directory;  ///< empty, used by nobody else
  std::string netlog;               ///< the recorder's binary; empty: only writers
  std::string churn;
};

struct KillTotals {
  std::int64_t kills = 0;
  std::int64_t of_recorders = 0;
  std::int64_t while_beginning = 0;
  std::int64_t corrupt = 0;  ///< found by SQLite's checks or ours
  std::int64_t lost_committed = 0;
  std::int64_t lost_beyond = 0;  ///< events pushed longer ago than the bound and lost
  std::int64_t with_loss = 0;
  std::int64_t longest_loss_ns = 0;  ///< age of the oldest lost event at the time of the kill
  std::int64_t gaps = 0;
  std::int64_t gaps_due = 0;
  std::string first_fault;  ///< and how to repeat it; empty: none

  [[nodiscard]] bool good() const {
    return corrupt == 0 && lost_committed == 0 && lost_beyond == 0 && gaps == gaps_due &&
           first_fault.empty();
  }
};

/// A killed recorder loses only events that were pushed within this time: it commits after 250 ms,
/// and the running commit and the next one take a few syncs of the disk each.
constexpr std::int64_t kKillBoundNs = 1'000'000'000;

/// Kills processes that write, at random moments, and checks their files.
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
