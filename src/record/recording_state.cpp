// SPDX-License-Identifier: MIT
#include "record/recording_state.hpp"

#include "util/version.hpp"

#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace netlog::record {
namespace {

constexpr std::array kProtocols{Protocol::tcp, Protocol::udp};
constexpr std::array kDirections{
    Direction::inbound, Direction::listen, Direction::outbound, Direction::unknown};
constexpr std::array kEnds{Outcome::closed,
                           Outcome::refused,
                           Outcome::timed_out,
                           Outcome::unreachable,
                           Outcome::reset,
                           Outcome::aborted,
                           Outcome::unknown};

Table table_of(std::string_view name, std::initializer_list<const char*> columns) {
  Table table;
  table.name = name;
  for (const auto* const column : columns) {
    table.columns.push_back({column, column});
  }
  return table;
}

template <typename Enum>
Cell word(Enum value) {
  return std::string{name(value)};
}

Table recorder_table(const RecordingState& state) {
  auto table = table_of("recorder", {});
  table.rows.emplace_back();
  const auto add = [&](const char* column, Cell cell) {
    table.columns.push_back({column, column});
    table.rows.front().push_back(std::move(cell));
  };
  const auto& progress = state.progress;
  const auto& totals = state.totals;
  const auto& counts = state.counts;
  add("version", std::string{kVersion});
  add("source", state.source);
  add("recorders", std::int64_t{1});
  add("started_ns", state.started_ns);
  add("interval_ns", state.interval_ns);
  add("last_tick_ns", state.last_tick_ns ? Cell{*state.last_tick_ns} : Cell{});
  add("ticks", progress.ticks);
  add("late_ticks", progress.late_ticks);
  add("skipped_ticks", progress.skipped_ticks);
  add("events", progress.events);
  add("written_events", totals.events);
  add("queued_items", totals.queued_items);
  add("queue_limit", totals.queue_limit);
  add("outage", std::int64_t{totals.outage ? 1 : 0});
  add("file_bytes", totals.file_bytes);
  add("kernel_opens", counts.kernel_opens());
  add("recorded_opens", counts.recorded_opens());
  add("coverage",
      counts.kernel_opens() == 0 ? Cell{}
                                 : Cell{static_cast<double>(counts.recorded_opens()) /
                                        static_cast<double>(counts.kernel_opens())});
  return table;
}

Table gaps_table(const RecordingCounts& counts) {
  auto table = table_of("gaps", {"source", "reason", "gaps", "lost"});
  for (const auto& [source_and_reason, gaps] : counts.gaps()) {
    const auto& [source, reason] = source_and_reason;
    table.rows.push_back({source, reason, gaps.count, gaps.lost});
  }
  return table;
}

Table opened_table(const RecordingCounts& counts) {
  auto table = table_of("opened", {"protocol", "direction", "opened"});
  for (const auto protocol : kProtocols) {
    for (const auto direction : kDirections) {
      table.rows.push_back({word(protocol), word(direction), counts.opened(protocol, direction)});
    }
  }
  return table;
}

/// A counter that begins with its first increment hides that one from rate(). So what can happen
/// has a row from the beginning; what does not belong together has one only if it happened.
Table ended_table(const RecordingCounts& counts) {
  auto table = table_of("ended", {"protocol", "direction", "outcome", "ended"});
  for (const auto protocol : kProtocols) {
    for (const auto direction : kDirections) {
      for (const auto outcome : kEnds) {
        const auto ended = counts.ended(protocol, direction, outcome);
        const bool is_usual = (protocol == Protocol::tcp && direction != Direction::listen) ||
                              outcome == Outcome::closed;
        if (is_usual || ended > 0) {
          table.rows.push_back({word(protocol), word(direction), word(outcome), ended});
        }
      }
    }
  }
  return table;
}

Table failed_table(const RecordingCounts& counts) {
  auto table = table_of("failed", {"outcome", "failed_connects"});
  for (const auto outcome : kEnds) {
    if (outcome != Outcome::closed && outcome != Outcome::reset) {
      table.rows.push_back({word(outcome), counts.failed_connects(outcome)});
    }
  }
  return table;
}

/// A connection in TIME_WAIT has ended, and is not open as `netlog export` has it.
std::pair<Table, Table> open_tables(const track::OpenCounts& counts) {
  auto open = table_of("open", {"protocol", "direction", "state", "open_connections"});
  std::int64_t time_wait = 0;
  counts.for_each([&](Protocol protocol,
                      Direction direction,
                      std::optional<TcpState> state,
                      std::int64_t count) {
    if (state == TcpState::time_wait) {
      time_wait += count;
    } else {
      open.rows.push_back({word(protocol),
                           word(direction),
                           state ? word(*state) : Cell{std::string{"none"}},
                           count});
    }
  });
  auto waiting = table_of("time_wait", {"time_wait_connections"});
  waiting.rows.push_back({time_wait});
  return {std::move(open), std::move(waiting)};
}

}  // namespace

std::vector<Table> state_tables(const RecordingState& state) {
  auto [open, waiting] = open_tables(state.open);
  return {recorder_table(state),
          gaps_table(state.counts),
          opened_table(state.counts),
          ended_table(state.counts),
          failed_table(state.counts),
          std::move(open),
          std::move(waiting)};
}

}  // namespace netlog::record
