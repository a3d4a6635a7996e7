// SPDX-License-Identifier: MIT
#include "util/text.hpp"

#include "render/render.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <ostream>

#include <fmt/format.h>

namespace netlog::render {
namespace {

constexpr std::string_view kUnknown = "-";
constexpr std::size_t kBetween = 2;  // blanks between columns
// Widths that a text column is shortened to, in this order; an endpoint tells one row from another.
constexpr std::size_t kComfortable = 20;
constexpr std::size_t kComfortableEndpoint = 24;
constexpr std::size_t kShort = 12;
constexpr std::size_t kNarrowest = 6;
constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kNarrowestEndpoint = 17;

std::string thousands(std::int64_t value) {
  auto digits = fmt::format("{}", value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (value < 0 ? 1 : 0);
       at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes)
                   : fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits.at(unit));
}

// Never rounds up to a hundred: 99.996 is not all.
std::string percent_text(double percent) {
  return percent >= 100 ? "100" : fmt::format("{:.2f}", std::floor(percent * 100) / 100);
}

std::string integer_text(std::int64_t value, Unit unit, const TextStyle& style) {
  switch (unit) {
    case Unit::time:
      return local_time(value, style, true);
    case Unit::ns:
      return format_duration(value);
    case Unit::us:
      return format_duration(value * kNsPerUs);
    case Unit::bytes:
      return bytes_text(value);
    case Unit::count:
      return thousands(value);
    case Unit::none:
    case Unit::percent:
    case Unit::endpoint:
    case Unit::port:
    case Unit::spark:
      break;
  }
  return fmt::format("{}", value);
}

/// Where the port begins in the text of an endpoint, after `:` or ` to port `; npos where it has
/// none.
std::size_t port_in(std::string_view endpoint) {
  constexpr std::string_view kOurs = " to port ";
  if (const auto at = endpoint.find(kOurs); at != std::string_view::npos) {
    return at + kOurs.size();
  }
  const auto colon = endpoint.rfind(':');
  const bool has_port = colon != std::string_view::npos && colon > 0 &&
                        (endpoint.find(':') == colon || endpoint[colon - 1] == ']');
  return has_port ? colon + 1 : std::string_view::npos;
}

std::string port_text(std::string_view number, const TextStyle& style, std::string_view protocol) {
  const auto port = parse_number<std::uint16_t>(number);
  auto name = port && style.service_name ? style.service_name(*port, protocol) : std::string{};
  return name.empty() ? std::string{number} : name;
}

std::string endpoint_text(std::string_view text,
                          const TextStyle& style,
                          std::string_view protocol) {
  const auto port = std::min(port_in(text), text.size());
  return std::string{text.substr(0, port)} + port_text(text.substr(port), style, protocol);
}

// A block of n eighths, for n from 1.
std::string block(std::string_view first, std::size_t eighths) {
  std::string text{first};  // U+2580 … U+258F: the last byte counts
  text.back() = static_cast<char>(text.back() + static_cast<char>(eighths - 1));
  return text;
}

/// Of full length for the largest; never nothing for something.
std::string bar(std::int64_t value, std::int64_t most, bool ascii) {
  if (value <= 0) {
    return {};
  }
  const auto share = static_cast<double>(value) / static_cast<double>(std::max(most, value));
  if (ascii) {
    std::string text;
    text.append(static_cast<std::size_t>(std::ceil(share * kBarWidth)), '#');
    return text;
  }
  const auto eighths = static_cast<std::size_t>(std::ceil(share * kBarWidth * 8));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) {
    text += "█";
  }
  // U+258F is one eighth, U+2589 seven.
  return eighths % 8 == 0 ? text : text + block("▉", 8 - eighths % 8);
}

/// `0,3,10`: a character for each number, as high as its share of the largest.
std::string sparkline(std::string_view counts, bool ascii) {
  constexpr std::string_view kAscii = ".:-=+*%#@";
  std::vector<std::int64_t> values;
  for (const auto part : split(counts, ',')) {
    values.push_back(parse_number<std::int64_t>(part).value_or(0));
  }
  const auto most = *std::max_element(values.begin(), values.end());
  std::string text;
  for (const auto value : values) {
    const auto level = most > 0 && value > 0
                           ? static_cast<std::size_t>(std::ceil(8.0 * static_cast<double>(value) /
                                                                static_cast<double>(most)))
                           : 0;
    text += ascii ? std::string{kAscii[level]} : level == 0 ? std::string{"·"} : block("▁", level);
  }
  return text;
}

