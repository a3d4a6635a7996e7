// SPDX-License-Identifier: MIT
#include "report/whole_hours.hpp"

#include "report/clause_builder.hpp"
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/granularity.hpp"
#include "report/sql_text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Of a shorter window, single connections are read as fast.
constexpr std::int64_t kMinLongWindowNs = 3 * kNsPerHour;

constexpr std::string_view kProcessColumns =
    "process_id, pid, process, exe, user, direction, protocol, netns";
constexpr std::string_view kPeerColumns =
    "process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, "
    "remote_address, remote_port, peer_id, peer, remote_name";

// Without the CASTs, SQLite would compute columns that the query does not use: both sides of a
// UNION ALL must have the same affinities.
struct Sums {
  std::string_view name;  ///< of the views, without the granularity and the plural
  std::string_view columns;
};
constexpr std::array<Sums, 3> kSums{
    {{"flow",
      "CAST(outcome AS TEXT) AS outcome, CAST(outcome_reason AS TEXT) AS outcome_reason, "
      "owner_reason, connections, opened, closed_by_us, closed_by_peer, "
      "syns, longest_ns, open_error_ns, bytes_sent, bytes_received, first_ns, last_ns, "
      "first_closed_ns, last_closed_ns"},
     {"dwell", "state, dwells, still, dwell_ns"},
     {"lifetime", "lifetimes, lifetime_ns, closed_ns, open_error_ns"}}};

/// Rows of connections that lived in the window and did not end in one of the hours.
std::string edges_of_window() {
  const auto before =
      ended_within("coalesce(:since_ns, :from_hour * 3600000000000)", ":from_hour * 3600000000000");
  const auto after =
      ended_within(":to_hour * 3600000000000", "coalesce(:until_ns, 9223372036854775807)");
  return fmt::format(
      "id IN ({} UNION ALL {} UNION ALL {}) AND coalesce(opened_ns, first_seen_ns) <= "
      "coalesce(:until_ns, 9223372036854775807) AND coalesce(closed_ns, last_seen_ns) >= "
      "coalesce(:since_ns, :from_hour * 3600000000000) AND (duration_bucket IS NULL OR "
      "coalesce(closed_ns, last_seen_ns) NOT BETWEEN :from_hour * 3600000000000 AND :to_hour * "
      "3600000000000 - 1)",
      before,
      after,
      kNotEnded);
}

bool reads_sums(std::string_view report) {
  const auto sections = definition(report).sections;
  return std::any_of(sections.begin(), sections.end(), [](const Section& section) {
    return section.sql.find("FROM process_") != std::string::npos ||
           section.sql.find("FROM peer_") != std::string::npos;
  });
}

bool needs_connections(const Filter& filter) {
  const bool is_moment = filter.since_ns && filter.since_ns == filter.until_ns;
  return is_moment || filter.before_ns || !filter.states.empty() || !filter.outcomes.empty();
}

}  // namespace

bool lacks_rows(store::Reader& reader,
                std::optional<std::int64_t> since_ns,
                std::optional<std::int64_t> until_ns) {
  const auto found = reader.query(
      "SELECT 1 FROM deleted_times WHERE coalesce(to_ns >= :since, 1) AND coalesce(from_ns <= "
      ":until, 1) LIMIT 1",
      {{"since", since_ns ? Cell{*since_ns} : Cell{}},
       {"until", until_ns ? Cell{*until_ns} : Cell{}}});
  return !found.cells.empty();
}

void answer_from_whole_hours(store::Reader& reader, std::string_view report, Filter& filter) {
  const auto recorded = recorded_span(reader);
  if (!(filter.since_ns || filter.until_ns) || needs_connections(filter) || !recorded ||
      !reads_sums(report)) {
    return;
  }
  const auto since_ns = std::max(filter.since_ns.value_or(recorded->began_ns), recorded->began_ns);
  const auto until_ns = std::min(filter.until_ns.value_or(recorded->ended_ns), recorded->ended_ns);
  const bool lacks_some = lacks_rows(reader, since_ns, until_ns);
  if (until_ns < since_ns ||
      (!lacks_some && (until_ns - since_ns < kMinLongWindowNs || is_small(reader)))) {
    return;
  }
  const auto from = lacks_some ? hour_of(since_ns) : hour_of(since_ns - 1) + 1;
  const bool lacks_some_at_end = lacks_rows(reader, hour_of(until_ns) * kNsPerHour, until_ns);
  const auto to = std::max(hour_of(until_ns), from) + (lacks_some_at_end ? 1 : 0);
  if (to <= from) {
    return;
  }
  filter.hours = Hours{from, to};
  if (filter.since_ns) {
    filter.since_ns = std::min(*filter.since_ns, from * kNsPerHour);
  }
  if (filter.until_ns) {
    filter.until_ns = std::max(*filter.until_ns, to * kNsPerHour - 1);
  }
}

void bind_whole_hours(store::Parameters& parameters, const Filter& filter) {
  if (!filter.hours) {
    return;
  }
  parameters["from_hour"] = filter.hours->from;
  parameters["to_hour"] = filter.hours->to;
  parameters["since_ns"] = filter.since_ns ? Cell{*filter.since_ns} : Cell{};
  parameters["until_ns"] = filter.until_ns ? Cell{*filter.until_ns} : Cell{};
}

void use_whole_hours(std::string& sql) {
  for (const auto& sums : kSums) {
    for (const auto& [granularity, key] :
         {std::pair{"process", kProcessColumns}, std::pair{"peer", kPeerColumns}}) {
      // A view of rows of the window stands where a finer view stands alone.
      auto rows = fmt::format("FROM connection_{}s", sums.name);
      use_rows_of_window(rows);
      replace_all(sql,
                  fmt::format("FROM {}_{}s", granularity, sums.name),
                  fmt::format("FROM (\n  SELECT {0}, {1} FROM {2}_{3}_sums WHERE hour >= "
                              ":from_hour AND hour < :to_hour\n  UNION ALL\n  SELECT {0}, {1} "
                              "{4} WHERE {5}\n)",
                              key,
                              sums.columns,
                              granularity,
                              sums.name,
                              rows,
                              edges_of_window()));
    }
  }
  auto opens = std::string{"FROM connection_outbound_opens"};
  use_rows_of_window(opens);
  replace_all(sql, "FROM peer_outbound_opens", opens);
}

}  // namespace netlog::report
