// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/query_options.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};  // the recorder writes every 250 ms

struct TailOptions {
  QueryOptions question;
  std::string lines = "20";
  bool follow = false;
};

std::vector<Column> event_columns() {
  return {{"at_ns", "at", Unit::time, Align::left, false},
          {"error_ns", "±", Unit::ns, Align::right, false},
          {"kind", "kind", Unit::none, Align::left, false},
          {"old", "old", Unit::none, Align::left, false},
          {"new", "new", Unit::none, Align::left, false},
          {"pid", "pid", Unit::none, Align::right, false},
          {"process", "process", Unit::none, Align::left, false},
          {"protocol", "proto", Unit::none, Align::left, false},
          {"local", "local", Unit::endpoint, Align::left, false},
          {"remote", "remote", Unit::endpoint, Align::left, false},
          {"connection_id", "connection", Unit::none, Align::right, false},
          {"id", "id", Unit::none, Align::right, false}};
}

constexpr std::string_view kSelect =
    "SELECT at_ns, error_ns, kind, old, new, pid, process, protocol, local, remote, connection_id, "
    "id "
    "FROM events WHERE ";

class Tail {
 public:
  Tail(store::Reader& reader, const report::Filter& filter, Format format, render::TextStyle style)
      : reader_{reader},
        clause_{report::connection_clause(filter)},
        format_{format},
        style_{std::move(style)} {
    if (clause_.sql != "1") {
      clause_.sql =
          fmt::format("connection_id IN (SELECT id FROM connections WHERE {})", clause_.sql);
    }
    if (format_ == Format::csv) {
      std::cout << render::csv_header(columns_);
    }
  }

  void last(std::int64_t lines) {
    clause_.parameters["lines"] = lines;
    show(fmt::format(
        "SELECT * FROM ({}{} ORDER BY id DESC LIMIT :lines) ORDER BY id", kSelect, clause_.sql));
    if (seen_ == 0) {
      const auto newest = reader_.query("SELECT coalesce(max(id), 0) FROM events");
      seen_ = std::get<std::int64_t>(newest.cells[0][0]);
    }
  }

  /// False when nobody reads any more.
  bool more() {
    clause_.parameters["seen"] = seen_;
    show(fmt::format("{}id > :seen AND {} ORDER BY id", kSelect, clause_.sql));
    std::cout.flush();
    return static_cast<bool>(std::cout);
  }

 private:
  void show(const std::string& sql) {
    reader_.each(
        sql,
        clause_.parameters,
        [](const auto&) {},
        [&](const std::vector<Cell>& row) {
          seen_ = std::get<std::int64_t>(row.back());
          print(row);
          return static_cast<bool>(std::cout);
        });
  }

  void print(const std::vector<Cell>& row) const {
    switch (format_) {
      case Format::text:
        std::cout << line(row);
        break;
      case Format::json:
        std::cout << render::json_row(columns_, row) << '\n';
        break;
      case Format::csv:
        std::cout << render::csv_row(row, csv_reader_);
        break;
    }
  }

  // `14:03:07.250 ±100ms state ESTABLISHED > CLOSE_WAIT 1234 nginx tcp 192.0.2.1:80 -
  // 198.51.100.7:43210`
  [[nodiscard]] std::string line(const std::vector<Cell>& row) const {
    const auto protocol = render::protocol_of(columns_, row);
    const auto text = [&](std::size_t i) {
      return render::cell_text(row[i], columns_[i].unit, style_, protocol);
    };
    const bool known = !std::holds_alternative<std::monostate>(row[3]) ||
                       !std::holds_alternative<std::monostate>(row[4]);
    const auto change = !known ? std::string{}
                        : std::holds_alternative<std::monostate>(row[3])
                            ? text(4)
                            : text(3) + " > " + text(4);
    return fmt::format("{} ±{:<6} {:<7} {:<28} {:>7} {:<15} {} {} {}\n",
                       text(0),
                       text(1),
                       text(2),
                       change,
                       text(5),
                       text(6),
                       text(7),
                       text(8),
                       std::holds_alternative<std::monostate>(row[9]) ? "" : "> " + text(9));
  }

  store::Reader& reader_;
  report::Clause clause_;
  Format format_;
  render::TextStyle style_;
  render::CsvReader csv_reader_ = csv_reader();
  std::vector<Column> columns_ = event_columns();
  std::int64_t seen_ = 0;
};

void run_tail(const TailOptions& options) {
  const auto format = parse_format(options.question.format);
  const auto lines = parse_number<std::int64_t>(options.lines);
  if (!lines || *lines < 0) {
    throw UsageError{fmt::format("-n {} is not a number of events", quote(options.lines))};
  }
  const ParsedFilter filter{options.question};
  store::Reader reader{database_path(options.question)};
  Tail tail{reader, filter.resolve(reader), format, text_style(options.question)};
  tail.last(*lines);
  // Ends by a signal, or when nobody reads any more.
  while (options.follow && tail.more()) {
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace

void add_tail(CLI::App& app) {
  auto* const command =
      app.add_subcommand("tail", "Show the last events, and with -f those that come");
  const auto options = std::make_shared<TailOptions>();
  command->add_flag("-f,--follow", options->follow, "Go on with what comes, until interrupted");
  command->add_option("-n,--lines", options->lines, "How many events to begin with")
      ->type_name("EVENTS")
      ->capture_default_str();
  add_database_options(*command, options->question);
  add_names_option(*command, options->question);
  add_filter_options(*command, options->question);
  command->callback([options] { run_tail(*options); });
}

}  // namespace netlog::cli
