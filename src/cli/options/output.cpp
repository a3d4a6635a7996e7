// SPDX-License-Identifier: MIT
#include "cli/options/output.hpp"

#include "cli/options/name_files.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/time_spec.hpp"
#include "cli/output/output_stream.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <cstdlib>
#include <iostream>
#include <memory>

#include <fmt/format.h>

namespace netlog::cli {

Format parse_format(const std::string& text) {
  if (text == "text") {
    return Format::text;
  }
  if (text == "json") {
    return Format::json;
  }
  if (text == "csv") {
    return Format::csv;
  }
  if (text == "html") {
    throw UsageError{
        "--format html is for netlog report, and for netlog html, which needs no --format"};
  }
  throw UsageError{fmt::format(
      "--format {} is none of text, json, csv{}", quote(text), suggestion(text, format_names()))};
}

bool shows_colours(os::StandardStream stream) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
  const char* const refused = std::getenv("NO_COLOR");
  return os::understands_escapes(stream) && (refused == nullptr || *refused == '\0');
}

std::string message_text(std::string_view text) {
  auto escaped = render::escape_for_terminal(text);
  return os::locale_is_utf8() ? escaped : render::to_ascii(escaped);
}

render::TextStyle text_style(const QueryOptions& options) {
  render::TextStyle style;
  style.ascii = options.ascii || !os::locale_is_utf8();
  write_ascii_only(style.ascii && parse_format(options.format) == Format::text);
  style.width = os::terminal_width(os::StandardStream::output);
  style.colour = shows_colours(os::StandardStream::output);
  if (!options.utc) {
    style.utc_offset_s = local_offset_s;
  }
  if (options.names && parse_format(options.format) == Format::text) {
    style.service_name = [names = std::make_shared<const ServiceNames>(read_service_names())](
                             std::uint16_t port, std::string_view protocol) {
      return service_name(*names, port, protocol);
    };
  }
  return style;
}

std::optional<std::int64_t> parse_limit(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto limit = parse_number<std::int64_t>(text);
  if (!limit || *limit < 1) {
    throw UsageError{fmt::format("--limit {} is not a number of rows above 0", quote(text))};
  }
  return limit;
}

std::string unknown_pids_text(const std::vector<std::int64_t>& pids) {
  return fmt::format("No process with the pid {} is in the recording.\n",
                     fmt::join(pids, pids.size() == 2 ? " or " : ", "));
}

std::string unmet_condition_text(const report::OwnerCondition& owner) {
  const bool pattern = owner.value.find_first_of("*?[") != std::string::npos;
  return fmt::format("No process with {} {}{} {} is in the recording.\n",
                     pattern ? "a" : "the",
                     owner.what,
                     pattern ? " like" : "",
                     quote(owner.value));
}

std::string unknown_name_text(const std::string& name) {
  return fmt::format(
      "No {} {} is in the recording. Names are those that programs looked up; netlog resolves "
      "none.\n",
      name.find('*') == std::string::npos ? "name" : "name like",
      quote(name));
}

std::string unmet_text(store::Reader& reader, const report::Filter& filter) {
  std::string text;
  if (const auto unknown = report::unknown_pids(reader, filter.pids); !unknown.empty()) {
    text += unknown_pids_text(unknown);
  }
  for (const auto& condition : report::unmet_conditions(reader, filter)) {
    text += unmet_condition_text(condition);
  }
  if (report::lacks_name(reader, filter)) {
    text += unknown_name_text(*filter.remote_name);
  }
  return text;
}

std::string gap_text(const GapReason& gap) {
  return fmt::format(
      "This moment is in a gap of {} ({}): nobody saw these states, they are those known before "
      "it.\n",
      format_duration(gap.ns),
      render::escape_for_terminal(gap.reason));
}

std::string outside_text(const Completeness& completeness, const render::TextStyle& style) {
  const bool is_before = completeness.to_ns < completeness.recorded_from_ns;
  const bool is_after = completeness.from_ns > completeness.recorded_to_ns;
  if (!is_before && !is_after) {
    return {};
  }
  return fmt::format(
      "{} {} the recording, which holds {} .. {}.\n",
      completeness.from_ns == completeness.to_ns ? "This moment is" : "This window is",
      is_before ? "before" : "after",
      render::local_time(completeness.recorded_from_ns, style, true),
      render::local_time(completeness.recorded_to_ns, style, true));
}

render::CsvReader csv_reader() {
  return os::is_terminal(os::StandardStream::output) ? render::CsvReader::terminal
                                                     : render::CsvReader::program;
}

void print(std::ostream& out, const Answer& answer, Format format, const render::TextStyle& style) {
  switch (format) {
    case Format::text:
      render::write_text(out, answer, style);
      break;
    case Format::json:
      render::write_json(out, answer);
      break;
    case Format::csv:
      render::write_csv(out, answer, csv_reader());
      break;
  }
}

}  // namespace netlog::cli
