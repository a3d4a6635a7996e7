// SPDX-License-Identifier: MIT
#include "report/incident.hpp"

#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/incident_events.hpp"
#include "report/report.hpp"
#include "report/sql_text.hpp"
#include "report/whole_hours.hpp"
#include "store/db/sql_macros.hpp"
#include "util/error.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr std::int64_t kMaxWindowNs = 3'000'000'000'000'000'000;  // 95 years
constexpr std::int64_t kBuckets = 720;  // of a time series: about one for each two pixels
constexpr std::string_view kFilterMark = "/*filter*/ 1";

/// A connection of the window.
struct Chosen {
  std::int64_t id = 0;
  std::int64_t began_ns = 0;
  std::int64_t badness = 0;
};

/// The connections of the window, in the order in which they began, and the rates of the window.
struct Choice {
  std::vector<Chosen> connections;
  Table rates;
};

Choice choose(store::Reader& reader, const Filter& filter, const Incident& incident) {
  constexpr std::int64_t kBadnessOfFailure = 4;
  const auto from_ns = incident.completeness.from_ns;
  const auto to_ns = incident.completeness.to_ns;
  const auto clause = window_connection_clause(filter);
  auto sql = incident_sql("chosen");
  replace_all(sql, kFilterMark, store::expand_sql(clause.sql));
  auto parameters = clause.parameters;
  parameters.emplace("until_ns", to_ns);
  struct Ends {
    std::int64_t opened = 0;
    std::int64_t failed = 0;
    std::int64_t reset = 0;
  };
  std::map<std::int64_t, Ends> rates;
  Choice choice;
  const auto number = [](const std::vector<Cell>& row, std::size_t at) {
    const auto* const value = std::get_if<std::int64_t>(&row.at(at));
    return value == nullptr ? std::nullopt : std::optional{*value};
  };
  const auto is_within = [&](const std::optional<std::int64_t>& at_ns) {
    return at_ns && *at_ns >= from_ns && *at_ns <= to_ns;
  };
  reader.each(
      sql,
      parameters,
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        const auto opened_ns = number(row, 2);
        const auto ended_ns = number(row, 3);
        const bool failed = number(row, 4).value_or(0) != 0;
        const bool was_reset = number(row, 5).value_or(0) != 0;
        if (is_within(opened_ns)) {
          ++rates[(*opened_ns - from_ns) / incident.bucket_ns].opened;
        }
        if (is_within(ended_ns) && (failed || was_reset)) {
          auto& ends = rates[(*ended_ns - from_ns) / incident.bucket_ns];
          ++(was_reset ? ends.reset : ends.failed);
        }
        const bool is_bad = failed && is_within(ended_ns);
        choice.connections.push_back(
            {number(row, 0).value_or(0),
             number(row, 1).value_or(0),
             number(row, 6).value_or(0) + (is_bad ? kBadnessOfFailure : 0)});
        return true;
      });
  std::sort(choice.connections.begin(), choice.connections.end(), [](const auto& a, const auto& b) {
    return std::pair{a.began_ns, a.id} < std::pair{b.began_ns, b.id};
  });
  choice.rates = incident_table("rates");
  for (const auto& [bucket, ends] : rates) {
    choice.rates.rows.push_back({bucket, ends.opened, ends.failed, ends.reset});
  }
  return choice;
}

/// At most so many, in the same order: the worst, and of those that are equally bad as many as
/// there is room for, at equal distances.
std::vector<Chosen> worst_of(const std::vector<Chosen>& all, std::int64_t most) {
  std::map<std::int64_t, std::int64_t, std::greater<>> counts;
  for (const auto& one : all) {
    ++counts[one.badness];
  }
  std::map<std::int64_t, std::int64_t> room;
  auto left = most;
  for (const auto& [badness, count] : counts) {
    room[badness] = std::min(left, count);
    left -= room[badness];
  }
  std::map<std::int64_t, std::int64_t> seen;
  std::vector<Chosen> kept;
  for (const auto& one : all) {
    const auto count = counts[one.badness];
    const auto place = seen[one.badness]++;
    // The multiples of count / room among the places.
    if ((place + 1) * room[one.badness] / count > place * room[one.badness] / count) {
      kept.push_back(one);
    }
  }
  return kept;
}

/// A JSON list, which a query reads by json_each().
std::string list_of(const std::vector<Chosen>& chosen) {
  std::string list;
  for (const auto& one : chosen) {
    fmt::format_to(std::back_inserter(list), "{}{}", list.empty() ? "[" : ",", one.id);
  }
  return list.empty() ? "[]" : list + "]";
}