/// What is not ASCII becomes a visible escape.
std::string to_ascii(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto point = code_point_at(text, at);
    const auto length = std::max(point.length, std::size_t{1});
    out += point.value < 0x80 ? text.substr(at, length)
                              : fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(point.value));
    at += length;
  }
  return out;
}

/// `endpoint`: of its text the port is worth most.
std::string shorten(const std::string& text, std::size_t width, bool endpoint, bool ascii) {
  const std::string_view cut = ascii ? "..." : "…";
  if (display_width(text) <= width) {
    return text;
  }
  const auto port = endpoint ? port_in(text) : std::string::npos;
  const auto kept =
      port != std::string::npos && text.size() - port + 2 + display_width(cut) <= width
          ? text.substr(port - 1)
          : std::string{};
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = std::max(code_point_at(text, at).length, std::size_t{1});
    const auto piece = text.substr(at, length);
    if (display_width(out) + display_width(piece) + kept.size() + display_width(cut) > width) {
      break;
    }
    out += piece;
    at += length;
  }
  return out + std::string{cut} + kept;
}

std::string pad(const std::string& text, std::size_t width, Align align) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return align == Align::right ? blanks + text : text + blanks;
}

std::int64_t local_day(std::int64_t utc_ns, const TextStyle& style) {
  constexpr std::int64_t kDayNs = std::int64_t{86'400} * kNsPerSecond;
  return (utc_ns + style.utc_offset_s(utc_ns) * kNsPerSecond) / kDayNs;
}

/// Whether every time that the answer shows is on one day: the line of honesty names it, the tables
/// need not.
bool on_one_day(const Answer& answer, const TextStyle& style) {
  if (!answer.honesty) {
    return false;
  }
  const auto day = local_day(answer.honesty->to_ns, style);
  bool same = local_day(answer.honesty->from_ns, style) == day;
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

// `11-21 14:03:07`
std::string brief_time(std::int64_t utc_ns, const TextStyle& style, bool date) {
  const auto text = local_time(utc_ns, style, date);
  const auto point = text.find('.');
  return text.substr(date ? 5 : 0, point - (date ? 5 : 0)) + text.substr(point + 4);
}

/// A table as text cells, with the width that each column wants.
class Sheet {
 public:
  Sheet(const Table& table, const TextStyle& style, bool dates)
      : Sheet{table, style, dates, false} {
    // Where even what must be shown has no room, times without years and fractions make some.
    if (style.width > 0 && least() > style.width) {
      *this = Sheet{table, style, dates, true};
    }
    if (style.width > 0) {
      narrow(style.width);
    }
  }

  void write(std::ostream& out, const TextStyle& style) const {
    const bool colour = style.colour;
    const auto cut = [&](const std::string& line) {
      const std::string text{trimmed(line)};
      return style.width > 0 ? shorten(text, style.width, false, ascii_) : text;
    };
    std::string heading;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      append(heading, columns_[i].title, i);
    }
    out << (colour ? "\x1b[2m" : "") << cut(heading) << (colour ? "\x1b[0m" : "") << '\n';
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        append(line, row[i], i);
      }
      out << cut(line) << '\n';
    }
  }

 private:
  /// Without the columns that are optional and have no room.
  Sheet(const Table& table, const TextStyle& style, bool dates, bool brief)
      : columns_{table.columns}, ascii_{style.ascii} {
    for (auto& column : columns_) {
      if (const auto at = column.title.find("±"); ascii_ && at != std::string::npos) {
        column.title.replace(at, std::string_view{"±"}.size(), "+-");
      }
      widths_.push_back(display_width(column.title));
    }
    for (const auto& row : table.rows) {
      auto& cells = rows_.emplace_back();
      const auto protocol = protocol_of(columns_, row);
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto* const time =
            columns_[i].unit == Unit::time ? std::get_if<std::int64_t>(&row[i]) : nullptr;
        cells.push_back(time == nullptr ? cell_text(row[i], columns_[i].unit, style, protocol)
                        : brief         ? brief_time(*time, style, dates)
                                        : local_time(*time, style, dates));
        widths_[i] = std::max(widths_[i], display_width(cells.back()));
      }
    }
    draw_bars(table);
    drop_undescribed();
    if (style.width > 0) {
      drop_optional(style.width);
    }
  }

  [[nodiscard]] std::size_t total() const {
    const auto gaps = widths_.empty() ? 0 : (widths_.size() - 1) * kBetween;
    return std::accumulate(widths_.begin(), widths_.end(), gaps);
  }

  /// With texts as short as they can comfortably be.
  [[nodiscard]] std::size_t least() const {
    auto least = total();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto comfortable =
          columns_[i].unit == Unit::endpoint ? kComfortableEndpoint : kComfortable;
      least -= is_text(columns_[i]) ? widths_[i] - std::min(widths_[i], comfortable) : 0;
    }
    return least;
  }

  static bool is_text(const Column& column) {
    return column.unit == Unit::endpoint ||
           (column.align == Align::left && column.unit == Unit::none);
  }

  void draw_bars(const Table& table) {
    for (std::size_t i = columns_.size(); i-- > 0;) {
      if (!columns_[i].bar) {
        continue;
      }
      const auto value = [&](std::size_t row) {
        const auto* const number = std::get_if<std::int64_t>(&table.rows[row][i]);
        return number == nullptr ? 0 : *number;
      };
      std::int64_t most = 0;
      for (std::size_t row = 0; row < table.rows.size(); ++row) {
        most = std::max(most, value(row));
      }
      const auto at = static_cast<std::ptrdiff_t>(i + 1);
      columns_.insert(columns_.begin() + at, Column{"", "shape", Unit::spark, Align::left, true});
      widths_.insert(widths_.begin() + at, kBarWidth);
      for (std::size_t row = 0; row < rows_.size(); ++row) {
        rows_[row].insert(rows_[row].begin() + at, bar(value(row), most, ascii_));
      }
    }
  }

  // Columns without a title are for programs.
  void drop_undescribed() {
    for (std::size_t i = columns_.size(); i-- > 0;) {
      if (columns_[i].title.empty()) {
        drop(i);
      }
    }
  }

  void drop_optional(std::size_t width) {
    for (std::size_t i = columns_.size(); i-- > 0 && least() > width;) {
      if (columns_[i].optional) {
        drop(i);
      }
    }
  }

  void drop(std::size_t column) {
    const auto at = static_cast<std::ptrdiff_t>(column);
    columns_.erase(columns_.begin() + at);
    widths_.erase(widths_.begin() + at);
    for (auto& row : rows_) {
      row.erase(row.begin() + at);
    }
  }

  // Long names first, and those of few letters (a state, a direction) only when nothing else is
  // left.
  void narrow(std::size_t width) {
    narrow_to(width, kComfortable, kComfortableEndpoint);
    narrow_to(width, kShort, kNarrowestEndpoint);
    narrow_to(width, kNarrowest, kNarrowestEndpoint);
  }

  // Takes from the widest text column first.
  void narrow_to(std::size_t width, std::size_t text_width, std::size_t endpoint_width) {
    while (total() > width) {
      std::size_t widest = columns_.size();
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const bool endpoint = columns_[i].unit == Unit::endpoint;
        if (is_text(columns_[i]) && widths_[i] > (endpoint ? endpoint_width : text_width) &&
            (widest == columns_.size() || widths_[i] > widths_[widest])) {
          widest = i;
        }
      }
      if (widest == columns_.size()) {
        return;
      }
      --widths_[widest];
    }
  }

  void append(std::string& line, const std::string& cell, std::size_t column) const {
    if (column > 0) {
      line.append(kBetween, ' ');
    }
    const bool endpoint = columns_[column].unit == Unit::endpoint;
    line += pad(
        shorten(cell, widths_[column], endpoint, ascii_), widths_[column], columns_[column].align);
  }

  static std::string_view trimmed(std::string_view line) {
    return line.substr(0, line.find_last_not_of(' ') + 1);
  }

  std::vector<Column> columns_;
  bool ascii_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
};

