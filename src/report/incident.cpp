// SPDX-License-Identifier: MIT
#include "report/incident.hpp"

#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/incident_tables.hpp"
#include "report/report.hpp"
#include "report/sql_text.hpp"
#include "report/whole_hours.hpp"
#include "store/db/sql_macros.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr std::int64_t kBuckets = 720;  // of a time series: about one for each two pixels
constexpr std::string_view kFilterMark = "/*filter*/ 1";

/// A table of the incident, of one section, as its file defines it.
Section incident_section(std::string_view name) {
  const auto* const found = std::find_if(kIncidentTables.begin(),
                                         kIncidentTables.end(),
                                         [&](const auto& entry) { return entry.first == name; });
  return parse_definition(found->second).sections.front();
}

/// A connection of the window.
struct Chosen {
  std::int64_t id = 0;
  std::int64_t began_ns = 0;
  std::int64_t badness = 0;
};

std::vector<Chosen> choose(store::Reader& reader,
                           const Filter& filter,
                           const store::Parameters& window) {
  auto sql = incident_section("chosen").sql;
  const auto clause = window_connection_clause(filter);
  replace_all(sql, kFilterMark, clause.sql);
  auto parameters = window;
  parameters.insert(clause.parameters.begin(), clause.parameters.end());
  std::vector<Chosen> all;
  reader.each(
      store::expand_sql(sql),
      parameters,
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        const auto number = [&](std::size_t i) {
          const auto* const value = std::get_if<std::int64_t>(&row.at(i));
          return value == nullptr ? 0 : *value;
        };
        all.push_back({number(0), number(1), number(2)});
        return true;
      });
  return all;
}

/// The worst, in the order in which they began.
std::vector<Chosen> worst_of(std::vector<Chosen> all, std::int64_t most) {
  const auto by_begin = [](const Chosen& a, const Chosen& b) {
    return std::pair{a.began_ns, a.id} < std::pair{b.began_ns, b.id};
  };
  if (std::ssize(all) > most) {
    std::sort(all.begin(), all.end(), [&](const Chosen& a, const Chosen& b) {
      return a.badness != b.badness ? a.badness > b.badness : by_begin(a, b);
    });
    all.resize(static_cast<std::size_t>(most));
  }
  std::sort(all.begin(), all.end(), by_begin);
  return all;
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
  auto section = incident_section(name);
  auto rows = reader.query(store::expand_sql(section.sql), parameters);
  auto table = std::move(section.heading);
  table.rows = std::move(rows.cells);
  return table;
}

store::Parameters window_parameters(const Filter& filter, const Incident& incident) {
  return {{"since_ns", filter.since_ns ? Cell{*filter.since_ns} : Cell{}},
          {"until_ns", filter.until_ns ? Cell{*filter.until_ns} : Cell{}},
          {"from_ns", incident.completeness.from_ns},
          {"to_ns", incident.completeness.to_ns},
          {"bucket_ns", incident.bucket_ns}};
}

void add_worst(store::Reader& reader,
               std::vector<Chosen> all,
               std::int64_t most,
               store::Parameters parameters,
               Incident& incident) {
  parameters["ids"] = list_of(worst_of(std::move(all), most));
  incident.tables.push_back(read_table(reader, "connections", parameters));
  incident.tables.push_back(read_table(reader, "events", parameters));
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
  const auto& [from_ns, to_ns] =
      std::pair{incident.completeness.from_ns, incident.completeness.to_ns};
  incident.bucket_ns = std::max<std::int64_t>(1, (to_ns - from_ns) / kBuckets + 1);
  auto parameters = window_parameters(filter, incident);
  auto all = choose(reader, filter, parameters);
  incident.connections = std::ssize(all);
  incident.tables.push_back(read_table(reader, "sessions", parameters));
  incident.host = host_of(incident.tables.back());
  incident.tables.push_back(read_table(reader, "gaps", parameters));
  parameters["ids"] = list_of(all);
  incident.tables.push_back(read_table(reader, "open", parameters));
  incident.tables.push_back(read_table(reader, "rates", parameters));
  add_worst(reader, std::move(all), options.max_connections, parameters, incident);
  for (const auto& name : options.reports) {
    auto narrowed = filter;
    answer_from_whole_hours(reader, name, narrowed);
    incident.reports.push_back(
        run_report(reader, name, narrowed, options.max_rows, options.section, options.sort));
  }
  return incident;
}

void read_connections(store::Reader& reader,
                      const Filter& filter,
                      std::int64_t max_connections,
                      Incident& incident) {
  std::erase_if(incident.tables, [](const Table& table) {
    return table.name == "connections" || table.name == "events";
  });
  const auto parameters = window_parameters(filter, incident);
  add_worst(reader, choose(reader, filter, parameters), max_connections, parameters, incident);
}

}  // namespace netlog::report
