// SPDX-License-Identifier: MIT
// Kills processes that write a recording, and cuts their power, many times. Compares each file with
// what had been committed. tools/crash-test runs it.
#include "kills.hpp"
#include "support/power_cuts.hpp"
#include "util/text.hpp"

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace {

constexpr std::int64_t kRecorderEach = 20;

void print(const char* what, std::int64_t number) {
  std::cout << fmt::format("  {:<52} {:>8}\n", what, number);
}

bool print_fault(const std::string& fault) {
  if (!fault.empty()) {
    std::cout << "  first fault: " << fault << '\n';
  }
  return fault.empty();
}

bool kill_many(std::int64_t count, const crash::KillOptions& options) {
  crash::Kills kills{options};
  for (std::int64_t i = 1; i <= count; ++i) {
    if (i % kRecorderEach == 0 && !options.netlog.empty()) {
      kills.kill_recorder();
    } else {
      kills.kill_writer();
    }
  }
  const auto& totals = kills.totals();
  std::cout << "kill -9\n";
  print("kills", totals.kills);
  print("  of netlog record under load", totals.of_recorders);
  print("  before anything was written", totals.while_beginning);
  print("corrupt files", totals.corrupt);
  print("kills that lost committed events", totals.lost_committed);
  print("kills that lost events older than the bound", totals.lost_beyond);
  print("kills that lost something", totals.with_loss);
  std::cout << fmt::format("  {:<52} {:>5} ms (bound {} ms)\n",
                           "age of the oldest event that was lost",
                           totals.longest_loss_ns / 1'000'000,
                           crash::kKillBoundNs / 1'000'000);
  print("gaps expected", totals.gaps_due);
  print("gaps recorded", totals.gaps);
  return print_fault(totals.first_fault) && totals.good();
}

bool cut_many(std::int64_t count, std::uint64_t seed, const std::filesystem::path& directory) {
  netlog::test::PowerCuts cuts{seed, directory};
  for (std::int64_t i = 0; i < count; ++i) {
    cuts.cut();
  }
  const auto& totals = cuts.totals();
  std::cout << "power cuts\n";
  print("cuts", totals.cuts);
  print("  while a session began", totals.while_beginning);
  print("  while batches were written", totals.while_writing);
  print("  while a session ended", totals.while_ending);
  print("  after its end", totals.clean);
  print("corrupt files", totals.corrupt);
  print("cuts that lost committed events", totals.lost);
  print("cuts that lost the batch that was being written", totals.with_loss);
  print("gaps expected", totals.gaps_due);
  print("gaps recorded", totals.gaps);
  return print_fault(totals.first_fault) && totals.good();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Kills writers of a recording and cuts their power", "netlog-crash"};
  std::int64_t kills = 1000;
  std::int64_t cuts = 1000;
  std::string directory;
  crash::KillOptions options;
  app.add_option("--kills", kills, "How many kill -9")->capture_default_str();
  app.add_option("--cuts", cuts, "How many power cuts")->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed makes the same cuts")
      ->capture_default_str();
  app.add_option("--directory", directory, "For its files; emptied")->required();
  app.add_option("--netlog", options.netlog, "A recorder, killed each 20th time");
  app.add_option("--churn", options.churn, "Its load");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto place = netlog::path_from_utf8(directory);
    options.directory = place / "kills";
    bool good = kills == 0 || kill_many(kills, options);
    good = (cuts == 0 || cut_many(cuts, options.seed, place / "cuts")) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "netlog-crash: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