std::string coverage_text(const Honesty& honesty) {
  const auto* const kernel = std::get_if<std::int64_t>(&honesty.kernel_opens);
  const auto* const recorded = std::get_if<std::int64_t>(&honesty.recorded_opens);
  if (kernel == nullptr || recorded == nullptr) {
    return "coverage unknown";
  }
  const auto* const percent = std::get_if<double>(&honesty.percent);
  if (percent == nullptr) {
    return "coverage: the kernel opened no TCP connection";
  }
  const auto unseen = std::max<std::int64_t>(*kernel - *recorded, 0);
  return fmt::format("coverage {} % ({} of {} TCP opens unseen)",
                     percent_text(*percent),
                     thousands(unseen),
                     thousands(*kernel));
}

/// Broken between the parts of a line, where it is too long.
std::string wrapped(const std::string& text, std::size_t width) {
  constexpr std::string_view kSeparator = " | ";
  std::string out;
  std::size_t used = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(kSeparator, at), text.size());
    const auto part = text.substr(at, end - at);
    const auto wanted = display_width(part);
    if (used > 0 && width > 0 && used + kSeparator.size() + wanted > width) {
      out += "\n";
      used = 0;
    } else if (used > 0) {
      out += kSeparator;
      used += kSeparator.size();
    }
    out += part;
    used += wanted;
    at = end + kSeparator.size();
  }
  return out;
}

