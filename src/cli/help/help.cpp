// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/help/description.hpp"
#include "cli/help/manual.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "report/definition.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

struct HelpOptions {
  std::string topic;
  bool manual = false;
};

/// What a column contains in JSON and CSV; empty for text and plain numbers.
std::string_view meaning(Unit unit) {
  switch (unit) {
    case Unit::count:
      return "count";
    case Unit::bytes:
      return "bytes";
    case Unit::time:
      return "time, UTC ns since 1970";
    case Unit::ns:
      return "duration, ns";
    case Unit::us:
      return "duration, µs";
    case Unit::percent:
      return "percent";
    case Unit::sparkline:
      return "counts, with commas between";
    case Unit::endpoint:
      return "endpoint";
    case Unit::port:
      return "port";
    case Unit::none:
      break;
  }
  return "";
}

void print_line(std::string_view name, std::string_view about) {
  std::cout << fmt::format("  {:<12} {}\n", name, about);
}

void list_topics(const CLI::App& app) {
  std::cout << "netlog help TOPIC explains any of these.\n\nCommands\n";
  for (const auto* const command : commands_of(app)) {
    print_line(command->get_name(), command->get_description());
  }
  std::cout << "\nReports\n";
  for (const auto& report : report::list_reports()) {
    print_line(report.name, report.about);
  }
  std::cout << "\nTopics\n";
  for (const auto& topic : topics()) {
    print_line(topic.name, topic.title);
  }
}

void describe_report(const report::ReportName& report) {
  std::cout << fmt::format("netlog report {}: {}\n\n", report.name, report.about);
  Answer answer;
  for (const auto& part : report::definition(report.name).sections) {
    const auto column = [](const char* name) {
      return Column{name, name, Unit::none, Align::left, false};
    };
    Table table{"",
                fmt::format("{} (section {})", part.heading.title, part.heading.name),
                {column("column"), column("shown as"), column("contains")},
                {}};
    for (const auto& each : part.heading.columns) {
      table.rows.push_back({each.name, each.title, std::string{meaning(each.unit)}});
    }
    answer.tables.push_back(std::move(table));
  }
  print(std::cout, answer, Format::text, text_style({}));
  std::cout
      << "Options: netlog help report. The form of JSON and CSV: netlog help formats. What the "
         "words\nin the columns mean: netlog help words, netlog help states.\n";
}

[[noreturn]] void unknown(const std::string& what,
                          const std::string& name,
                          const std::vector<std::string>& known) {
  throw UsageError{fmt::format(
      "unknown {} {}{}; `netlog help` lists them all", what, quote(name), suggestion(name, known))};
}

void print_manual(const CLI::App& app, const std::string& name) {
  if (name.empty()) {
    std::cout << program_manual(app);
    return;
  }
  const auto* const command = command_named(app, name);
  if (command == nullptr) {
    std::vector<std::string> known;
    for (const auto* const each : commands_of(app)) {
      known.push_back(each->get_name());
    }
    unknown("command", name, known);
  }
  std::cout << command_manual(*command);
}

/// The topic that explains the words of this column; else the name itself.
std::string topic_of(const std::string& name) {
  constexpr std::array<std::string_view, 12> kColumns{"outcome",
                                                      "outcomes",
                                                      "outcome_reason",
                                                      "why",
                                                      "direction",
                                                      "directions",
                                                      "owner",
                                                      "owner_source",
                                                      "owner_reason",
                                                      "kind",
                                                      "sure",
                                                      "seen_by"};
  if (name == "state") {
    return "states";
  }
  return std::find(kColumns.begin(), kColumns.end(), name) == kColumns.end() ? name : "words";
}

/// Prints the help of everything that has this name: `diff` is a command and a report.
void explain(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known;
  bool found = false;
  const auto meant = [&](const std::string& candidate) {
    known.push_back(candidate);
    if (candidate == name && found) {
      std::cout << '\n';
    }
    found = found || candidate == name;
    return candidate == name;
  };
  for (const auto* const command : commands_of(app)) {
    if (meant(command->get_name())) {
      std::cout << command->help("netlog");
    }
  }
  for (const auto& report : report::list_reports()) {
    if (meant(report.name)) {
      describe_report(report);
    }
  }
  for (const auto& topic : topics()) {
    if (meant(topic.name)) {
      std::cout << fmt::format("{}: {}\n\n{}", topic.name, topic.title, topic.text);
    }
  }
  if (!found) {
    unknown("topic", name, known);
  }
}

}  // namespace

void add_help(CLI::App& app) {
  auto* const command = app.add_subcommand("help", "Explain a command, a report or a topic");
  const auto options = std::make_shared<HelpOptions>();
  command->add_option("TOPIC", options->topic, "What to explain; without it, all topics are listed")
      ->type_name("");
  command->add_flag(
      "--man", options->manual, "Print a manual page instead: of netlog, or of the command TOPIC");
  command->callback([&app, options] {
    if (options->manual) {
      print_manual(app, options->topic);
    } else if (options->topic.empty()) {
      list_topics(app);
    } else {
      explain(app, topic_of(options->topic));
    }
  });
}

}  // namespace netlog::cli
