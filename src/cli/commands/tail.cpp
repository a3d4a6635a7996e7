// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/event_text.hpp"
#include "os/files.hpp"
#include "os/terminal.hpp"
#include "report/event_feed.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
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
  std::vector<std::string> kinds;
  std::string lines = "20";
  bool follow = false;
};

/// Writes one event a line to standard output.
class EventPrinter {
 public:
  EventPrinter(Format format, render::TextStyle style)
      : format_{format}, text_{report::event_columns(), std::move(style)} {
    if (format_ == Format::csv) {
      std::cout << render::csv_header(columns_);
    }
  }

  /// False when nobody reads the output any more.
  bool print(const std::vector<Cell>& event) {
    switch (format_) {
      case Format::text:
        std::cout << text_.lines(event);
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
  Format format_;
  EventText text_;
  render::CsvReader csv_reader_ = csv_reader();
  std::vector<Column> columns_ = report::event_columns();
};

/// @throws UsageError
void check_kinds(const std::vector<std::string>& kinds) {
  const auto known = event_kind_names();
  for (const auto& kind : kinds) {
    if (std::find(known.begin(), known.end(), kind) == known.end()) {
      throw UsageError{fmt::format("--kind {} is none of {}{}",
                                   quote(kind),
                                   fmt::join(known, ", "),
                                   suggestion(kind, known))};
    }
  }
}

/// A recording that is read, and the events after those that were read.
struct Followed {
  Followed(const std::filesystem::path& path,
           const ParsedFilter& filter,
           const std::vector<std::string>& kinds)
      : file{os::identify(path)}, reader{path}, events{reader, resolve(filter, reader), kinds} {
    reader.take_your_time();
  }

  std::optional<os::FileId> file;
  store::Reader reader;
  report::EventFeed events;
};

/// The file that has the name now, if that is another one and can be read.
std::unique_ptr<Followed> new_file(const std::filesystem::path& path,
                                   const ParsedFilter& filter,
                                   const std::vector<std::string>& kinds,
                                   const Followed& before) {
  const auto now = os::identify(path);
  if (!now || now == before.file) {
    return nullptr;
  }
  try {
    auto next = std::make_unique<Followed>(path, filter, kinds);
    std::cerr << fmt::format("netlog tail: {} is a new file now\n", message_text(utf8(path)));
    return next;
  } catch (const store::StoreError&) {
    return nullptr;  // its recorder has not begun yet
  }
}

void print_events(const TailOptions& options) {
  const auto format = parse_format(options.query.format);
  const auto lines = parse_number<std::int64_t>(options.lines);
  if (!lines || *lines < 0) {
    throw UsageError{fmt::format("-n {} is not a number of events", quote(options.lines))};
  }
  check_kinds(options.kinds);
  const auto parsed = parse_filter(options.query);
  const auto path = database_path(options.query);
  auto followed = std::make_unique<Followed>(path, parsed, options.kinds);
  warn_of_missing_wal(followed->reader);
  std::cerr << unmet_text(followed->reader, parsed.filter);
  EventPrinter printer{format, text_style(options.query)};
  const auto print_event = [&](const std::vector<Cell>& event) { return printer.print(event); };
  followed->events.last(*lines, print_event);
  // Ends by a signal, or when nobody reads the output any more.
  while (options.follow && std::cout && !os::output_is_closed()) {
    auto next = new_file(path, parsed, options.kinds, *followed);
    followed->events.next(print_event);
    if (next) {
      followed = std::move(next);
      continue;
    }
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
  command
      ->add_option("--kind",
                   options->kinds,
                   fmt::format("Only these events, separated by commas: {}",
                               fmt::join(event_kind_names(), ", ")))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KIND");
  add_database_options(*command, options->query);
  add_names_option(*command, options->query);
  add_filter_options(*command, options->query);
  command->callback([options] { print_events(*options); });
}

}  // namespace netlog::cli
