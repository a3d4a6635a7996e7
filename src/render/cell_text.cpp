// SPDX-License-Identifier: MIT
#include "render/cell_text.hpp"

#include "render/shapes.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace netlog::render {
namespace {

constexpr std::string_view kUnknown = "-";

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
    case Unit::sparkline:
      break;
  }
  return fmt::format("{}", value);
}

std::string port_text(std::string_view number, const TextStyle& style, std::string_view protocol) {
  const auto port = parse_number<std::uint16_t>(number);
  auto name = port && style.service_name ? style.service_name(*port, protocol) : std::string{};
  return name.empty() ? std::string{number} : name;
}

std::string endpoint_text(std::string_view text,
                          const TextStyle& style,
                          std::string_view protocol) {
  const auto port = std::min(port_position(text), text.size());
  return std::string{text.substr(0, port)} + port_text(text.substr(port), style, protocol);
}

}  // namespace

std::string thousands(std::int64_t value) {
  auto digits = fmt::format("{}", value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (value < 0 ? 1 : 0);
       at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string percent_text(double percent) {
  return percent >= 100 ? "100" : fmt::format("{:.2f}", std::floor(percent * 100) / 100);
}

std::size_t port_position(std::string_view endpoint) {
  constexpr std::string_view kOurs = " to port ";
  if (const auto at = endpoint.find(kOurs); at != std::string_view::npos) {
    return at + kOurs.size();
  }
  const auto colon = endpoint.rfind(':');
  const bool has_port = colon != std::string_view::npos && colon > 0 &&
                        (endpoint.find(':') == colon || endpoint[colon - 1] == ']');
  return has_port ? colon + 1 : std::string_view::npos;
}

std::string shorten(const std::string& text, std::size_t width, bool endpoint, bool ascii) {
  const std::string_view cut = ascii ? "..." : "…";
  if (display_width(text) <= width) {
    return text;
  }
  const auto port = endpoint ? port_position(text) : std::string::npos;
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

std::string wrapped(const std::string& text, std::string_view separator, std::size_t width) {
  std::string out;
  std::size_t used = 0;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    const auto part = text.substr(at, end - at);
    const auto wanted = display_width(part);
    if (used > 0 && width > 0 && used + separator.size() + wanted > width) {
      out += "\n";
      used = 0;
    } else if (used > 0) {
      out += separator;
      used += separator.size();
    }
    out += part;
    used += wanted;
    at = end + separator.size();
  }
  return out;
}

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
  if (unit == Unit::sparkline) {
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

}  // namespace netlog::render
