// SPDX-License-Identifier: MIT
#include "render/exports/named_cells.hpp"
#include "render/exports/summaries.hpp"

#include <algorithm>
#include <cstdint>
#include <map>

#include <fmt/format.h>

namespace netlog::render {
namespace {

enum class MetricType : std::uint8_t { counter, gauge };

struct Metric {
  std::string_view name;
  MetricType type = MetricType::gauge;
  std::string_view help;
  std::string_view value;                ///< a column, summed up; names its table, too
  std::vector<std::string_view> labels;  ///< other columns of that table
  std::int64_t units_per = 1;            ///< of the column, in one of the metric
};

constexpr std::int64_t kNsPerSecondOfMetric = 1'000'000'000;

/// All metrics that netlog has, wherever it shows them.
const std::vector<Metric>& metrics() {
  using enum MetricType;
  static const std::vector<Metric> all{
      {"netlog_info",
       gauge,
       "The recorder: its version, and from where it reads connections now.",
       "recorders",
       {"version", "source"}},
      {"netlog_start_time_seconds",
       gauge,
       "When the recorder began, in seconds since 1970.",
       "started_ns",
       {},
       kNsPerSecondOfMetric},
      {"netlog_last_tick_timestamp_seconds",
       gauge,
       "When it began to read the tables last, in seconds since 1970.",
       "last_tick_ns",
       {},
       kNsPerSecondOfMetric},
      {"netlog_interval_seconds",
       gauge,
       "Time between two ticks, as it was asked for.",
       "interval_ns",
       {},
       kNsPerSecondOfMetric},
      {"netlog_ticks_total", counter, "Times that it read the tables.", "ticks", {}},
      {"netlog_late_ticks_total",
       counter,
       "Ticks that began more than a tenth of the interval after their time.",
       "late_ticks",
       {}},
      {"netlog_skipped_ticks_total",
       counter,
       "Ticks that were left out because one before took too long.",
       "skipped_ticks",
       {}},
      {"netlog_events_total", counter, "Changes of connections that were found.", "events", {}},
      {"netlog_written_events_total",
       counter,
       "Those of them that are in the recording.",
       "written_events",
       {}},
      {"netlog_queued_items",
       gauge,
       "Events and other rows that wait to be written.",
       "queued_items",
       {}},
      {"netlog_queue_limit_items",
       gauge,
       "So many rows fill the queue; then reading waits.",
       "queue_limit",
       {}},
      {"netlog_write_outage", gauge, "1 while the recording cannot be written.", "outage", {}},
      {"netlog_recording_size_bytes",
       gauge,
       "Size of the recording and its -wal.",
       "file_bytes",
       {}},
      {"netlog_gaps_total",
       counter,
       "Gaps: times in which something may have been missed.",
       "gaps",
       {"source", "reason"}},
      {"netlog_gap_losses_total",
       counter,
       "What was lost in gaps, where it was counted, in the unit of the reason.",
       "lost",
       {"source", "reason"}},
      {"netlog_kernel_opens_total",
       counter,
       "TCP connections that the kernel counted as opened, in windows of up to a minute.",
       "kernel_opens",
       {}},
      {"netlog_recorded_opens_total",
       counter,
       "Those of them that were recorded.",
       "recorded_opens",
       {}},
      {"netlog_coverage_ratio",
       gauge,
       "Recorded by kernel opens since the recorder began; absent before the first one.",
       "coverage",
       {}},
      {"netlog_opened_connections_total",
       counter,
       "Connections, listeners and UDP flows that were seen to open.",
       "opened",
       {"protocol", "direction"}},
      {"netlog_ended_connections_total",
       counter,
       "Connections, listeners and UDP flows that ended, by how they ended.",
       "ended",
       {"protocol", "direction", "outcome"}},
      {"netlog_failed_connects_total",
       counter,
       "TCP connects that failed or were given up.",
       "failed_connects",
       {"outcome"}},
      {"netlog_connections",
       gauge,
       "Connections, listeners and UDP sockets that were selected, by how they ended.",
       "connections",
       {"protocol", "direction", "outcome"}},
      {"netlog_open_connections",
       gauge,
       "Connections, listeners and UDP sockets that are open, by TCP state.",
       "open_connections",
       {"protocol", "direction", "state"}},
      {"netlog_time_wait_connections",
       gauge,
       "Connections in TIME_WAIT: they have ended, and their ports are in use.",
       "time_wait_connections",
       {}},
      {"netlog_sent_bytes",
       gauge,
       "Payload that the selected connections sent, where it is known.",
       "bytes_sent",
       {"protocol", "direction"}},
      {"netlog_received_bytes",
       gauge,
       "Payload that the selected connections received, where it is known.",
       "bytes_received",
       {"protocol", "direction"}}};
  return all;
}

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

/// A sum of cells: exact while all are whole numbers.
struct Sum {
  std::uint64_t whole = 0;  // wraps around where a file claims too much
  double fraction = 0;

  void add(const Cell& cell) {
    if (const auto number = number_in(cell)) {
      whole += static_cast<std::uint64_t>(*number);
    } else if (const auto* const real = std::get_if<double>(&cell)) {
      fraction += *real;
    }
  }
  [[nodiscard]] std::string text(std::int64_t units_per) const {
    const auto units = static_cast<std::uint64_t>(units_per);
    if (fraction == 0 && whole % units == 0) {
      return fmt::format("{}", whole / units);
    }
    const auto full = whole / units;
    const auto rest = static_cast<double>(whole % units) + fraction;
    return fmt::format("{}", static_cast<double>(full) + rest / static_cast<double>(units));
  }
};

bool is_number(const Cell& cell) {
  return std::holds_alternative<std::int64_t>(cell) || std::holds_alternative<double>(cell);
}

/// The samples in the order of their labels. A row without the value, or with a label that is not
/// known, has none.
std::string metric_text(const Table& counts, const Metric& metric) {
  std::map<std::string, Sum> samples;
  for (const auto& cells : counts.rows) {
    const NamedRow row{counts, cells};
    const auto& value = row.at(metric.value);
    std::string labels;
    bool is_whole = is_number(value);
    for (const auto label : metric.labels) {
      const auto text = text_in(row.at(label));
      is_whole = is_whole && !text.empty();
      labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "{" : ",", label, label_value(text));
    }
    if (is_whole) {
      samples[labels + (labels.empty() ? "" : "}")].add(value);
    }
  }
  auto text = fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n",
                          metric.name,
                          metric.help,
                          metric.type == MetricType::counter ? "counter" : "gauge");
  for (const auto& [labels, value] : samples) {
    text += fmt::format("{}{} {}\n", metric.name, labels, value.text(metric.units_per));
  }
  return text;
}

}  // namespace

std::string prometheus_text(std::span<const Table> tables) {
  std::string text;
  for (const auto& metric : metrics()) {
    const auto table = std::find_if(tables.begin(), tables.end(), [&](const Table& one) {
      return std::any_of(one.columns.begin(), one.columns.end(), [&](const Column& column) {
        return column.name == metric.value;
      });
    });
    if (table != tables.end()) {
      text += metric_text(*table, metric);
    }
  }
  return text;
}

}  // namespace netlog::render
