// SPDX-License-Identifier: MIT
#include "report/export.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/new_file.hpp"
#include "cli/output/output_stream.hpp"
#include "os/clock.hpp"
#include "render/exports/connection_writer.hpp"
#include "render/exports/summaries.hpp"
#include "report/completeness.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kPairsOfGraph = 200;   // more is no picture
constexpr std::int64_t kTermsOfFilter = 100;  // a command line and a kernel take this much
constexpr const char* kPrometheus = "prometheus";

struct ExportCommand {
  QueryOptions query;
  std::string as;
  std::string limit;
  std::string out;
};

/// What an export reads.
struct ExportSource {
  store::Reader& reader;
  report::Filter filter;
  std::optional<std::int64_t> limit;
  bool is_for_terminal = false;
  QueryProgress& progress;
};

using Export = std::function<void(ExportSource&, std::ostream&)>;

void write_connections(render::ConnectionFormat format, ExportSource& source, std::ostream& out) {
  const auto span = report::recorded_span(source.reader);
  const render::ConnectionStyle style{
      source.is_for_terminal ? csv_reader() : render::CsvReader::program,
      os::read_wall_clock_ns(),
      span ? span->began_ns : 0};
  std::unique_ptr<render::ConnectionWriter> writer;
  report::each_connection(
      source.reader,
      source.filter,
      {source.limit.value_or(-1), render::has_peers_only(format)},
      [&](const std::vector<std::string>& names) {
        writer = render::connection_writer(format, names, style);
        out << writer->begin();
      },
      [&](const std::vector<Cell>& row) {
        source.progress.clear();
        out << writer->row(row);
        return static_cast<bool>(out);
      });
  if (writer) {
    out << writer->end();
  }
}

void write_graph(std::string (*graph)(const Table&), ExportSource& source, std::ostream& out) {
  const auto table =
      report::talks(source.reader, source.filter, source.limit.value_or(kPairsOfGraph));
  source.progress.clear();
  if (table.total > std::ssize(table.rows)) {
    std::cerr << fmt::format(
        "{} of {} pairs are shown, those with the most connections; --limit shows more\n",
        table.rows.size(),
        table.total);
  }
  out << graph(table);
}

void write_packet_filter(std::string (*filter_of)(const Table&),
                         ExportSource& source,
                         std::ostream& out) {
  const auto limit = source.limit.value_or(kTermsOfFilter);
  const auto ends = report::packet_ends(source.reader, source.filter, limit);
  source.progress.clear();
  const auto filter = filter_of(ends);
  if (filter.empty()) {
    throw CommandFailed{
        "no connection with a known peer was selected, and an empty filter would select all "
        "packets"};
  }
  if (std::ssize(ends.rows) > limit) {
    throw CommandFailed{fmt::format(
        "more than {} peers were selected; select fewer, or allow more with --limit", limit)};
  }
  if (ends.name != "exact_ends") {
    std::cerr << fmt::format(
        "the filter selects {}, whatever the other ports are: there are more than {} connections\n",
        ends.name == "service_ends" ? "peers and ports of services" : "peers",
        limit);
  }
  out << filter;
}

void write_prometheus(ExportSource& source, std::ostream& out) {
  const auto counts = report::counts(source.reader, source.filter);
  source.progress.clear();
  out << render::prometheus_text({&counts, 1});
}

/// The names, and what writes them.
std::vector<std::pair<std::string, Export>> exports() {
  const auto graph = [](std::string (*make)(const Table&)) {
    return [make](ExportSource& source, std::ostream& out) { write_graph(make, source, out); };
  };
  const auto packet_filter = [](std::string (*make)(const Table&)) {
    return
        [make](ExportSource& source, std::ostream& out) { write_packet_filter(make, source, out); };
  };
  std::vector<std::pair<std::string, Export>> all;
  all.reserve(render::kConnectionFormats.size());
  for (const auto& [name, format] : render::kConnectionFormats) {
    all.emplace_back(name, [format = format](ExportSource& source, std::ostream& out) {
      write_connections(format, source, out);
    });
  }
  all.emplace_back("dot", graph(render::dot_graph));
  all.emplace_back("mermaid", graph(render::mermaid_graph));
  all.emplace_back("pcap-filter", packet_filter(render::pcap_filter));
  all.emplace_back("display-filter", packet_filter(render::display_filter));
  all.emplace_back(kPrometheus, write_prometheus);
  return all;
}

/// @throws UsageError
Export export_named(const std::string& name) {
  for (auto& [known, write] : exports()) {
    if (known == name) {
      return std::move(write);
    }
  }
  const auto names = export_names();
  throw UsageError{fmt::format(
      "--as {} is none of {}{}", quote(name), fmt::join(names, ", "), suggestion(name, names))};
}

void run_export(const ExportCommand& options) {
  const auto write = export_named(options.as);
  const auto limit = parse_limit(options.limit);
  if (limit && options.as == kPrometheus) {
    throw UsageError{"--limit is for formats that have connections; prometheus has sums"};
  }
  const auto parsed = parse_filter(options.query);
  std::optional<NewFile> made;
  if (!options.out.empty()) {
    made.emplace(options.out);
  }
  store::Reader reader{database_path(options.query)};
  QueryProgress progress;
  progress.watch(reader);
  reader.take_your_time();
  const auto style = text_style({});
  write_ascii_only(false);
  ExportSource source{reader, resolve(parsed, reader), limit, !made, progress};
  std::ofstream file;
  if (made) {
    made->create();
    file.open(made->part(), std::ios::binary);
  }
  write(source, made ? file : std::cout);
  progress.clear();
  std::cerr << unmet_text(reader, source.filter)
            << outside_text(report::completeness(reader, source.filter), style);
  if (!made) {
    return;
  }
  const auto bytes = static_cast<std::int64_t>(file.tellp());
  made->finish(file);
  std::cout << fmt::format("{}: {} bytes\n", quote(utf8(made->path())), bytes);
}

}  // namespace

std::vector<std::string> export_names() {
  std::vector<std::string> names;
  for (auto& [name, write] : exports()) {
    names.push_back(name);
  }
  return names;
}

void add_export(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "export", "Write connections in a format of other programs, such as ECS, Zeek or Graphviz");
  const auto options = std::make_shared<ExportCommand>();
  command->add_option("--as", options->as, fmt::format("{}", fmt::join(export_names(), ", ")))
      ->type_name("EXPORT")
      ->required();
  command->add_option("-o,--output", options->out, "New file to make; by default standard output")
      ->type_name("FILE");
  command
      ->add_option("--limit",
                   options->limit,
                   "At most so many connections, pairs of a graph or terms of a filter")
      ->type_name("ROWS");
  add_database_options(*command, options->query);
  add_filter_options(*command, options->query);
  for (const auto* const other : {"--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] { run_export(*options); });
}

}  // namespace netlog::cli
