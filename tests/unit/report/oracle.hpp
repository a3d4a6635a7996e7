// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "support/catch.hpp"
#include "support/random_history.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

/// Counts over generated connections, made by looking at each one, and answers of reports in the
/// same form.
namespace netlog_tests::report_oracle {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::RecordedLife;

constexpr std::int64_t kSecond = 1'000'000'000;

using Lives = std::vector<RecordedLife>;
using Lines = std::multiset<std::string>;  ///< `a|b|c`, a line a row, in no order

// Cells of the expected lines; unknown is `-`.

inline std::string text(const std::string& value) {
  return value;
}
inline std::string text(std::string_view value) {
  return std::string{value};
}
template <std::integral T>
std::string text(T value) {
  return fmt::format("{}", value);
}
template <typename T>
std::string text(const std::optional<T>& value) {
  return value ? text(*value) : "-";
}

template <typename... Values>
std::string line(const Values&... values) {
  std::string out;
  ((out += (out.empty() ? "" : "|") + text(values)), ...);
  return out;
}

inline std::string text_of(const Cell& cell) {
  if (const auto* const integer = std::get_if<std::int64_t>(&cell)) {
    return text(*integer);
  }
  if (const auto* const real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const string = std::get_if<std::string>(&cell);
  return string == nullptr ? "-" : *string;
}

/// These columns of a section of the answer.
inline Lines lines_of(const Answer& answer,
                      const std::string& section,
                      const std::vector<std::string>& columns) {
  Lines lines;
  const auto table = std::find_if(answer.tables.begin(),
                                  answer.tables.end(),
                                  [&](const Table& each) { return each.name == section; });
  REQUIRE(table != answer.tables.end());
  for (const auto& row : table->rows) {
    std::string out;
    for (const auto& name : columns) {
      const auto column = std::find_if(table->columns.begin(),
                                       table->columns.end(),
                                       [&](const Column& each) { return each.name == name; });
      REQUIRE(column != table->columns.end());
      out += (out.empty() ? "" : "|") +
             text_of(row[static_cast<std::size_t>(column - table->columns.begin())]);
    }
    lines.insert(out);
  }
  return lines;
}

// What a group of connections comes to.

inline std::int64_t count_if(const Lives& lives,
                             const std::function<bool(const RecordedLife&)>& is) {
  return std::count_if(lives.begin(), lives.end(), is);
}
inline std::int64_t with_outcome(const Lives& lives, Outcome outcome) {
  return count_if(lives, [&](const RecordedLife& life) { return life.outcome == outcome; });
}
inline std::int64_t failed(const Lives& lives) {
  return count_if(lives, [](const RecordedLife& life) { return life.failed(); });
}

/// The largest of the values that are known.
template <typename Value>
std::optional<std::int64_t> largest(const Lives& lives, Value value) {
  std::optional<std::int64_t> most;
  for (const auto& life : lives) {
    most = std::max(most, std::optional<std::int64_t>{value(life)});
  }
  return most;
}
inline std::optional<std::int64_t> longest(const Lives& lives) {
  return largest(lives, [](const RecordedLife& life) { return life.duration_ns(); });
}

/// The same, with what is open: until the end of the window, or of the recording.
inline std::optional<std::int64_t> longest(const Lives& lives, const Filter& filter) {
  const auto end_ns = std::min(filter.until_ns.value_or(test::kHistoryEndNs), test::kHistoryEndNs);
  return largest(lives, [&](const RecordedLife& life) {
    return life.outcome == Outcome::open
               ? std::optional{std::max(end_ns - life.began_ns, std::int64_t{0})}
               : life.duration_ns();
  });
}

/// The sum of the values that are known.
inline std::optional<std::int64_t> sum(const Lives& lives,
                                       std::optional<std::int64_t> RecordedLife::*value) {
  std::optional<std::int64_t> total;
  for (const auto& life : lives) {
    if (life.*value) {
      total = total.value_or(0) + *(life.*value);
    }
  }
  return total;
}

/// The smallest value that a share of all values, in percent, does not exceed.
inline std::optional<std::int64_t> percentile(std::vector<std::int64_t> values,
                                              std::int64_t share) {
  if (values.empty()) {
    return std::nullopt;
  }
  std::sort(values.begin(), values.end());
  const auto rank = (static_cast<std::int64_t>(values.size()) * share + 99) / 100;
  return values[static_cast<std::size_t>(rank - 1)];
}
inline std::vector<std::int64_t> durations(const Lives& lives) {
  std::vector<std::int64_t> all;
  for (const auto& life : lives) {
    if (const auto duration = life.duration_ns()) {
      all.push_back(*duration);
    }
  }
  return all;
}

/// The most intervals that are open at one time; an end comes before a begin at the same time.
inline std::int64_t peak_of(
    const std::vector<std::pair<std::int64_t, std::optional<std::int64_t>>>& all) {
  std::multimap<std::pair<std::int64_t, int>, int> steps;
  for (const auto& [from, to] : all) {
    steps.emplace(std::pair{from, 1}, 1);
    if (to) {
      steps.emplace(std::pair{*to, -1}, -1);
    }
  }
  std::int64_t level = 0;
  std::int64_t peak = 0;
  for (const auto& [at, step] : steps) {
    level += step;
    peak = std::max(peak, level);
  }
  return peak;
}

template <typename Key>
std::map<std::string, Lives> grouped(const Lives& lives, Key key) {
  std::map<std::string, Lives> groups;
  for (const auto& life : lives) {
    groups[key(life)].push_back(life);
  }
  return groups;
}

template <typename Is>
Lives only(const Lives& lives, Is is) {
  Lives found;
  std::copy_if(lives.begin(), lives.end(), std::back_inserter(found), is);
  return found;
}

inline bool has_peer(const RecordedLife& life) {
  return life.direction != Direction::listen;
}
inline bool is_tcp(const RecordedLife& life) {
  return life.protocol == Protocol::tcp;
}

/// Whether it ended in the filter's window.
inline bool ended_in_window(const RecordedLife& life, const Filter& filter) {
  return life.closed_ns && (!filter.since_ns || *life.closed_ns >= *filter.since_ns) &&
         (!filter.until_ns || *life.closed_ns <= *filter.until_ns);
}
inline bool opened_in_window(const RecordedLife& life, const Filter& filter) {
  return life.opened && (!filter.since_ns || life.began_ns >= *filter.since_ns) &&
         (!filter.until_ns || life.began_ns <= *filter.until_ns);
}

struct Stay {
  RecordedLife life;
  TcpState state = TcpState::closed;
  std::int64_t from_ns = 0;
  std::optional<std::int64_t> to_ns;
  std::int64_t end_ns = test::kHistoryEndNs;

  [[nodiscard]] std::int64_t dwell_ns() const { return to_ns.value_or(end_ns) - from_ns; }
};
inline std::vector<Stay> stays_of(const Lives& lives) {
  std::vector<Stay> stays;
  for (const auto& life : lives) {
    for (std::size_t i = 0; i < life.states.size(); ++i) {
      stays.push_back(Stay{life, life.states[i].second, life.states[i].first, life.left_ns(i)});
    }
  }
  return stays;
}

/// As they were at the end of the filter's window.
inline Lives as_of_window(Lives lives, const Filter& filter) {
  for (auto& life : lives) {
    const auto ended_ns = life.closed_ns.value_or(test::kHistoryEndNs);
    if (filter.until_ns && life.closed_ns.value_or(*filter.until_ns + 1) > *filter.until_ns) {
      life.outcome = Outcome::open;
      life.closed_ns.reset();
    }
    if (filter.until_ns && ended_ns > *filter.until_ns) {
      life.bytes_sent.reset();
      life.bytes_received.reset();
    }
  }
  return lives;
}

/// Those within the filter's window; one that lasts longer ends with it.
inline std::vector<Stay> stays_in_window(const Lives& lives, const Filter& filter) {
  auto stays = stays_of(lives);
  std::erase_if(stays, [&](const Stay& stay) {
    return (filter.until_ns && stay.from_ns > *filter.until_ns) ||
           (filter.since_ns && stay.to_ns && *stay.to_ns < *filter.since_ns);
  });
  for (auto& stay : stays) {
    if (filter.until_ns && stay.to_ns.value_or(*filter.until_ns + 1) > *filter.until_ns) {
      stay.to_ns.reset();
      stay.end_ns = *filter.until_ns;
    }
  }
  return stays;
}

/// Sockets of one process that listened at one endpoint at the same time.
inline std::vector<Lives> listening_together(const Lives& lives) {
  std::vector<Lives> together;
  for (const auto& [key, group] :
       grouped(only(lives, [](const RecordedLife& life) { return !has_peer(life); }),
               [](const RecordedLife& life) {
                 return line(name(life.protocol), to_string(life.local), life.pid);
               })) {
    auto sorted = group;
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.began_ns < b.began_ns;
    });
    std::optional<std::int64_t> until_ns;
    for (const auto& life : sorted) {
      const auto end_ns = life.closed_ns.value_or(std::numeric_limits<std::int64_t>::max());
      if (!life.pid || !until_ns || life.began_ns >= *until_ns) {
        together.emplace_back();
        until_ns = end_ns;
      }
      together.back().push_back(life);
      until_ns = std::max(*until_ns, end_ns);
    }
  }
  return together;
}

}  // namespace netlog_tests::report_oracle
