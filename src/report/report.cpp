// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "report/clause_builder.hpp"
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/parts.hpp"
#include "report/sql_text.hpp"
#include "report/whole_hours.hpp"
#include "store/db/sql_macros.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Marks in a report's file, which a clause replaces.
constexpr std::string_view kConnectionsMark = "/*filter*/ 1";
constexpr std::string_view kOwnerMark = "/*filter of owner*/ 1";
constexpr std::string_view kSumsMark = "/*filter of sums*/ 1";
constexpr std::string_view kLookupsMark = "/*filter of lookups*/ 1";
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
  bind_whole_hours(parameters, filter);
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

std::string_view report_of(std::string_view name, const Filter& filter) {
  return name == "overview" && !filter.pids.empty() ? kProcessReport : name;
}

/// Puts the parts that several reports have in common in the place of their marks.
void insert_parts(std::string& sql) {
  for (const auto& [name, text] : kParts) {
    replace_all(sql, fmt::format("/*part {}*/", name), text);
  }
}

bool describes(const Section& section, std::string_view name) {
  const auto& columns = section.heading.columns;
  return std::any_of(
      columns.begin(), columns.end(), [&](const Column& column) { return column.name == name; });
}

/// A statement without its last semicolon, so that another one can read from it.
std::string_view without_semicolon(std::string_view sql) {
  sql = trim(sql);
  if (sql.ends_with(';')) {
    sql.remove_suffix(1);
  }
  return sql;
}

/// All rows of a statement, those with the largest values of a column first, as many as the limit
/// allows if the statement has one.
std::string sorted_sql(std::string_view sql, std::string_view column) {
  std::string all{without_semicolon(sql)};
  const bool is_limited = all.find(":limit") != std::string::npos;
  replace_all(all, ":limit", ":no_limit");
  return fmt::format("SELECT * FROM (\n{}\n)\nORDER BY \"{}\" DESC NULLS LAST{};",
                     all,
                     column,
                     is_limited ? "\nLIMIT iif(:limit < 0, 20, :limit)" : "");
}

PreparedReport prepare(std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity,
                       std::string_view wanted) {
  const auto report = report_of(name, filter);
  PreparedReport prepared{
      std::string{report}, definition(report), common_parameters(filter, limit)};
  const auto sql_of = [&](const Clause& clause) {
    prepared.parameters.insert(clause.parameters.begin(), clause.parameters.end());
    return clause.sql;
  };
  const bool by_connections = granularity == Granularity::connections;
  const auto connections = sql_of(window_connection_clause(filter));
  const auto living = by_connections ? sql_of(living_connection_clause(filter)) : connections;
  const auto sums = by_connections ? living : sql_of(sums_clause(filter));
  const auto owner = sql_of(owner_clause(filter));
  const auto lookups = sql_of(lookups_clause(filter));
  const auto both_windows = sql_of(both_windows_clause(filter));
  const bool of_sums = !by_connections && !filter.hours && is_everything(filter);
  auto& sections = prepared.definition.sections;
  std::erase_if(sections, [&](const Section& section) {
    return (section.of_sums && *section.of_sums != of_sums) ||
           (!wanted.empty() && section.heading.name != wanted);
  });
  for (auto& section : sections) {
    insert_parts(section.sql);
    use_finer_views(section.sql, granularity, filter);
    replace_all(section.sql, kConnectionsMark, connections);
    // Opens have no view by peer: a section may read connections where the others read sums. The
    // states of those in TIME_WAIT count, too.
    const auto reads = [&](std::string_view what) {
      return section.sql.find(what) != std::string::npos;
    };
    const bool has_opens = reads("FROM connection_opens");
    // Of whole hours there are sums of states, and none of single outbound opens.
    const bool has_others =
        reads(filter.hours ? "FROM connection_outbound_opens" : "FROM connection_dwells");
    replace_all(section.sql, kSumsMark, has_opens || has_others ? connections : sums);
    replace_all(section.sql, kOwnerMark, owner);
    replace_all(section.sql, kLookupsMark, lookups);
    replace_all(section.sql, kBothWindowsMark, both_windows);
    section.sql = store::expand_sql(section.sql);
  }
  return prepared;
}

