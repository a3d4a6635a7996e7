// SPDX-License-Identifier: MIT
#include "report/check.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "cli/commands.hpp"
#include "cli/patience.hpp"
#include "cli/question.hpp"
#include "store/reader.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kMostOfEach = 20;

void run_check(const Question& question) {
  const auto format = parse_format(question.format);
  const auto path = database_path(question);
  Patience patience;
  store::Reader reader{path};
  patience.watch(reader);
  const auto checked = report::check(reader, kMostOfEach);
  patience.clear();
  print(checked.answer, format, text_style(question));
  if (checked.violations > 0) {
    throw CommandFailed{fmt::format(
        "{} is not consistent: at least {} violation{} found; what it says elsewhere may still "
        "hold, keep the "
        "file and report this",
        utf8(path),
        checked.violations,
        checked.violations == 1 ? "" : "s")};
  }
}

}  // namespace

void add_check(CLI::App& app) {
  auto* const command =
      app.add_subcommand("check", "Is this recording whole, and consistent with itself");
  const auto question = std::make_shared<Question>();
  add_database_options(*command, *question);
  command->callback([question] { run_check(*question); });
}

}  // namespace netlog::cli