Table read_table(store::Reader& reader,
                 std::string_view name,
                 const store::Parameters& parameters) {
  auto table = incident_table(name);
  table.rows = reader.query(incident_sql(name), parameters).cells;
  return table;
}

void add_worst(store::Reader& reader,
               const std::vector<Chosen>& all,
               std::int64_t most,
               const Filter& filter,
               Incident& incident) {
  const auto ids = list_of(worst_of(all, most));
  const store::Parameters parameters{
      {"ids", ids}, {"until_ns", filter.until_ns ? Cell{*filter.until_ns} : Cell{}}};
  incident.tables.push_back(read_table(reader, "connections", parameters));
  incident.tables.push_back(read_table(reader, "processes", parameters));
  const auto until_ns = filter.until_ns.value_or(std::numeric_limits<std::int64_t>::max());
  incident.tables.push_back(event_rows(reader, ids, until_ns, incident.tables.back()));
}

std::string host_of(const Table& sessions) {
  const auto* const host =
      sessions.rows.empty() ? nullptr : std::get_if<std::string>(&sessions.rows.back().at(0));
  return host == nullptr ? std::string{} : *host;
}

}  // namespace

std::vector<std::string> incident_reports(const Filter& filter) {
  std::vector<std::string> names;
  for (const auto& report : list_reports()) {
    // The page has the connections and the gaps themselves; the others want a moment, a process or
    // two windows.
    constexpr std::array<std::string_view, 5> kLeftOut{
        "at", "connections", "diff", "gaps", "process"};
    const bool is_left_out =
        std::find(kLeftOut.begin(), kLeftOut.end(), report.name) != kLeftOut.end() ||
        (report.name == "lookups" && is_of_connections_only(filter));
    if (!is_left_out) {
      names.push_back(report.name);
    }
  }
  // The summary first.
  std::stable_partition(
      names.begin(), names.end(), [](const auto& name) { return name == "overview"; });
  return names;
}

Incident read_incident(store::Reader& reader,
                       const Filter& filter,
                       const IncidentOptions& options) {
  Incident incident;
  incident.completeness = completeness(reader, filter);
  const auto from_ns = incident.completeness.from_ns;
  const auto to_ns = std::max(from_ns, incident.completeness.to_ns);
  incident.completeness.to_ns = to_ns;  // a damaged file may end before it begins
  // A file may hold any times; those of one that was written by a recorder are no problem.
  if (to_ns / 2 - from_ns / 2 > kMaxWindowNs / 2) {
    throw UsageError{
        "the recording has times that are more than 95 years apart; choose a window with --since "
        "and --until"};
  }
  incident.bucket_ns = std::max<std::int64_t>(1, (to_ns - from_ns) / kBuckets + 1);
  const store::Parameters window{{"from_ns", from_ns}, {"to_ns", to_ns}};
  incident.tables.push_back(read_table(reader, "sessions", window));
  incident.host = host_of(incident.tables.back());
  incident.tables.push_back(read_table(reader, "gaps", window));
  auto choice = choose(reader, filter, incident);
  incident.connections = std::ssize(choice.connections);
  incident.tables.push_back(
      open_changes(reader, list_of(choice.connections), from_ns, to_ns, incident.bucket_ns));
  incident.tables.push_back(std::move(choice.rates));
  add_worst(reader, choice.connections, options.max_connections, filter, incident);
  constexpr std::int64_t kFewConnections = 20'000;
  auto names = options.reports.value_or(incident_reports(filter));
  if (!options.reports && incident.connections > kFewConnections) {
    incident.left_out = std::exchange(names, {});
  }
  const auto all = list_reports();
  for (const auto& name : names) {
    auto narrowed = filter;
    answer_from_whole_hours(reader, name, narrowed);
    auto& answer = incident.reports.emplace_back(
        run_report(reader, name, narrowed, options.max_rows, options.section, options.sort));
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
    answer.about = found == all.end() ? std::string{} : found->about;
  }
  return incident;
}

void read_connections(store::Reader& reader,
                      const Filter& filter,
                      std::int64_t max_connections,
                      Incident& incident) {
  std::erase_if(incident.tables, [](const Table& table) {
    return table.name == "connections" || table.name == "processes" || table.name == "events";
  });
  add_worst(
      reader, choose(reader, filter, incident).connections, max_connections, filter, incident);
}

}  // namespace netlog::report
