// SPDX-License-Identifier: MIT
#include "record/recording_counts.hpp"

#include <algorithm>

namespace netlog::record {
namespace {

// Reasons are fixed phrases. This bounds what a new one that is not could do.
constexpr std::size_t kMaxReasons = 64;

std::size_t index_of(Protocol protocol) {
  return protocol == Protocol::tcp ? 0 : 1;
}

template <typename Enum>
std::size_t index_of(Enum value) {
  return static_cast<std::size_t>(value);
}

/// As `$connect_failed` of store/db/sql_macros.
bool is_failed_connect(const Connection& connection) {
  using enum Outcome;
  const auto outcome = connection.outcome;
  return outcome == refused || outcome == unreachable || outcome == timed_out ||
         connection.outcome_why == UnknownOutcome::unanswered ||
         connection.outcome_why == UnknownOutcome::caller_gave_up;
}

}  // namespace

RecordingCounts::RecordingCounts()
    : gaps_{{{"notices", "receive buffer overrun"}, {}},
            {{"tick", "interval stretched"}, {}},
            {{"tick", "skipped ticks"}, {}},
            {{"tick", "suspended"}, {}},
            {{"trace", "buffer full"}, {}},
            {{"writer", "queue full"}, {}}} {}

void RecordingCounts::add(const ConnectionEvents& of) {
  const auto& connection = of.connection;
  const auto protocol = index_of(connection.tuple.protocol);
  const auto direction = index_of(connection.direction);
  for (const auto& event : of.events) {
    ++events_;
    if (event.kind == EventKind::open) {
      ++opened_.at(protocol).at(direction);
    }
    if (event.kind != EventKind::present && reports_end(event)) {
      const auto outcome = index_of(connection.outcome);
      ++ended_.at(protocol).at(direction).at(outcome);
      if (is_failed_connect(connection)) {
        ++failed_connects_.at(outcome);
      }
    }
  }
}

void RecordingCounts::add(const Gap& gap) {
  ++all_gaps_;
  SourceAndReason key{gap.source, gap.reason};
  if (gaps_.size() >= kMaxReasons && !gaps_.contains(key)) {
    key = {"other", "other"};
  }
  auto& gaps = gaps_[std::move(key)];
  ++gaps.count;
  gaps.lost += std::max<std::int64_t>(gap.lost.value_or(0), 0);
}

void RecordingCounts::add(const Coverage& coverage) {
  const auto kernel = std::max<std::int64_t>(coverage.kernel_opens, 0);
  kernel_opens_ += kernel;
  // More than the kernel counted do not make up for those that another window lacks.
  recorded_opens_ += std::clamp<std::int64_t>(coverage.recorded_opens, 0, kernel);
}

std::int64_t RecordingCounts::opened(Protocol protocol, Direction direction) const {
  return opened_.at(index_of(protocol)).at(index_of(direction));
}

std::int64_t RecordingCounts::ended(Protocol protocol, Direction direction, Outcome outcome) const {
  return ended_.at(index_of(protocol)).at(index_of(direction)).at(index_of(outcome));
}

std::int64_t RecordingCounts::failed_connects(Outcome outcome) const {
  return failed_connects_.at(index_of(outcome));
}

}  // namespace netlog::record
