// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "report/reports.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr std::string_view kConnectionsMark = "/*filter*/ 1";
constexpr std::string_view kFlowsMark = "/*filter of flows*/ 1";
constexpr std::string_view kBothWindowsMark = "/*filter of both windows*/ 1";
constexpr std::string_view kProcessReport = "process";

constexpr std::array<std::pair<std::string_view, Unit>, 10> kUnits{{
    {"", Unit::none},
    {"count", Unit::count},
    {"bytes", Unit::bytes},
    {"time", Unit::time},
    {"ns", Unit::ns},
    {"us", Unit::us},
    {"percent", Unit::percent},
    {"endpoint", Unit::endpoint},
    {"port", Unit::port},
    {"spark", Unit::spark},
}};

// `name | title | unit [right] [bar] [optional]`
Column parse_column(std::string_view text) {
  const auto parts = split(text, '|');
  if (parts.size() != 3) {
    throw std::invalid_argument{fmt::format("column {}", quote(text))};
  }
  Column column{
      std::string{trim(parts[0])}, std::string{trim(parts[1])}, Unit::none, Align::left, false};
  for (const auto word : words(parts[2])) {
    const auto* const unit = std::find_if(
        kUnits.begin(), kUnits.end(), [&](const auto& entry) { return entry.first == word; });
    if (word == "optional") {
      column.optional = true;
    } else if (word == "bar") {
      column.bar = true;
    } else if (word == "right") {
      column.align = Align::right;
    } else if (unit != kUnits.end()) {
      column.unit = unit->second;
    } else {
      throw std::invalid_argument{fmt::format("column {}", quote(text))};
    }
  }
  const bool number = column.unit != Unit::none && column.unit != Unit::time &&
                      column.unit != Unit::endpoint && column.unit != Unit::spark;
  column.align = number ? Align::right : column.align;
  return column;
}

Column column_of(const Section& section, const std::string& name) {
  for (const auto& column : section.heading.columns) {
    if (column.name == name) {
      return column;
    }
  }
  return Column{name, "", Unit::none, Align::left, false};
}

// `,10,20,`: a number is looked for between its commas.
std::string comma_list(const std::vector<std::int64_t>& numbers) {
  return fmt::format(",{},", fmt::join(numbers, ","));
}

std::int64_t integer(const Cell& cell, std::int64_t otherwise) {
  const auto* const value = std::get_if<std::int64_t>(&cell);
  return value == nullptr ? otherwise : *value;
}

/// Total length of the union of intervals that are sorted by their begin.
std::int64_t united_length(const std::vector<std::vector<Cell>>& spans) {
  std::int64_t total = 0;
  std::int64_t reached = std::numeric_limits<std::int64_t>::min();
  for (const auto& span : spans) {
    const auto from = std::max(integer(span[0], 0), reached);
    const auto to = integer(span[1], 0);
    if (to > from) {
      total += to - from;
      reached = to;
    }
  }
  return total;
}

std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  return line.starts_with(key) ? std::optional{trim(line.substr(key.size()))} : std::nullopt;
}

// `KEY | Title`
Section parse_section(std::string_view text) {
  const auto parts = split(text, '|');
  if (parts.size() != 2) {
    throw std::invalid_argument{fmt::format("section {}", quote(text))};
  }
  return {Table{std::string{trim(parts[0])}, std::string{trim(parts[1])}, {}, {}}, "", {}};
}

void add_line(Section& section, std::string_view line) {
  if (const auto basis = value_of(line, "-- basis:")) {
    if (*basis != "sums" && *basis != "connections") {
      throw std::invalid_argument{fmt::format("basis {}", quote(*basis))};
    }
    section.of_sums = *basis == "sums";
  } else if (const auto column = value_of(line, "-- column:")) {
    section.heading.columns.push_back(parse_column(*column));
  } else if (!line.starts_with("--")) {
    section.sql += std::string{line} + "\n";
  }
}

}  // namespace

Definition parse_definition(std::string_view text) {
  Definition definition;
  for (const auto line : split(text, '\n')) {
    if (const auto about = value_of(line, "-- about:")) {
      definition.about = *about;
    } else if (const auto section = value_of(line, "-- section:")) {
      definition.sections.push_back(parse_section(*section));
    } else if (!definition.sections.empty()) {
      add_line(definition.sections.back(), line);
    }
  }
  if (definition.about.empty() || definition.sections.empty()) {
    throw std::invalid_argument{"a report needs `-- about:` and a section"};
  }
  return definition;
}

Definition definition(std::string_view name) {
  check_report_name(name);
  const auto* const report = std::find_if(
      kReports.begin(), kReports.end(), [&](const auto& entry) { return entry.first == name; });
  return parse_definition(report->second);
}

std::vector<ReportName> list_reports() {
  std::vector<ReportName> reports;
  reports.reserve(kReports.size());
  for (const auto& [name, text] : kReports) {
    reports.push_back(ReportName{std::string{name}, parse_definition(text).about});
  }
  return reports;
}

