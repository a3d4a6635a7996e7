// SPDX-License-Identifier: MIT
// Writes the recording of an invented day, of any size, to measure reports and to try them.
#include "day.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

int main(int argc, char** argv) {
  CLI::App app{"Makes a recording of an invented day", "netlog-generate"};
  generate::DayOptions options;
  std::string path;
  options.began_ns = *netlog::ns_from_civil({2026, 11, 20, 0, 0, 0, 0});
  app.add_option("FILE", path, "Recording to make")->required();
  app.add_option("--connections", options.connections, "About so many")->capture_default_str();
  app.add_option("--hours", options.hours, "How long it lasts")->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed makes the same rows")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    const auto totals = generate::record_day(netlog::path_from_utf8(path), options);
    std::cout << fmt::format(
        "{}: {} connections, {} events\n", path, totals.connections, totals.events);
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "netlog-generate: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