std::string honesty_text(const Honesty& honesty, const TextStyle& style) {
  const auto offset =
      style.offsets ? std::string{} : " " + offset_text(style.utc_offset_s(honesty.to_ns));
  auto text = fmt::format("window {} .. {}{} | {} | {}",
                          local_time(honesty.from_ns, style, true),
                          local_time(honesty.to_ns, style, true),
                          offset,
                          coverage_text(honesty),
                          honesty.gaps == 0 ? "no gaps"
                                            : fmt::format("{} {}, {} in all",
                                                          thousands(honesty.gaps),
                                                          honesty.gaps == 1 ? "gap" : "gaps",
                                                          format_duration(honesty.gaps_ns)));
  const auto recorded = [&](std::int64_t at_ns) {
    return honesty.recorded_from_ns <= at_ns && at_ns <= honesty.recorded_to_ns;
  };
  if (!recorded(honesty.from_ns) || !recorded(honesty.to_ns)) {
    text += fmt::format(" | the recording holds only {} .. {}",
                        local_time(honesty.recorded_from_ns, style, true),
                        local_time(honesty.recorded_to_ns, style, true));
  }
  if (!honesty.note.empty()) {
    text += " | " + escape_for_terminal(honesty.note);
  }
  return wrapped(text, style.width);
}

}  // namespace

std::string local_time(std::int64_t utc_ns, const TextStyle& style, bool date) {
  const auto t = civil_from_ns(utc_ns + style.utc_offset_s(utc_ns) * kNsPerSecond);
  const auto clock =
      fmt::format("{:02}:{:02}:{:02}.{:03}", t.hour, t.minute, t.second, t.nanosecond / 1'000'000);
  return (date ? fmt::format("{:04}-{:02}-{:02} {}", t.year, t.month, t.day, clock) : clock) +
         (style.offsets ? offset_text(style.utc_offset_s(utc_ns)) : "");
}

std::string offset_text(std::int32_t offset_s) {
  const auto minutes = std::abs(offset_s) / 60;
  return offset_s == 0
             ? "UTC"
             : fmt::format("{}{:02}:{:02}", offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::string cell_text(const Cell& cell,
                      Unit unit,
                      const TextStyle& style,
                      std::string_view protocol) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    const auto text = integer_text(*integer, unit, style);
    return unit == Unit::port ? port_text(text, style, protocol) : text;
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return unit == Unit::percent ? percent_text(*real) : fmt::format("{:.6g}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  if (text == nullptr) {
    return std::string{kUnknown};
  }
  if (unit == Unit::spark) {
    return sparkline(*text, style.ascii);
  }
  const auto escaped =
      escape_for_terminal(unit == Unit::endpoint ? endpoint_text(*text, style, protocol) : *text);
  return style.ascii ? to_ascii(escaped) : escaped;
}

std::string_view protocol_of(const std::vector<Column>& columns, const std::vector<Cell>& row) {
  const auto column = std::find_if(
      columns.begin(), columns.end(), [](const auto& each) { return each.name == "protocol"; });
  if (column == columns.end()) {
    return {};
  }
  const auto* const text =
      std::get_if<std::string>(&row[static_cast<std::size_t>(column - columns.begin())]);
  return text == nullptr ? std::string_view{} : *text;
}

std::string text_row(const std::vector<Column>& columns,
                     const std::vector<Cell>& row,
                     const TextStyle& style) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    line += (i == 0 ? "" : "  ") + cell_text(row[i], columns[i].unit, style);
  }
  return line + "\n";
}

void write_text(std::ostream& out, const Answer& answer, const TextStyle& asked) {
  auto style = asked;
  style.offsets = answer.honesty && style.utc_offset_s(answer.honesty->from_ns) !=
                                        style.utc_offset_s(answer.honesty->to_ns);
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
    Sheet{table, style, dates}.write(out, style);
    out << '\n';
  }
  if (answer.honesty) {
    out << honesty_text(*answer.honesty, style) << '\n';
  }
}

}  // namespace netlog::render
