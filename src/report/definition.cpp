// SPDX-License-Identifier: MIT
#include "report/definition.hpp"

#include "report/reports.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

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
    {"sparkline", Unit::sparkline},
}};

/// Whether values of this unit are shown as numbers, which are aligned to the right.
bool is_number(Unit unit) {
  return unit != Unit::none && unit != Unit::time && unit != Unit::endpoint &&
         unit != Unit::sparkline;
}

// `name | title | unit [right] [bar] [optional] [several] [known]`
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
    } else if (word == "several") {
      column.several = true;
    } else if (word == "known") {
      column.known = true;
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
  if (is_number(column.unit)) {
    column.align = Align::right;
  }
  return column;
}

// `KEY | Title`
Section parse_section(std::string_view text) {
  const auto parts = split(text, '|');
  if (parts.size() != 2) {
    throw std::invalid_argument{fmt::format("section {}", quote(text))};
  }
  return {Table{std::string{trim(parts[0])}, std::string{trim(parts[1])}, {}, {}}, "", {}};
}

/// What follows `key` on a line that begins with it.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
  return line.starts_with(key) ? std::optional{trim(line.substr(key.size()))} : std::nullopt;
}

void add_line(Section& section, std::string_view line) {
  if (const auto granularity = value_of(line, "-- granularity:")) {
    if (*granularity != "sums" && *granularity != "connections") {
      throw std::invalid_argument{fmt::format("granularity {}", quote(*granularity))};
    }
    section.of_sums = *granularity == "sums";
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
  for (const auto& [known, text] : kReports) {
    if (known == name) {
      return;
    }
    names.emplace_back(known);
  }
  const auto near = nearest(name, names);
  throw UsageError{fmt::format("unknown report {}{}; `netlog report --list` lists them all",
                               quote(name),
                               near ? ", did you mean " + *near + "?" : "")};
}

}  // namespace netlog::report
