// SPDX-License-Identifier: MIT
#include "render/exports/named_cells.hpp"
#include "render/exports/summaries.hpp"

#include <initializer_list>
#include <map>

#include <fmt/format.h>

namespace netlog::render {
namespace {

struct Metric {
  std::string_view name;
  std::string_view help;
  std::vector<std::string_view> labels;  ///< columns
  std::string_view value;                ///< a column, summed up
};

std::string label_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

/// The samples in the order of their labels. A row without the value, or with a label that is not
/// known, has none.
std::string metric_text(const Table& counts, const Metric& metric) {
  std::map<std::string, std::uint64_t> samples;  // wraps around where a file claims too much
  for (const auto& cells : counts.rows) {
    const NamedRow row{counts, cells};
    const auto value = number_in(row.at(metric.value));
    std::string labels;
    bool is_whole = value.has_value();
    for (const auto label : metric.labels) {
      const auto text = text_in(row.at(label));
      is_whole = is_whole && !text.empty();
      labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", label, label_value(text));
    }
    if (is_whole) {
      samples[labels] += static_cast<std::uint64_t>(*value);
    }
  }
  auto text = fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", metric.name, metric.help);
  for (const auto& [labels, value] : samples) {
    text += fmt::format("{}{{{}}} {}\n", metric.name, labels, value);
  }
  return text;
}

}  // namespace

std::string prometheus_text(const Table& counts) {
  std::string text;
  for (const auto& metric : std::initializer_list<Metric>{
           {"netlog_connections",
            "Connections, listeners and UDP sockets that were selected, by how they ended.",
            {"protocol", "direction", "outcome"},
            "connections"},
           {"netlog_open_connections",
            "Those of them that are open, by TCP state.",
            {"protocol", "direction", "state"},
            "connections"},
           {"netlog_sent_bytes",
            "Payload that they sent, where it is known.",
            {"protocol", "direction"},
            "bytes_sent"},
           {"netlog_received_bytes",
            "Payload that they received, where it is known.",
            {"protocol", "direction"},
            "bytes_received"}}) {
    text += metric_text(counts, metric);
  }
  return text;
}

}  // namespace netlog::render
