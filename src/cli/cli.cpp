// SPDX-License-Identifier: MIT
#include "cli/cli.hpp"

#include "cli/commands/commands.hpp"
#include "cli/help/description.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/output/output_stream.hpp"
#include "os/files.hpp"
#include "os/terminal.hpp"
#include "report/definition.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

/// The subcommand of the command line, else the program itself.
const CLI::App& command_of(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : *subcommands.front();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : commands_of(app)) {
    names.push_back(command->get_name());
  }
  return names;
}

/// A script writes `--since ""` where a variable is not set. It did not mean to leave the option
/// out.
void refuse_empty_values(CLI::App& app) {
  for (auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (auto* option : command->get_options()) {
      if (option->nonpositional() && option->get_items_expected_max() > 0) {
        option->check([](const std::string& value) -> std::string {
          return value.empty() ? "an empty value: give one, or leave the option out" : "";
        });
      }
    }
  }
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n') {
      c = ' ';
    }
  }
  while (!text.empty() && text.back() == ' ') {
    text.pop_back();
  }
  return text;
}

bool is_report_name(std::string_view word) {
  const auto reports = report::list_reports();
  return std::any_of(
      reports.begin(), reports.end(), [&](const auto& report) { return report.name == word; });
}

// For a mistyped command CLI11 reports a missing one, so words that it did not parse come first.
std::string parse_error_text(const CLI::ParseError& error, const CLI::App& app) {
  const auto& at = command_of(app);
  auto extras = at.remaining(true);
  if (extras.empty()) {
    extras = app.remaining(true);
  }
  if (extras.empty()) {
    return one_line(error.what());
  }
  const auto& word = extras.front();
  if (word.starts_with("-")) {
    return "unknown option " + quote(word) + suggestion(word, option_names(at));
  }
  if (&at == &app) {
    return "unknown command " + quote(word) +
           (is_report_name(word) ? ", it is a report: netlog report " + word
                                 : suggestion(word, subcommand_names(app)));
  }
  const bool has_filters = at.get_option_no_throw("--port") != nullptr;
  return "unexpected argument " + quote(word) +
         (has_filters ? "; a port, a pid or an address follows an option, such as --port 80" : "");
}

int print_error(const CLI::App& app, std::string_view message, int code) {
  const auto& at = command_of(app);
  std::cerr << "netlog" << (&at == &app ? "" : " " + at.get_name()) << ": " << message_text(message)
            << '\n';
  return code;
}

/// Any step can lack a descriptor, and the way out is always the same. SQLite and file streams do
/// not say why a file cannot be opened.
std::string with_advice(std::string message) {
  constexpr std::string_view kAdvice = "ulimit -n";
  const auto cause = std::make_error_code(std::errc::too_many_files_open).message();
  const auto says = [&](std::string_view text) { return message.find(text) != std::string::npos; };
  const bool lacks_files = says(cause) || ((says("unable to open") || says("may not be read")) &&
                                           !os::may_open_more_files());
  if (lacks_files && !says(kAdvice)) {
    message += fmt::format("; raise the limit of open files: {}", kAdvice);
  }
  return message;
}

}  // namespace

int run(std::vector<std::string> words) {
  os::set_up_standard_streams();
  CLI::App app{"netlog: a flight recorder for connections", "netlog"};
  app.set_version_flag("--version", "netlog " + std::string{kVersion});
  app.require_subcommand(1);
  add_record(app);
  add_report(app);
  add_top(app);
  add_at(app);
  add_diff(app);
  add_join(app);
  add_tail(app);
  add_sql(app);
  add_clip(app);
  add_html(app);
  add_export(app);
  add_ship(app);
  add_info(app);
  add_check(app);
  add_doctor(app);
  add_service(app);
  add_help(app);
  add_completion(app);
  refuse_empty_values(app);
  OutputStream output;
  write_ascii_only(!os::locale_is_utf8());
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    try {
      app.parse(std::move(words));
    } catch (const CLI::CallForHelp& help) {
      app.exit(help);
    } catch (const CLI::CallForVersion& version) {
      app.exit(version);
    }
    output.finish();
    return EXIT_SUCCESS;
  } catch (const CLI::ParseError& error) {
    const auto message = parse_error_text(error, app);
    return print_error(app, message + "; see --help", kUsage);
  } catch (const UsageError& error) {
    return print_error(app, error.what(), kUsage);
  } catch (const std::bad_alloc&) {
    return print_error(
        app, "not enough memory; ask for less with --since, --until or --limit", kFailed);
  } catch (const std::exception& error) {
    return print_error(app, with_advice(error.what()), kFailed);
  }
}

}  // namespace netlog::cli
