// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "report/event_feed.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::chrono::milliseconds kReadEvery{200};  // the recorder writes every 250 ms

struct TailOptions {
  QueryOptions query;
  std::string lines = "20";
  bool follow = false;
};

bool is_known(const Cell& cell) {
  return !std::holds_alternative<std::monostate>(cell);
}

/// Writes one event a line to standard output.
class EventPrinter {
 public:
  EventPrinter(Format format, render::TextStyle style) : format_{format}, style_{std::move(style)} {
    if (format_ == Format::csv) {
      std::cout << render::csv_header(columns_);
    }
  }

  /// False when nobody reads the output any more.
  bool print(const std::vector<Cell>& event) const {
    switch (format_) {
      case Format::text:
        std::cout << text_line(event);
        break;
      case Format::json:
        std::cout << render::json_row(columns_, event) << '\n';
        break;
      case Format::csv:
        std::cout << render::csv_row(event, csv_reader_);
        break;
    }
    return static_cast<bool>(std::cout);
  }

 private:
  // `14:03:07.250 ±100ms state ESTABLISHED > CLOSE_WAIT 1234 nginx tcp 192.0.2.1:80 >
  // 198.51.100.7:43210`; the cells are in the order of report::event_columns().
  [[nodiscard]] std::string text_line(const std::vector<Cell>& event) const {
    const auto protocol = render::protocol_of(columns_, event);
    const auto text = [&](std::size_t i) {
      return render::cell_text(event[i], columns_[i].unit, style_, protocol);
    };
    std::string change;
    if (is_known(event[3])) {
      change = text(3) + " > " + text(4);
    } else if (is_known(event[4])) {
      change = text(4);
    }
    return fmt::format("{} ±{:<6} {:<7} {:<28} {:>7} {:<15} {} {} {}\n",
                       text(0),
                       text(1),
                       text(2),
                       change,
                       text(5),
                       text(6),
                       text(7),
                       text(8),
                       is_known(event[9]) ? "> " + text(9) : "");
  }

  Format format_;
  render::TextStyle style_;
  render::CsvReader csv_reader_ = csv_reader();
  std::vector<Column> columns_ = report::event_columns();
};

void print_events(const TailOptions& options) {
  const auto format = parse_format(options.query.format);
  const auto lines = parse_number<std::int64_t>(options.lines);
  if (!lines || *lines < 0) {
    throw UsageError{fmt::format("-n {} is not a number of events", quote(options.lines))};
  }
  const auto parsed = parse_filter(options.query);
  store::Reader reader{database_path(options.query)};
  report::EventFeed events{reader, resolve(parsed, reader)};
  const EventPrinter printer{format, text_style(options.query)};
  const auto print_event = [&](const std::vector<Cell>& event) { return printer.print(event); };
  events.last(*lines, print_event);
  // Ends by a signal, or when nobody reads the output any more.
  while (options.follow && std::cout) {
    events.next(print_event);
    std::cout.flush();
    std::this_thread::sleep_for(kReadEvery);
  }
}

}  // namespace

void add_tail(CLI::App& app) {
  auto* const command =
      app.add_subcommand("tail", "Show the last events, and with -f those that follow");
  const auto options = std::make_shared<TailOptions>();
  command->add_flag("-f,--follow", options->follow, "Show new events too, until interrupted");
  command->add_option("-n,--lines", options->lines, "How many events to begin with")
      ->type_name("EVENTS")
      ->capture_default_str();
  add_database_options(*command, options->query);
  add_names_option(*command, options->query);
  add_filter_options(*command, options->query);
  command->callback([options] { print_events(*options); });
}

}  // namespace netlog::cli
