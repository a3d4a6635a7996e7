// SPDX-License-Identifier: MIT
#include "store/rollup/dwell.hpp"

#include "model/tcp_state.hpp"
#include "store/db/statement.hpp"
#include "util/arithmetic.hpp"

#include <algorithm>
#include <bit>
#include <initializer_list>

namespace netlog::store {
namespace {

constexpr std::int64_t kLongNs = 5'000'000'000;

bool is_one_of(std::int64_t state, std::initializer_list<TcpState> states) {
  return std::any_of(states.begin(), states.end(), [&](TcpState other) {
    return state == static_cast<std::int64_t>(other);
  });
}

}  // namespace

ClockSteps::ClockSteps(SQLite::Database& database)
    : database_{database},
      sum_{database,
           "SELECT sum(step_ns) FROM clock_step WHERE after_event >= ? AND after_event < "
           "coalesce(?, after_event + 1)"} {
  reload();
}

std::int64_t ClockSteps::between(std::int64_t from_event, std::optional<std::int64_t> to_event) {
  if (!last_ || *last_ < from_event) {
    return 0;
  }
  return BoundStatement{sum_}.with(from_event).with(to_event).number().value_or(0);
}

void ClockSteps::reload() {
  SQLite::Statement select{database_, "SELECT max(after_event) FROM clock_step"};
  last_ = BoundStatement{select}.number();
}

std::int64_t Dwell::duration_ns() const {
  return wrapping_subtract(wrapping_subtract(to_ns, from_ns), clock_adjust_ns);
}

bool Dwell::is_long() const {
  using enum TcpState;
  return duration_ns() >= kLongNs &&
         is_one_of(state,
                   {syn_sent, syn_received, fin_wait_1, fin_wait_2, close_wait, closing, last_ack});
}

std::vector<Dwell> dwells_of(const ClosedConnection& connection, ClockSteps& steps) {
  std::vector<Dwell> dwells;
  const auto& states = connection.states;
  for (auto entry = states.begin(); entry != states.end(); ++entry) {
    if (!entry->state) {
      continue;
    }
    const auto next = entry + 1;
    const bool left = next != states.end();
    dwells.push_back(
        {*entry->state,
         entry->at_ns,
         left ? next->at_ns : connection.last_seen_ns,
         steps.between(entry->event, left ? std::optional{next->event} : std::nullopt)});
  }
  return dwells;
}

FirstFin first_fin(const std::vector<Dwell>& dwells) {
  using enum TcpState;
  const auto was_in = [&](std::initializer_list<TcpState> states) {
    return std::any_of(dwells.begin(), dwells.end(), [&](const Dwell& dwell) {
      return is_one_of(dwell.state, states);
    });
  };
  if (was_in({fin_wait_1, fin_wait_2, closing, time_wait})) {
    return FirstFin::ours;
  }
  return was_in({close_wait, last_ack}) ? FirstFin::peers : FirstFin::unknown;
}

std::int64_t duration_class(std::int64_t ns) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  const std::int64_t octave = std::max(static_cast<int>(std::bit_width(value)) - 4, 0);
  return octave * 8 + static_cast<std::int64_t>(value >> static_cast<unsigned>(octave));
}

}  // namespace netlog::store