/// Sorts the tables that have this column by it.
/// @throws UsageError: none has it
void sort_by(store::Reader& reader, PreparedReport& prepared, std::string_view column) {
  if (column.empty()) {
    return;
  }
  auto& sections = prepared.definition.sections;
  const bool is_described = std::any_of(sections.begin(), sections.end(), [&](const auto& section) {
    return describes(section, column);
  });
  std::vector<std::string> names;
  bool found = false;
  for (auto& section : sections) {
    bool has = describes(section, column);
    if (!is_described) {  // CSV has more columns than text
      auto parameters = prepared.parameters;
      parameters["limit"] = std::int64_t{1};
      const auto all = reader.query(section.sql, parameters).names;
      has = std::find(all.begin(), all.end(), column) != all.end();
      names.insert(names.end(), all.begin(), all.end());
    }
    if (has) {
      section.sql = sorted_sql(section.sql, column);
      found = true;
    }
  }
  if (!found) {
    const auto near = nearest(column, names);
    throw UsageError{fmt::format("--sort {} is none of {}{}",
                                 quote(column),
                                 fmt::join(names, ", "),
                                 near ? "; did you mean " + *near + "?" : "")};
  }
  prepared.parameters["no_limit"] = std::numeric_limits<std::int64_t>::max();
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

/// Whether a section's answer may have been cut: it has as many rows as one of its limits allows.
bool may_have_more(const std::string& sql, std::size_t rows, std::int64_t limit) {
  constexpr std::string_view kOwnLimit = ":limit < 0, ";
  const auto shown = static_cast<std::int64_t>(rows);
  if (limit >= 0) {
    return shown >= limit;
  }
  for (auto at = sql.find(kOwnLimit); at != std::string::npos; at = sql.find(kOwnLimit, at + 1)) {
    const auto begin = at + kOwnLimit.size();
    const auto number = sql.substr(begin, sql.find_first_not_of("0123456789", begin) - begin);
    if (parse_number<std::int64_t>(number).value_or(shown + 1) <= shown) {
      return true;
    }
  }
  return false;
}

/// How many rows a section has without a limit, up to `most`.
std::int64_t count_rows(store::Reader& reader,
                        std::string_view sql,
                        store::Parameters parameters,
                        std::int64_t most) {
  parameters["limit"] = most;
  const auto rows = reader.query(
      fmt::format("SELECT count(*) FROM (\n{}\n)", without_semicolon(sql)), parameters);
  return std::get<std::int64_t>(rows.cells.at(0).at(0));
}

/// Takes the title of a column whose values are to be shown only where they differ, or where there
/// are any. A count that is always 1 says nothing, and any other one does.
void hide_columns(Table& table) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    auto& column = table.columns[i];
    const auto& usual = table.rows.empty() ? Cell{} : table.rows.front().at(i);
    const bool differs = std::any_of(
        table.rows.begin(), table.rows.end(), [&](const auto& row) { return row.at(i) != usual; });
    const bool counts = column.unit == Unit::count && usual > Cell{std::int64_t{1}};
    const bool unknown = !differs && usual == Cell{};
    if ((column.several && !differs && !counts) || (column.known && unknown)) {
      column.title.clear();
    }
  }
}

/// Bytes are those of the whole life: reports leave out those of what went on after the window.
std::string left_out_bytes_note(store::Reader& reader, const Filter& filter, const Answer& answer) {
  const auto has_bytes =
      std::any_of(answer.tables.begin(), answer.tables.end(), [](const Table& table) {
        return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
          return column.unit == Unit::bytes;
        });
      });
  if (!filter.until_ns || !has_bytes) {
    return {};
  }
  auto at_end = filter;
  at_end.since_ns = filter.until_ns;  // those that went on
  auto clause = living_connection_clause(at_end);
  clause.parameters["until_ns"] = *filter.until_ns;
  const auto left_out = reader.query(
      fmt::format("SELECT EXISTS (SELECT 1 FROM connections WHERE {} AND coalesce(closed_ns, "
                  "last_seen_ns) > :until_ns AND (bytes_sent > 0 OR bytes_received > 0))",
                  clause.sql),
      clause.parameters);
  return std::get<std::int64_t>(left_out.cells.at(0).at(0)) != 0
             ? "without the bytes of connections that went on after the window"
             : "";
}

/// Names that programs have asked others for than a server at port 53, where names are shown.
std::string names_note(store::Reader& reader,
                       const Filter& filter,
                       Granularity granularity,
                       const Answer& answer) {
  const auto shows_names =
      std::any_of(answer.tables.begin(), answer.tables.end(), [](const Table& table) {
        return std::any_of(table.columns.begin(), table.columns.end(), [](const Column& column) {
          return column.name == "remote_name";
        });
      });
  return shows_names || answer.report == "lookups" ? hidden_names_note(reader, filter, granularity)
                                                   : std::string{};
}

}  // namespace

