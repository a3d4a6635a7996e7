// SPDX-License-Identifier: MIT
#include "report/check.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/options/query_options.hpp"
#include "os/files.hpp"
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

constexpr std::int64_t kMaxOfEach = 20;

struct CheckOptions {
  QueryOptions question;
  std::string file;
  std::string salvage;
};

std::filesystem::path recording_of(const CheckOptions& options) {
  return options.file.empty() ? database_path(options.question) : path_from_utf8(options.file);
}

/// What to do with a file that is damaged; nothing where it is another fault.
std::optional<std::string> advice(const std::filesystem::path& path) {
  try {
    const auto found = store::survey(path);
    if (!found.damaged() || found.rows() == 0) {
      return std::nullopt;
    }
    return fmt::format(
        "{} is damaged: {} rows seem readable, at least {} pages are not; save them with: netlog "
        "check {} --salvage NEW.db",
        utf8(path),
        found.rows(),
        found.damaged_pages,
        utf8(path));
  } catch (const store::StoreError&) {
    return std::nullopt;  // the first error says more
  }
}

void run_check(const CheckOptions& options) {
  const auto& question = options.question;
  const auto format = parse_format(question.format);
  const auto path = recording_of(options);
  QueryProgress progress;
  report::Checked checked;
  try {
    store::Reader reader{path};
    progress.watch(reader);
    checked = report::check(reader, kMaxOfEach);
  } catch (const store::StoreError&) {
    if (const auto damage = advice(path)) {
      progress.clear();
      throw CommandFailed{*damage};
    }
    throw;
  }
  progress.clear();
  print(checked.answer, format, text_style(question));
  if (checked.violations > 0) {
    if (const auto damage = advice(path)) {
      throw CommandFailed{*damage};
    }
    throw CommandFailed{fmt::format(
        "{} is not consistent: at least {} violation{} found; what it says elsewhere may still "
        "hold, keep the "
        "file and report this",
        utf8(path),
        checked.violations,
        checked.violations == 1 ? "" : "s")};
  }
}

void run_salvage(const CheckOptions& options) {
  const auto path = recording_of(options);
  const auto out = path_from_utf8(options.salvage);
  if (store::survey(path).rows() == 0) {
    throw CommandFailed{
        fmt::format("cannot salvage {}: nothing in it looks like a recording", utf8(path))};
  }
  if (const auto made = os::create_private_file(out); !made) {
    throw CommandFailed{
        fmt::format("cannot salvage into {}: {}", utf8(out), made.error().message())};
  }
  const auto salvaged = store::salvage(path, out);
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
  print(Answer{"salvage", {std::move(table)}, {}},
        parse_format(options.question.format),
        text_style(options.question));
  std::cerr << fmt::format("{} damaged pages; look at what was saved with: netlog check {}\n",
                           salvaged.damaged_pages,
                           utf8(out));
}

}  // namespace

void add_check(CLI::App& app) {
  auto* const command =
      app.add_subcommand("check", "Is this recording whole, and consistent with itself");
  const auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->file, "The recording; else --db")->type_name("FILE");
  command
      ->add_option("--salvage",
                   options->salvage,
                   "Write what a damaged recording still holds to this new file")
      ->type_name("FILE");
  add_database_options(*command, options->question);
  command->callback([options] {
    if (options->salvage.empty()) {
      run_check(*options);
    } else {
      run_salvage(*options);
    }
  });
}

}  // namespace netlog::cli
