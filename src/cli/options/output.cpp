// SPDX-License-Identifier: MIT
#include "cli/options/output.hpp"

#include "cli/options/name_files.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/time_spec.hpp"
#include "os/terminal.hpp"
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
  throw UsageError{fmt::format(
      "--format {} is none of text, json, csv{}", quote(text), suggestion(text, format_names()))};
}

render::TextStyle text_style(const QueryOptions& options) {
  render::TextStyle style;
  style.ascii = options.ascii || !os::locale_is_utf8();
  if (os::is_terminal(os::StandardStream::output)) {
    style.width = os::terminal_width();
    style.colour =
        std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe): nobody sets it
  }
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

render::CsvReader csv_reader() {
  return os::is_terminal(os::StandardStream::output) ? render::CsvReader::terminal
                                                     : render::CsvReader::program;
}

void print(const Answer& answer, Format format, const render::TextStyle& style) {
  switch (format) {
    case Format::text:
      render::write_text(std::cout, answer, style);
      break;
    case Format::json:
      render::write_json(std::cout, answer);
      break;
    case Format::csv:
      render::write_csv(std::cout, answer, csv_reader());
      break;
  }
}

}  // namespace netlog::cli
