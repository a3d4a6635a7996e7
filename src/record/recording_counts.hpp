// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace netlog::record {

/// Counts what a recorder has recorded since it began, by words that have few values. Counts never
/// become smaller: what is learned of a connection after its end was counted changes none.
class RecordingCounts {
 public:
  struct Gaps {
    std::int64_t count = 0;
    std::int64_t lost = 0;  ///< of what the reason counts

    bool operator==(const Gaps&) const = default;
  };
  using SourceAndReason = std::pair<std::string, std::string>;

  RecordingCounts();

  void add(const ConnectionEvents& of);
  void add(const Gap& gap);
  void add(const Coverage& coverage);

  [[nodiscard]] std::int64_t events() const { return events_; }
  [[nodiscard]] std::int64_t all_gaps() const { return all_gaps_; }

  /// By source and reason. Those that matter most are there from the beginning, with 0.
  [[nodiscard]] const std::map<SourceAndReason, Gaps>& gaps() const { return gaps_; }

  /// TCP connections that the kernel opened in the windows of coverage that are over, and how many
  /// of them were recorded.
  [[nodiscard]] std::int64_t kernel_opens() const { return kernel_opens_; }
  [[nodiscard]] std::int64_t recorded_opens() const { return recorded_opens_; }

  /// Connections that were seen to open.
  [[nodiscard]] std::int64_t opened(Protocol protocol, Direction direction) const;
  /// Connections that ended: entered TIME_WAIT or disappeared, whichever came first.
  [[nodiscard]] std::int64_t ended(Protocol protocol, Direction direction, Outcome outcome) const;
  /// Those of them that were connects that failed, as `netlog report failed` has them.
  [[nodiscard]] std::int64_t failed_connects(Outcome outcome) const;

 private:
  static constexpr std::size_t kDirections = static_cast<std::size_t>(Direction::listen) + 1;
  static constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::unreachable) + 1;
  using ByOutcome = std::array<std::int64_t, kOutcomes>;
  template <typename T>
  using ByFlow = std::array<std::array<T, kDirections>, 2>;

  std::int64_t events_ = 0;
  std::int64_t all_gaps_ = 0;
  std::map<SourceAndReason, Gaps> gaps_;
  std::int64_t kernel_opens_ = 0;
  std::int64_t recorded_opens_ = 0;
  ByFlow<std::int64_t> opened_{};
  ByFlow<ByOutcome> ended_{};
  ByOutcome failed_connects_{};
};

}  // namespace netlog::record
