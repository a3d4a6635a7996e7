// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/sql_text.hpp"
#include "store/db/sql_macros.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Marks in a report's file, which a clause replaces.
constexpr std::string_view kConnectionsMark = "/*filter*/ 1";
constexpr std::string_view kSumsMark = "/*filter of sums*/ 1";
constexpr std::string_view kBothWindowsMark = "/*filter of both windows*/ 1";

constexpr std::string_view kProcessReport = "process";

/// A report with the filter's conditions in its statements.
struct PreparedReport {
  std::string name;
  Definition definition;
  store::Parameters parameters;
};

// `,10,20,`: a query finds a number with the commas around it.
std::string comma_list(const std::vector<std::int64_t>& numbers) {
  return fmt::format(",{},", fmt::join(numbers, ","));
}

template <typename T>
Cell cell_of(const std::optional<T>& value) {
  return value ? Cell{*value} : Cell{};
}

/// The values that every report may use, whatever the filter.
store::Parameters common_parameters(const Filter& filter, std::int64_t limit) {
  store::Parameters parameters{{"limit", limit},
                               {"pids", comma_list(filter.pids)},
                               {"since_ns", cell_of(filter.since_ns)},
                               {"until_ns", cell_of(filter.until_ns)},
                               {"before_since_ns", Cell{}},
                               {"before_until_ns", Cell{}}};
  if (filter.before_ns) {
    parameters["before_since_ns"] = filter.before_ns->first;
    parameters["before_until_ns"] = filter.before_ns->second;
  }
  return parameters;
}

/// Whether sums without any condition answer the filter.
bool is_everything(const Filter& filter) {
  return sums_clause(filter).parameters.empty();
}

PreparedReport prepare(std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity) {
  const auto report = name == "overview" && !filter.pids.empty() ? kProcessReport : name;
  PreparedReport prepared{
      std::string{report}, definition(report), common_parameters(filter, limit)};
  const auto sql_of = [&](const Clause& clause) {
    prepared.parameters.insert(clause.parameters.begin(), clause.parameters.end());
    return clause.sql;
  };
  const bool by_connections = granularity == Granularity::connections;
  const auto connections = sql_of(connection_clause(filter));
  const auto sums = by_connections ? connections : sql_of(sums_clause(filter));
  const auto both_windows = sql_of(both_windows_clause(filter));
  const bool of_sums = !by_connections && is_everything(filter);
  auto& sections = prepared.definition.sections;
  std::erase_if(sections, [&](const Section& section) {
    return section.of_sums && *section.of_sums != of_sums;
  });
  for (auto& section : sections) {
    use_finer_views(section.sql, granularity, filter);
    replace_all(section.sql, kConnectionsMark, connections);
    // Opens have no view by peer: a section may read connections where the others read sums.
    const bool reads_connections = section.sql.find("FROM connection_opens") != std::string::npos;
    replace_all(section.sql, kSumsMark, reads_connections ? connections : sums);
    replace_all(section.sql, kBothWindowsMark, both_windows);
    section.sql = store::expand_sql(section.sql);
  }
  return prepared;
}

/// The described column of this name, else one without a title.
Column column_of(const Section& section, const std::string& name) {
  for (const auto& column : section.heading.columns) {
    if (column.name == name) {
      return column;
    }
  }
  return Column{name, "", Unit::none, Align::left, false};
}

}  // namespace

Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit) {
  return run_report(reader, name, filter, limit, choose_granularity(reader, filter));
}

Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  Granularity granularity) {
  const auto prepared = prepare(name, filter, limit, granularity);
  Answer answer{prepared.name, {}, {}};
  for (const auto& section : prepared.definition.sections) {
    auto rows = reader.query(section.sql, prepared.parameters);
    Table table{section.heading.name, section.heading.title, {}, std::move(rows.cells)};
    for (const auto& column : rows.names) {
      table.columns.push_back(column_of(section, column));
    }
    answer.tables.push_back(std::move(table));
  }
  answer.completeness = completeness(reader, filter, granularity);
  return answer;
}

std::string report_sql(std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity) {
  const auto prepared = prepare(name, filter, limit, granularity);
  std::string text;
  for (const auto& section : prepared.definition.sections) {
    text += fmt::format("{}-- {}\n{}\n",
                        text.empty() ? "" : "\n",
                        section.heading.title,
                        trim(with_values(section.sql, prepared.parameters)));
  }
  return text;
}

}  // namespace netlog::report
