// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/event_text.hpp"
#include "cli/output/output_stream.hpp"
#include "os/clock.hpp"
#include "os/files.hpp"
#include "os/terminal.hpp"
#include "render/exports/connection_writer.hpp"
#include "report/connection_feed.hpp"
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
#include <tuple>
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
  std::string as;
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

/// Writes one connection a line to standard output, in a format of other programs.
class ConnectionPrinter {
 public:
  explicit ConnectionPrinter(render::ConnectionFormat format) : format_{format} {}

  /// The same for each recording.
  void take(const std::vector<std::string>& names) {
    if (!writer_) {
      writer_ =
          render::connection_writer(format_, names, {csv_reader(), os::read_wall_clock_ns(), 0});
      std::cout << writer_->begin();
    }
  }

  /// False when nobody reads the output any more.
  bool print(const std::vector<Cell>& connection) {
    std::cout << writer_->row(connection);
    return static_cast<bool>(std::cout);
  }

 private:
  render::ConnectionFormat format_;
  std::unique_ptr<render::ConnectionWriter> writer_;
};

/// @throws UsageError
render::ConnectionFormat format_of_rows(const std::string& name) {
  const auto names = row_format_names();
  for (const auto& [known, format] : render::kConnectionFormats) {
    if (known == name && render::is_of_rows(format)) {
      return format;
    }
  }
  throw UsageError{fmt::format("--as {} is none of {}, which have a row for each connection{}",
                               quote(name),
                               fmt::join(names, ", "),
                               suggestion(name, names))};
}

/// A recording that is read by a feed, and its file.
template <typename Feed>
struct Followed {
  template <typename... More>
  Followed(const std::filesystem::path& path, const ParsedFilter& filter, const More&... more)
      : file{os::identify(path)}, reader{path}, feed{reader, resolve(filter, reader), more...} {
    reader.take_your_time();
  }

  std::optional<os::FileId> file;
  store::Reader reader;
  Feed feed;
};

/// Shows the last ones of a feed, and with --follow those that follow, also in a file that takes
/// the place of this one. `more` are the last arguments of the feed, `print` those of its calls.
template <typename Feed, typename... More, typename... Print>
void follow_feed(const TailOptions& options,
                 std::int64_t lines,
                 const std::tuple<Print...>& print,
                 const More&... more) {
  const auto parsed = parse_filter(options.query);
  const auto path = database_path(options.query);
  const auto open = [&] { return std::make_unique<Followed<Feed>>(path, parsed, more...); };
  auto followed = open();
  warn_of_missing_wal(followed->reader);
  std::cerr << unmet_text(followed->reader, parsed.filter);
  std::apply([&](const auto&... to) { followed->feed.last(lines, to...); }, print);
  // Ends by a signal, or when nobody reads the output any more.
  while (options.follow && std::cout && !os::output_is_closed()) {
    std::unique_ptr<Followed<Feed>> next;
    if (const auto now = os::identify(path); now && now != followed->file) {
      try {
        next = open();
        std::cerr << fmt::format("netlog tail: {} is a new file now\n", message_text(utf8(path)));
      } catch (const store::StoreError&) {  // its recorder has not begun yet
        next.reset();
      }
    }
    std::apply([&](const auto&... to) { followed->feed.next(to...); }, print);
    if (next) {
      followed = std::move(next);
      continue;
    }
    std::cout.flush();
    std::this_thread::sleep_for(kReadEvery);
  }
}

void print_events(const TailOptions& options, std::int64_t lines) {
  const auto format = parse_format(options.query.format);
  check_kinds(options.kinds);
  EventPrinter printer{format, text_style(options.query)};
  const report::EventFeed::OnEvent print = [&](const std::vector<Cell>& event) {
    return printer.print(event);
  };
  follow_feed<report::EventFeed>(options, lines, std::tuple{print}, options.kinds);
}

void print_connections(const TailOptions& options, std::int64_t lines) {
  const auto format = format_of_rows(options.as);
  ConnectionPrinter printer{format};
  write_ascii_only(false);
  const report::ConnectionFeed::OnNames take = [&](const std::vector<std::string>& names) {
    printer.take(names);
  };
  const report::ConnectionFeed::OnConnection print = [&](const std::vector<Cell>& connection) {
    return printer.print(connection);
  };
  follow_feed<report::ConnectionFeed>(
      options, lines, std::tuple{take, print}, render::has_peers_only(format));
}

void tail(const TailOptions& options) {
  const auto lines = parse_number<std::int64_t>(options.lines);
  if (!lines || *lines < 0) {
    throw UsageError{fmt::format("-n {} is not a number of events", quote(options.lines))};
  }
  if (options.as.empty()) {
    print_events(options, *lines);
  } else {
    print_connections(options, *lines);
  }
}

}  // namespace

std::vector<std::string> row_format_names() {
  std::vector<std::string> names;
  for (const auto& [name, format] : render::kConnectionFormats) {
    if (render::is_of_rows(format)) {
      names.emplace_back(name);
    }
  }
  return names;
}

void add_tail(CLI::App& app) {
  auto* const command =
      app.add_subcommand("tail", "Show the last events, and with -f those that follow");
  const auto options = std::make_shared<TailOptions>();
  command->add_flag("-f,--follow", options->follow, "Show new events too, until interrupted");
  command->add_option("-n,--lines", options->lines, "How many to begin with")
      ->type_name("NUMBER")
      ->capture_default_str();
  auto* const as =
      command
          ->add_option("--as",
                       options->as,
                       fmt::format("Show connections when they have ended, in a format of other "
                                   "programs: {}",
                                   fmt::join(row_format_names(), ", ")))
          ->type_name("STREAM");
  command
      ->add_option("--kind",
                   options->kinds,
                   fmt::format("Only these events, separated by commas: {}",
                               fmt::join(event_kind_names(), ", ")))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("KIND")
      ->excludes(as);
  add_database_options(*command, options->query);
  add_names_option(*command, options->query);
  add_filter_options(*command, options->query);
  as->excludes(command->get_option("--format"));
  command->callback([options] { tail(*options); });
}

}  // namespace netlog::cli
