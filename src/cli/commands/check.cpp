// SPDX-License-Identifier: MIT
#include "report/check.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"
#include "os/files.hpp"
#include "os/side_files.hpp"
#include "store/read/reader.hpp"
#include "store/salvage/salvage.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kMaxViolationsPerCheck = 20;

struct CheckOptions {
  QueryOptions query;
  std::string file;
  std::string salvage;
};

std::filesystem::path recording_of(const CheckOptions& options) {
  return options.file.empty() ? database_path(options.query) : path_from_utf8(options.file);
}

/// The error for a damaged file, with what to do next; nothing where the file is not damaged.
std::optional<std::string> damage_message(const std::filesystem::path& path,
                                          QueryProgress& progress) {
  try {
    const auto found = store::survey(path, [&] { return progress.go_on(); });
    if (!found.damaged() || found.rows() == 0) {
      return std::nullopt;
    }
    return fmt::format(
        "{} is damaged: {} rows seem readable; {}; copy the rows to a new file: netlog check {} "
        "--salvage NEW.db",
        utf8(path),
        found.rows(),
        found.damage(),
        utf8(path));
  } catch (const store::StoreError&) {
    return std::nullopt;  // the caller's own error says more
  }
}

void run_check(const CheckOptions& options) {
  const auto& query = options.query;
  const auto format = parse_format(query.format);
  const auto path = recording_of(options);
  QueryProgress progress;
  report::Checked checked;
  try {
    store::Reader reader{path};
    progress.watch(reader);
    checked = report::check(reader, kMaxViolationsPerCheck);
  } catch (const store::StoreError&) {
    if (const auto damage = damage_message(path, progress)) {
      progress.clear();
      throw CommandFailed{*damage};
    }
    throw;
  }
  progress.clear();
  print(std::cout, checked.answer, format, text_style(query));
  if (checked.violations > 0) {
    if (const auto damage = damage_message(path, progress)) {
      throw CommandFailed{*damage};
    }
    throw CommandFailed{fmt::format(
        "{} is not consistent: at least {} violation{} found; keep the file and report this",
        utf8(path),
        checked.violations,
        checked.violations == 1 ? "" : "s")};
  }
}

void run_salvage(const CheckOptions& options) {
  const auto path = recording_of(options);
  const auto out = path_from_utf8(options.salvage);
  QueryProgress progress;
  const auto go_on = [&] { return progress.go_on(); };
  if (store::survey(path, go_on).rows() == 0) {
    throw CommandFailed{
        fmt::format("cannot salvage {}: no part of it looks like a recording", utf8(path))};
  }
  if (const auto beside = os::find_side_file(out)) {
    throw CommandFailed{
        fmt::format("cannot salvage into {}: {} exists, which would be taken for a part of it; "
                    "delete that, or name another file",
                    utf8(out),
                    utf8(*beside))};
  }
  if (const auto made = os::create_private_file(out); !made) {
    throw CommandFailed{
        fmt::format("cannot salvage into {}: {}", utf8(out), made.error().message())};
  }
  const auto salvaged = [&] {
    try {
      return store::salvage(path, out, go_on);
    } catch (...) {
      std::error_code ignored;
      std::filesystem::remove(out, ignored);
      throw;
    }
  }();
  progress.clear();
  Table table{"salvaged",
              "Salvaged",
              {{"table", "table", Unit::none, Align::left, false},
               {"rows", "rows", Unit::count, Align::right, false},
               {"lost", "lost at most", Unit::count, Align::right, false},
               {"dropped", "dropped", Unit::count, Align::right, false}},
              {}};
  for (const auto& one : salvaged.tables) {
    table.rows.push_back({one.name, one.rows - one.dropped, one.lost, one.dropped});
  }
  print(std::cout,
        Answer{"salvage", {std::move(table)}, {}},
        parse_format(options.query.format),
        text_style(options.query));
  std::cerr << fmt::format(
      "{}; check the rows that were saved: netlog check {}\n", salvaged.damage(), utf8(out));
}

}  // namespace

void add_check(CLI::App& app) {
  auto* const command =
      app.add_subcommand("check", "Check that a recording is complete and consistent");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->file, "Recording to check (default: --db)")
      ->type_name("FILE");
  command
      ->add_option("--salvage",
                   options->salvage,
                   "Copy the readable rows of a damaged recording to this new file")
      ->type_name("FILE");
  add_database_options(*command, options->query);
  command->callback([options] {
    if (options->salvage.empty()) {
      run_check(*options);
    } else {
      run_salvage(*options);
    }
  });
}

}  // namespace netlog::cli
