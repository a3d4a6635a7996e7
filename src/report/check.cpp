// SPDX-License-Identifier: MIT
#include "report/check.hpp"

#include "report/checks.hpp"
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "store/db/sql_macros.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog::report {

Checked check(store::Reader& reader, std::int64_t max_violations) {
  Table checks{"checks",
               "Checks",
               {{"check", "check", Unit::none, Align::left, false},
                {"violations", "violations", Unit::count, Align::right, false},
                {"about", "what must hold", Unit::none, Align::left, false}},
               {}};
  Table violations{"violations",
                   "Violations",
                   {{"check", "check", Unit::none, Align::left, false},
                    {"connection_id", "connection", Unit::none, Align::right, false},
                    {"detail", "detail", Unit::none, Align::left, false}},
                   {}};
  const auto add = [&](std::string_view name,
                       const std::string& about,
                       const std::vector<std::vector<Cell>>& found) {
    checks.rows.push_back({std::string{name}, static_cast<std::int64_t>(found.size()), about});
    for (const auto& row : found) {
      violations.rows.push_back({std::string{name}, row.at(0), row.at(1)});
    }
  };
  std::vector<std::vector<Cell>> faults;
  for (auto& fault : reader.faults()) {
    faults.push_back({Cell{}, std::move(fault)});
  }
  add("file", "SQLite finds no fault in the file, and every referenced row exists", faults);
  for (const auto& [name, text] : kChecks) {
    const auto definition = parse_definition(text);
    const auto& sql = definition.sections.front().sql;
    add(name,
        definition.about,
        reader.query(store::expand_sql(sql), {{"limit", max_violations}}).cells);
  }
  Checked checked;
  checked.violations = static_cast<std::int64_t>(violations.rows.size());
  checked.answer.report = "check";
  checked.answer.tables.push_back(std::move(checks));
  if (checked.violations > 0) {
    checked.answer.tables.push_back(std::move(violations));
  }
  checked.answer.completeness = completeness(reader, {});
  return checked;
}

}  // namespace netlog::report
