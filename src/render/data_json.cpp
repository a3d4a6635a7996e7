// SPDX-License-Identifier: MIT
#include "render/data_json.hpp"

#include "render/json_text.hpp"
#include "util/arithmetic.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace netlog::render {
namespace {

constexpr int kDataVersion = 1;

std::string_view unit_name(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "";
    case Unit::count:
      return "count";
    case Unit::bytes:
      return "bytes";
    case Unit::time:
      return "time";
    case Unit::ns:
      return "ns";
    case Unit::us:
      return "us";
    case Unit::percent:
      return "percent";
    case Unit::endpoint:
      return "endpoint";
    case Unit::port:
      return "port";
    case Unit::sparkline:
      return "sparkline";
  }
  return "";
}

/// Appends JSON lists and objects to one text: a table has millions of values.
class DataWriter {
 public:
  explicit DataWriter(std::int64_t base_ns) : base_ns_{base_ns} {}

  void add(std::string_view text) { out_ += text; }
  template <typename... Values>
  void add_formatted(fmt::format_string<Values...> form, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), form, std::forward<Values>(values)...);
  }

  void add_table(const Table& table) {
    add_formatted(R"({{"name":{},"title":{},"rows":{},"total":{},"has_more":{},"columns":[)",
                  script_string(table.name),
                  script_string(table.title),
                  table.rows.size(),
                  std::max(table.total, static_cast<std::int64_t>(table.rows.size())),
                  table.has_more);
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      add(i == 0 ? "\n" : ",\n");
      add_column(table, i);
    }
    add("]}");
  }

  std::string take() { return std::move(out_); }

 private:
  void add_column(const Table& table, std::size_t at) {
    const auto& column = table.columns[at];
    add_formatted(R"({{"name":{},"title":{},"unit":"{}",)",
                  script_string(column.name),
                  script_string(column.title),
                  unit_name(column.unit));
    const bool has_text = std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) {
      return std::holds_alternative<std::string>(row[at]);
    });
    if (has_text) {
      add_words(table, at);
    } else {
      add_numbers(table, at);
    }
    add("}");
  }

  void add_numbers(const Table& table, std::size_t at) {
    const auto base_ns = table.columns[at].unit == Unit::time ? base_ns_ : 0;
    add("\"values\":[");
    bool is_first = true;
    for (const auto& row : table.rows) {
      add(is_first ? "" : ",");
      is_first = false;
      if (const auto* const number = std::get_if<std::int64_t>(&row[at])) {
        add_formatted("{}", wrapping_subtract(*number, base_ns));
      } else {
        add(json_value(row[at]));
      }
    }
    add("]");
  }

  void add_words(const Table& table, std::size_t at) {
    std::unordered_map<std::string, std::size_t> places;
    std::string words;
    std::string values;
    for (const auto& row : table.rows) {
      values += values.empty() ? "" : ",";
      if (std::holds_alternative<std::monostate>(row[at])) {
        values += "null";
        continue;
      }
      const auto* const text = std::get_if<std::string>(&row[at]);
      const auto [place, is_new] =
          places.try_emplace(text == nullptr ? '\0' + json_value(row[at]) : *text, places.size());
      if (is_new) {
        words += words.empty() ? "" : ",";
        words += text == nullptr ? json_value(row[at]) : script_string(*text);
      }
      fmt::format_to(std::back_inserter(values), "{}", place->second);
    }
    add_formatted(R"("words":[{}],"values":[{}])", words, values);
  }

  std::string out_;
  std::int64_t base_ns_;
};

void add_completeness(DataWriter& out, const Completeness& of, std::int64_t base_ns) {
  out.add_formatted(
      R"({{"from_ns":{},"to_ns":{},"recorded_from_ns":{},"recorded_to_ns":{},"kernel_opens":{},)",
      wrapping_subtract(of.from_ns, base_ns),
      wrapping_subtract(of.to_ns, base_ns),
      wrapping_subtract(of.recorded_from_ns, base_ns),
      wrapping_subtract(of.recorded_to_ns, base_ns),
      json_value(of.kernel_opens));
  out.add_formatted(R"("recorded_opens":{},"percent":{},"uncounted_ns":{},"gaps":{},"gaps_ns":{},)",
                    json_value(of.recorded_opens),
                    json_value(of.percent),
                    of.uncounted_ns,
                    of.gaps,
                    of.gaps_ns);
  out.add("\"gap_reasons\":[");
  for (std::size_t i = 0; i < of.gap_reasons.size(); ++i) {
    const auto& [reason, ns] = of.gap_reasons[i];
    out.add_formatted(R"({}{{"reason":{},"ns":{}}})", i == 0 ? "" : ",", script_string(reason), ns);
  }
  out.add_formatted(R"(],"note":{}}})", script_string(of.note));
}

void add_tables(DataWriter& out, const std::vector<Table>& tables) {
  out.add("[");
  for (std::size_t i = 0; i < tables.size(); ++i) {
    out.add(i == 0 ? "\n" : ",\n");
    out.add_table(tables[i]);
  }
  out.add("]");
}

}  // namespace

std::string script_string(std::string_view text) {
  auto json = json_text(text);
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    out += c == '<' ? std::string{"\\u003c"} : std::string(1, c);
  }
  return out;  // json_text() has escaped U+2028 and U+2029
}

std::string incident_json(const Incident& incident) {
  const auto base_ns = incident.completeness.from_ns;
  DataWriter out{base_ns};
  out.add_formatted(R"({{"format":"netlog-page","version":{},"netlog":{},"host":{},"filters":{},)",
                    kDataVersion,
                    script_string(kVersion),
                    script_string(incident.host),
                    script_string(incident.filters));
  out.add_formatted(R"("base_ns":"{}","bucket_ns":{},"connections":{},"completeness":)",
                    base_ns,
                    incident.bucket_ns,
                    incident.connections);
  add_completeness(out, incident.completeness, base_ns);
  out.add(",\"tables\":");
  add_tables(out, incident.tables);
  out.add(",\"left_out\":[");
  for (std::size_t i = 0; i < incident.left_out.size(); ++i) {
    out.add_formatted("{}{}", i == 0 ? "" : ",", script_string(incident.left_out[i]));
  }
  out.add("]}");
  return out.take();
}

std::string reports_json(const Incident& incident) {
  DataWriter out{incident.completeness.from_ns};
  out.add("{\"reports\":[");
  for (std::size_t i = 0; i < incident.reports.size(); ++i) {
    out.add_formatted(R"({}{{"name":{},"about":{},"tables":)",
                      i == 0 ? "" : ",",
                      script_string(incident.reports[i].report),
                      script_string(incident.reports[i].about));
    add_tables(out, incident.reports[i].tables);
    out.add("}");
  }
  out.add("]}");
  return out.take();
}

}  // namespace netlog::render