std::vector<std::string> section_names(std::string_view report, const Filter& filter) {
  std::vector<std::string> names;
  for (const auto& section : definition(report_of(report, filter)).sections) {
    if (std::find(names.begin(), names.end(), section.heading.name) == names.end()) {
      names.push_back(section.heading.name);
    }
  }
  return names;
}

std::vector<std::int64_t> unknown_pids(store::Reader& reader,
                                       const std::vector<std::int64_t>& pids) {
  auto unknown = pids;
  std::erase_if(unknown, [&](std::int64_t pid) {
    const auto known =
        reader.query("SELECT EXISTS (SELECT 1 FROM process WHERE pid = :pid)", {{"pid", pid}});
    return std::get<std::int64_t>(known.cells.at(0).at(0)) != 0;
  });
  return unknown;
}

std::vector<OwnerCondition> unmet_conditions(store::Reader& reader, const Filter& filter) {
  std::vector<OwnerCondition> unmet;
  const auto check = [&](std::string_view what, std::optional<std::string> Filter::*condition) {
    Filter one;
    one.*condition = filter.*condition;
    const auto clause = owner_clause(one);
    const auto known = reader.query(
        fmt::format("SELECT EXISTS (SELECT 1 FROM {} WHERE {})", owner_table(), clause.sql),
        clause.parameters);
    if (filter.*condition && std::get<std::int64_t>(known.cells.at(0).at(0)) == 0) {
      unmet.push_back({what, *(filter.*condition)});
    }
  };
  check("name or script", &Filter::process);
  check("exe", &Filter::exe);
  check("user", &Filter::user);
  return unmet;
}

bool lacks_name(store::Reader& reader, const Filter& filter) {
  if (!filter.remote_name) {
    return false;
  }
  ClauseBuilder out;
  out.add(name_matches(out, "text", *filter.remote_name));
  const auto clause = out.take();
  const auto known = reader.query(
      fmt::format("SELECT EXISTS (SELECT 1 FROM name WHERE {})", clause.sql), clause.parameters);
  return std::get<std::int64_t>(known.cells.at(0).at(0)) == 0;
}

Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  std::string_view section,
                  std::string_view sort) {
  return run_report(reader, name, filter, limit, choose_granularity(reader, filter), section, sort);
}

Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  Granularity granularity,
                  std::string_view wanted,
                  std::string_view sort) {
  auto prepared = prepare(name, filter, limit, granularity, wanted);
  sort_by(reader, prepared, sort);
  Answer answer{prepared.name, {}, {}};
  for (const auto& section : prepared.definition.sections) {
    auto rows = reader.query(section.sql, prepared.parameters);
    Table table{section.heading.name, section.heading.title, {}, std::move(rows.cells)};
    for (const auto& column : rows.names) {
      table.columns.push_back(column_of(section, column));
      if (column == sort) {
        auto& sorted = table.columns.back();
        sorted.optional = false;  // a narrow terminal shows it, too
        sorted.title = sorted.title.empty() ? sorted.name : sorted.title;
      }
    }
    if (may_have_more(section.sql, table.rows.size(), limit)) {
      // Each row can take as long as one that is shown.
      constexpr std::int64_t kMaxCounted = 1'000;
      const auto most = std::max(kMaxCounted, static_cast<std::int64_t>(table.rows.size()));
      const auto counted = count_rows(reader, section.sql, prepared.parameters, most + 1);
      table.total = std::min(counted, most);
      table.has_more = counted > most;
    }
    hide_columns(table);
    answer.tables.push_back(std::move(table));
  }
  answer.completeness = completeness(reader, filter, granularity);
  for (const auto& note : {names_note(reader, filter, granularity, answer),
                           left_out_bytes_note(reader, filter, answer)}) {
    auto& all = answer.completeness->note;
    all += (all.empty() || note.empty() ? "" : " | ") + note;
  }
  return answer;
}

std::string report_sql(store::Reader& reader,
                       std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity,
                       std::string_view wanted,
                       std::string_view sort) {
  auto prepared = prepare(name, filter, limit, granularity, wanted);
  sort_by(reader, prepared, sort);
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
