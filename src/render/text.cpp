// SPDX-License-Identifier: MIT
#include "render/cell_text.hpp"
#include "render/table_layout.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

/// Days since 1970 in the style's zone.
std::int64_t local_day(std::int64_t utc_ns, const TextStyle& style) {
  constexpr std::int64_t kDayNs = std::int64_t{86'400} * kNsPerSecond;
  return (utc_ns + style.utc_offset_s(utc_ns) * kNsPerSecond) / kDayNs;
}

/// Whether the window and every time in the tables are on one day. Then the completeness line names
/// the day, and the tables need not.
bool on_one_day(const Answer& answer, const TextStyle& style) {
  if (!answer.completeness) {
    return false;
  }
  const auto day = local_day(answer.completeness->to_ns, style);
  bool same = local_day(answer.completeness->from_ns, style) == day;
  for (const auto& table : answer.tables) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      for (const auto& row : table.rows) {
        const auto* const at = std::get_if<std::int64_t>(&row[i]);
        same = same && (table.columns[i].unit != Unit::time || at == nullptr ||
                        local_day(*at, style) == day);
      }
    }
  }
  return same;
}

std::string coverage_text(const Completeness& completeness) {
  const auto* const kernel = std::get_if<std::int64_t>(&completeness.kernel_opens);
  const auto* const recorded = std::get_if<std::int64_t>(&completeness.recorded_opens);
  if (kernel == nullptr || recorded == nullptr) {
    return "coverage unknown";
  }
  const auto* const percent = std::get_if<double>(&completeness.percent);
  if (percent == nullptr) {
    return "coverage: the kernel opened no TCP connection";
  }
  const auto unseen = std::max<std::int64_t>(*kernel - *recorded, 0);
  // The counters are read a moment after a recorder has begun.
  constexpr auto kUsuallyUncountedNs = 2 * kNsPerSecond;
  return fmt::format(
      "coverage {} % ({} of {} TCP opens unseen{})",
      percent_text(*percent),
      thousands(unseen),
      thousands(*kernel),
      completeness.uncounted_ns > kUsuallyUncountedNs
          ? fmt::format("; {} not counted", format_duration(completeness.uncounted_ns))
          : "");
}

/// `3 gaps, 15s in all: recorder was killed 12s, skipped ticks 3s`
std::string gaps_text(const Completeness& completeness) {
  auto text = fmt::format("{} {}, {} in all",
                          thousands(completeness.gaps),
                          completeness.gaps == 1 ? "gap" : "gaps",
                          format_duration(completeness.gaps_ns));
  const auto* before = ": ";
  for (const auto& [reason, ns] : completeness.gap_reasons) {
    text += std::exchange(before, ", ") + escape_for_terminal(reason);
    text += completeness.gaps == 1 ? "" : " " + format_duration(ns);
  }
  return text;
}

std::string completeness_text(const Completeness& completeness, const TextStyle& style) {
  const auto offset =
      style.offsets ? std::string{} : " " + offset_text(style.utc_offset_s(completeness.to_ns));
  auto text = fmt::format("window {} .. {}{} | {} | {}",
                          local_time(completeness.from_ns, style, true),
                          local_time(completeness.to_ns, style, true),
                          offset,
                          coverage_text(completeness),
                          completeness.gaps == 0 ? "no gaps" : gaps_text(completeness));
  const auto recorded = [&](std::int64_t at_ns) {
    return completeness.recorded_from_ns <= at_ns && at_ns <= completeness.recorded_to_ns;
  };
  if (!recorded(completeness.from_ns) || !recorded(completeness.to_ns)) {
    text += fmt::format(" | the recording holds only {} .. {}",
                        local_time(completeness.recorded_from_ns, style, true),
                        local_time(completeness.recorded_to_ns, style, true));
  }
  if (!completeness.note.empty()) {
    text += " | " + escape_for_terminal(completeness.note);
  }
  return wrapped(text, " | ", style.width);
}

}  // namespace

void write_text(std::ostream& out, const Answer& answer, const TextStyle& asked) {
  auto style = asked;
  style.offsets = answer.completeness && style.utc_offset_s(answer.completeness->from_ns) !=
                                             style.utc_offset_s(answer.completeness->to_ns);
  const bool dates = !on_one_day(answer, style);
  for (const auto& table : answer.tables) {
    if (!table.title.empty()) {
      out << (style.colour ? "\x1b[1m" : "") << table.title << (style.colour ? "\x1b[0m" : "")
          << '\n';
    }
    if (table.rows.empty()) {
      out << "none\n\n";
      continue;
    }
    write_table(out, table, style, dates);
    out << '\n';
  }
  if (answer.completeness) {
    out << completeness_text(*answer.completeness, style) << '\n';
  }
}

}  // namespace netlog::render
