// SPDX-License-Identifier: MIT
#include "cli/commands/page_file.hpp"

#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/new_file.hpp"
#include "os/terminal.hpp"
#include "render/html.hpp"
#include "report/completeness.hpp"
#include "report/incident.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kConnectionsOfPage = 100'000;
constexpr std::int64_t kRowsOfPage = 200;
constexpr std::size_t kBytesOfPage = 10'000'000;
constexpr double kSafety = 0.9;  // connections differ in size

/// A word as a shell of Unix wants it.
std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@%+=";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) {
    return word;
  }
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string{"'\\''"} : std::string(1, c);
  }
  return quoted + "'";
}

std::string filter_text(const QueryOptions& query) {
  std::string text;
  for (const auto& [option, value] : filter_words(query)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", option, shell_word(value));
  }
  return text;
}

/// What a page does not show, for standard error.
void print_notes(store::Reader& reader, const report::Filter& filter, const Incident& incident) {
  std::cerr << unmet_text(reader, filter) << outside_text(incident.completeness, text_style({}));
}

/// The page, with as many connections as fit.
std::string make_page(const PageOptions& options) {
  const auto parsed = parse_filter(options.query);
  store::Reader reader{database_path(options.query)};
  QueryProgress progress;
  progress.watch(reader);
  auto filter = resolve(parsed, reader);
  close_window(filter, report::recorded_span(reader));
  if (filter.since_ns && filter.since_ns == filter.until_ns) {
    throw UsageError{"a page shows a window, not a moment; give one, such as --since -10m..now"};
  }
  report::IncidentOptions wanted{options.max_connections.value_or(kConnectionsOfPage),
                                 options.reports,
                                 options.max_rows.value_or(kRowsOfPage),
                                 options.section,
                                 options.sort};
  if (wanted.reports == std::vector<std::string>{std::string{kAllReports}}) {
    wanted.reports = report::incident_reports(filter);
  }
  auto incident = report::read_incident(reader, filter, wanted);
  incident.filters = filter_text(options.query);
  auto page = render::html_page(incident);
  if (!options.max_connections && page.size() > kBytesOfPage) {
    const auto share =
        kSafety * static_cast<double>(kBytesOfPage) / static_cast<double>(page.size());
    const auto shown = std::min(incident.connections, wanted.max_connections);
    wanted.max_connections = static_cast<std::int64_t>(static_cast<double>(shown) * share);
    report::read_connections(reader, filter, wanted.max_connections, incident);
    page = render::html_page(incident);
  }
  progress.clear();
  print_notes(reader, filter, incident);
  return page;
}

/// @throws CommandFailed: this build has no pages.
void check_pages_are_built() {
  if (const auto missing = render::html_missing(); !missing.empty()) {
    throw CommandFailed{
        fmt::format("this netlog was built without pages ({}); install libjs-dygraphs and "
                    "zlib1g-dev, and build it again",
                    missing)};
  }
}

}  // namespace

void write_page(const PageOptions& options) {
  std::optional<NewFile> out;
  if (!options.out.empty()) {
    out.emplace(options.out);
  }
  check_pages_are_built();
  if (!out && os::is_terminal(os::StandardStream::output)) {
    throw UsageError{"a page is for a browser; name a file for it with -o"};
  }
  const auto page = make_page(options);
  if (!out) {
    std::cout << page;
    return;
  }
  out->create();
  std::ofstream file{out->part(), std::ios::binary};
  file << page;
  out->finish(file);
  std::cout << fmt::format(
      "{}: {} bytes; open it in a browser\n", quote(utf8(out->path())), page.size());
}

}  // namespace netlog::cli
