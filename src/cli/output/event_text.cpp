// SPDX-License-Identifier: MIT
#include "cli/output/event_text.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

/// 1970 where a file has no time, against its schema.
std::int64_t moment_of(const Cell& cell) {
  const auto* const ns = std::get_if<std::int64_t>(&cell);
  return ns == nullptr ? 0 : *ns;
}

bool is_known(const Cell& cell) {
  return !std::holds_alternative<std::monostate>(cell);
}

/// The port of an endpoint, with its colon: `:443`.
std::string port_of(const std::string& endpoint) {
  const auto colon = endpoint.rfind(':');
  return colon == std::string::npos ? endpoint : endpoint.substr(colon);
}

}  // namespace

EventText::EventText(std::vector<Column> columns, render::TextStyle style)
    : columns_{std::move(columns)}, style_{std::move(style)} {}

std::string EventText::lines(const std::vector<Cell>& event) {
  constexpr std::size_t kKindWidth = 7;
  constexpr std::size_t kChangeWidth = 24;  // `ESTABLISHED > CLOSE_WAIT`
  constexpr std::size_t kOwnerWidth = 30;   // `python :49152 > 192.0.2.100:443`
  const bool closed = text(event, "kind") == "close";
  std::string begin;
  std::size_t used = 0;
  for (const auto& change : closed ? end_texts(event) : std::vector{change_text(event)}) {
    begin = fmt::format("{} {:<{}} {:<{}} ",
                        time_text(event),
                        text(event, "kind"),
                        kKindWidth,
                        change,
                        kChangeWidth);
    used = render::display_width(begin);
    if (style_.width == 0 || used + kOwnerWidth <= style_.width) {
      break;
    }
  }
  const auto room = style_.width > used ? style_.width - used : 0;
  auto line = begin + owner_text(event, style_.width == 0 ? std::string::npos : room);
  line.erase(line.find_last_not_of(' ') + 1);
  if (style_.width > 0) {
    line = render::shorten(line, style_.width, false, style_.ascii);
  }
  return date_line(event) + line + '\n';
}

const Cell& EventText::cell(const std::vector<Cell>& event, std::string_view name) const {
  const auto column = std::find_if(
      columns_.begin(), columns_.end(), [&](const auto& each) { return each.name == name; });
  return event.at(static_cast<std::size_t>(column - columns_.begin()));
}

std::string EventText::text(const std::vector<Cell>& event, std::string_view name) const {
  const auto column = std::find_if(
      columns_.begin(), columns_.end(), [&](const auto& each) { return each.name == name; });
  return render::cell_text(
      cell(event, name), column->unit, style_, render::protocol_of(columns_, event));
}

/// `14:03:07.250`, and `±100ms` where the moment is not exact.
std::string EventText::time_text(const std::vector<Cell>& event) const {
  const auto at_ns = moment_of(cell(event, "at_ns"));
  const auto* const error_ns = std::get_if<std::int64_t>(&cell(event, "error_ns"));
  auto time = render::local_time(at_ns, style_, style_.width == 0);
  if (error_ns != nullptr && *error_ns > 0) {
    time += "±" + format_duration(*error_ns);
  }
  return time;
}

std::string EventText::change_text(const std::vector<Cell>& event) const {
  if (!is_known(cell(event, "new"))) {
    return {};
  }
  return is_known(cell(event, "old")) ? text(event, "old") + " > " + text(event, "new")
                                      : text(event, "new");
}

/// `closed 5.34s 83 B/16 MB`: the outcome, the duration, what was sent and received. The same
/// without bytes, and without the reason of the outcome, follow.
std::vector<std::string> EventText::end_texts(const std::vector<Cell>& event) const {
  const auto outcome = text(event, "outcome");
  const auto reason = is_known(cell(event, "outcome_reason"))
                          ? " (" + text(event, "outcome_reason") + ")"
                          : std::string{};
  const auto duration =
      is_known(cell(event, "duration_ns")) ? " " + text(event, "duration_ns") : std::string{};
  const bool carried = is_known(cell(event, "remote"));  // a listener carries no bytes
  const auto bytes =
      carried && (is_known(cell(event, "bytes_sent")) || is_known(cell(event, "bytes_received")))
          ? " " + text(event, "bytes_sent") + "/" + text(event, "bytes_received")
          : std::string{};
  return {outcome + reason + duration + bytes, outcome + reason + duration, outcome + duration};
}

/// The process, or the script that it runs, and the two ends, the remote one by its name and then
/// its address, in the longest form for which there is room. `>` is a connection that this host has
/// opened, `<` one that it has accepted, `-` one of which this is not known.
std::string EventText::owner_text(const std::vector<Cell>& event, std::size_t width) const {
  constexpr std::size_t kShortProcess = 6;
  const auto process = text(event, is_known(cell(event, "script")) ? "script" : "process");
  const auto pid = text(event, "pid");
  const auto protocol = text(event, "protocol") == "tcp" ? "" : text(event, "protocol") + " ";
  const auto local = text(event, "local");
  const auto remote = is_known(cell(event, "remote_name"))
                          ? text(event, "remote_name") + port_of(text(event, "remote"))
                          : text(event, "remote");
  const auto direction = text(event, "direction");
  const std::string_view arrow = direction == "inbound"    ? " < "
                                 : direction == "outbound" ? " > "
                                                           : " - ";
  const bool has_remote = is_known(cell(event, "remote"));
  const auto ends = [&](const std::string& own) {
    return has_remote ? fmt::format("{}{}{}", own, arrow, remote) : own;
  };
  const auto brief = has_remote ? ends(port_of(local)) : local;
  const auto address =
      is_known(cell(event, "remote_name")) ? fmt::format(" ({})", text(event, "remote")) : "";
  for (const auto& form :
       {fmt::format("{} {} {}{}{}", process, pid, protocol, ends(local), address),
        fmt::format("{} {} {}{}{}", process, pid, protocol, brief, address),
        fmt::format("{} {} {}{}", process, pid, protocol, brief),
        fmt::format("{} {}{}", process, protocol, brief)}) {
    if (render::display_width(form) <= width) {
      return form;
    }
  }
  const auto begin =
      fmt::format("{} {}",
                  render::shorten(process, kShortProcess, false, style_.ascii),
                  has_remote ? protocol + port_of(local) + std::string{arrow} : protocol);
  const auto used = render::display_width(begin);
  return begin +
         render::shorten(
             has_remote ? remote : local, width > used ? width - used : 0, true, style_.ascii);
}

/// The day, where it is another one than that of the line before; only on a terminal.
std::string EventText::date_line(const std::vector<Cell>& event) {
  const auto at_ns = moment_of(cell(event, "at_ns"));
  const auto time = render::local_time(at_ns, style_, true);
  auto date = fmt::format(
      "{} {}", time.substr(0, time.find(' ')), render::offset_text(style_.utc_offset_s(at_ns)));
  if (style_.width == 0 || date == date_) {
    return {};
  }
  date_ = std::move(date);
  return date_ + '\n';
}

}  // namespace netlog::cli