void check_report_name(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& report : list_reports()) {
    if (report.name == name) {
      return;
    }
    names.push_back(report.name);
  }
  const auto near = nearest(name, names);
  throw UsageError{fmt::format("unknown report {}{}; `netlog report --list` names them all",
                               quote(name),
                               near ? ", did you mean " + *near + "?" : "")};
}

namespace {

void replace_all(std::string& text, std::string_view mark, std::string_view by) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

/// A report with the filters in their place.
struct Prepared {
  std::string name;
  Definition definition;
  store::Parameters parameters;
};

/// Sums of all there is, which know of nothing to tell apart.
bool is_everything(const Filter& filter) {
  return flow_clause(filter).parameters.empty();
}

/// A query names the smallest views that can answer it; where the question needs more, their
/// larger twins take their place.
void widen(std::string& sql, Basis basis, const Filter& filter) {
  if (basis == Basis::connections || filter.protocol) {
    replace_all(sql, "FROM process_opens", "FROM connection_opens");  // has no twin by peers
  }
  if (basis != Basis::processes) {
    for (const auto* const view : {"flows", "dwells", "lifetimes"}) {
      replace_all(sql, fmt::format("FROM process_{}", view), fmt::format("FROM peer_{}", view));
    }
    replace_all(sql, "FROM process_opens", "FROM connection_opens");
  }
  if (basis == Basis::connections) {
    for (const auto* const view : {"flows", "dwells", "lifetimes", "outbound_opens"}) {
      replace_all(sql, fmt::format("FROM peer_{}", view), fmt::format("FROM connection_{}", view));
    }
  }
}

Prepared prepare(std::string_view name, const Filter& filter, std::int64_t limit, Basis basis) {
  // With a process to tell of, the overview is that process's story.
  const auto asked = name == "overview" && !filter.pids.empty() ? kProcessReport : name;
  Prepared prepared{std::string{asked}, definition(asked), {}};
  const auto clause_sql = [&](const Clause& clause) {
    prepared.parameters.insert(clause.parameters.begin(), clause.parameters.end());
    return clause.sql;
  };
  const auto connections = clause_sql(connection_clause(filter));
  const auto flows = basis == Basis::connections ? connections : clause_sql(flow_clause(filter));
  const auto both_windows = clause_sql(both_windows_clause(filter));
  prepared.parameters["limit"] = limit;
  prepared.parameters["pids"] = comma_list(filter.pids);
  prepared.parameters["since_ns"] = filter.since_ns ? Cell{*filter.since_ns} : Cell{};
  prepared.parameters["until_ns"] = filter.until_ns ? Cell{*filter.until_ns} : Cell{};
  prepared.parameters["before_since_ns"] =
      filter.before_ns ? Cell{filter.before_ns->first} : Cell{};
  prepared.parameters["before_until_ns"] =
      filter.before_ns ? Cell{filter.before_ns->second} : Cell{};
  const bool of_sums = basis != Basis::connections && is_everything(filter);
  auto& sections = prepared.definition.sections;
  std::erase_if(sections, [&](const Section& section) {
    return section.of_sums && *section.of_sums != of_sums;
  });
  for (auto& section : sections) {
    widen(section.sql, basis, filter);
    replace_all(section.sql, kConnectionsMark, connections);
    const bool by_connection = section.sql.find("FROM connection_opens") != std::string::npos;
    replace_all(section.sql, kFlowsMark, by_connection ? connections : flows);
    replace_all(section.sql, kBothWindowsMark, both_windows);
  }
  return prepared;
}

std::string literal(const Cell& cell) {
  if (const auto* const number = std::get_if<std::int64_t>(&cell)) {
    return std::to_string(*number);
  }
  if (const auto* const real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  if (text == nullptr) {
    return "NULL";
  }
  std::string quoted = "'";
  for (const char c : *text) {
    quoted += c == '\'' ? "''" : std::string{c};
  }
  return quoted + "'";
}

/// Puts values in the place of `:name`, but not within quotes and comments.
std::string with_values(std::string_view sql, const store::Parameters& parameters) {
  constexpr std::string_view kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string out;
  const auto copy_until = [&](std::size_t at) {
    at = std::min(at, sql.size());
    out += sql.substr(0, at);
    sql.remove_prefix(at);
  };
  while (!sql.empty()) {
    if (sql[0] == '\'') {
      const auto end = sql.find('\'', 1);
      copy_until(end == std::string_view::npos ? end : end + 1);
    } else if (sql.starts_with("--")) {
      copy_until(sql.find('\n'));
    } else if (sql[0] == ':') {
      const auto end = std::min(sql.find_first_not_of(kNameCharacters, 1), sql.size());
      const auto value = parameters.find(sql.substr(1, end - 1));
      out += value == parameters.end() ? std::string{sql.substr(0, end)} : literal(value->second);
      sql.remove_prefix(end);
    } else {
      copy_until(1);
    }
  }
  return out;
}

}  // namespace

Answer ask(store::Reader& reader, std::string_view name, const Filter& filter, std::int64_t limit) {
  return ask(reader, name, filter, limit, basis_for(reader, filter));
}

Answer ask(store::Reader& reader,
           std::string_view name,
           const Filter& filter,
           std::int64_t limit,
           Basis basis) {
  const auto prepared = prepare(name, filter, limit, basis);
  Answer answer{prepared.name, {}, {}};
  for (const auto& section : prepared.definition.sections) {
    auto rows = reader.query(section.sql, prepared.parameters);
    Table table{section.heading.name, section.heading.title, {}, std::move(rows.cells)};
    for (const auto& column : rows.names) {
      table.columns.push_back(column_of(section, column));
    }
    answer.tables.push_back(std::move(table));
  }
  answer.honesty = honesty(reader, filter, basis);
  return answer;
}

std::string sql_of(std::string_view name, const Filter& filter, std::int64_t limit, Basis basis) {
  const auto prepared = prepare(name, filter, limit, basis);
  std::string text;
  for (const auto& section : prepared.definition.sections) {
    text += fmt::format("{}-- {}\n{}\n",
                        text.empty() ? "" : "\n",
                        section.heading.title,
                        trim(with_values(section.sql, prepared.parameters)));
  }
  return text;
}

Honesty honesty(store::Reader& reader, const Filter& filter) {
  return honesty(reader, filter, basis_for(reader, filter));
}

Honesty honesty(store::Reader& reader, const Filter& filter, Basis basis) {
  const auto whole = reader.query(
      "SELECT min(started_ns), max(max(coalesce(ended_ns, 0), last_alive_ns)) FROM sessions");
  Honesty honesty;
  honesty.recorded_from_ns = integer(whole.cells[0][0], 0);
  honesty.recorded_to_ns = integer(whole.cells[0][1], 0);
  // Of what a clip was cut from it has no more than the window.
  const auto cut = reader.query("SELECT max(from_ns), min(to_ns) FROM clips");
  honesty.recorded_from_ns =
      std::max(honesty.recorded_from_ns, integer(cut.cells[0][0], honesty.recorded_from_ns));
  honesty.recorded_to_ns =
      std::min(honesty.recorded_to_ns, integer(cut.cells[0][1], honesty.recorded_to_ns));
  honesty.from_ns = filter.since_ns.value_or(honesty.recorded_from_ns);
  if (filter.before_ns) {
    honesty.from_ns = std::min(honesty.from_ns, filter.before_ns->first);
  }
  honesty.to_ns = filter.until_ns.value_or(honesty.recorded_to_ns);
  const store::Parameters window{{"from", honesty.from_ns}, {"to", honesty.to_ns}};
  const auto coverage = reader.query(
      "SELECT sum(kernel_opens), sum(recorded_opens), min(100.0, 100.0 * sum(recorded_opens) / "
      "sum(kernel_opens)) "
      "FROM coverage WHERE from_ns <= :to AND to_ns >= :from",
      window);
  honesty.kernel_opens = coverage.cells[0][0];
  honesty.recorded_opens = coverage.cells[0][1];
  honesty.percent = coverage.cells[0][2];
  const auto gaps = reader.query(
      "SELECT max(from_ns, :from), min(to_ns, :to) FROM gaps WHERE from_ns <= :to AND to_ns >= "
      ":from ORDER BY from_ns, id",
      window);
  honesty.gaps = static_cast<std::int64_t>(gaps.cells.size());
  honesty.gaps_ns = united_length(gaps.cells);
  const auto dropped = reader.query(
      "SELECT reason, sum(lost) FROM gaps WHERE source = 'retention' AND from_ns <= :to AND to_ns "
      ">= :from GROUP BY reason ORDER BY reason",
      window);
  for (const auto& row : dropped.cells) {
    honesty.note += fmt::format("{}{} ended connections dropped, {}",
                                honesty.note.empty() ? "" : " | ",
                                integer(row[1], 0),
                                std::get<std::string>(row[0]));
  }
  const auto clause = basis == Basis::connections ? connection_clause(filter) : flow_clause(filter);
  auto sql = fmt::format(
      "SELECT owner_reason, sum(connections) FROM process_flows WHERE owner_reason IS NOT NULL AND "
      "({}) GROUP BY owner_reason ORDER BY sum(connections) DESC, owner_reason",
      clause.sql);
  widen(sql, basis, filter);
  const auto owners = reader.query(sql, clause.parameters);
  std::string unknown;
  for (const auto& row : owners.cells) {
    unknown += fmt::format("{}{} {}",
                           unknown.empty() ? "owner unknown: " : ", ",
                           integer(row[1], 0),
                           std::get<std::string>(row[0]));
  }
  honesty.note += (honesty.note.empty() || unknown.empty() ? "" : " | ") + unknown;
  return honesty;
}

}  // namespace netlog::report
