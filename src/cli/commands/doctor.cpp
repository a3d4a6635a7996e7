// SPDX-License-Identifier: MIT
#include "source/doctor.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "os/files.hpp"
#include "render/render.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

Cell cell_of(const std::string& text) {
  return text.empty() ? Cell{} : Cell{text};
}

Answer answer_of(const std::vector<source::Finding>& findings) {
  const auto column = [](const char* name) {
    return Column{name, name, Unit::none, Align::left, false};
  };
  Table table{
      "checks",
      "Checks",
      {column("check"), column("allowed"), column("found"), column("means"), column("remedy")},
      {}};
  for (const auto& finding : findings) {
    table.rows.push_back({finding.check,
                          std::string{name(finding.allowed)},
                          finding.found,
                          cell_of(finding.means),
                          cell_of(finding.remedy)});
  }
  return Answer{"doctor", {std::move(table)}, {}};
}

void write_findings(const std::vector<source::Finding>& findings) {
  for (const auto& finding : findings) {
    std::cout << fmt::format("{:<5} {:<12} {}\n",
                             name(finding.allowed),
                             finding.check,
                             render::escape_for_terminal(finding.found));
    if (!finding.means.empty()) {
      std::cout << fmt::format("      {:<12} {}\n", "", render::escape_for_terminal(finding.means));
    }
  }
  const auto remedy = std::find_if(findings.begin(), findings.end(), [](const auto& finding) {
    return !finding.remedy.empty();
  });
  if (remedy != findings.end()) {
    std::cout << "\nTo see more: " << render::escape_for_terminal(remedy->remedy) << '\n';
  }
}

void write_witness(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) {  // before it takes its time
    throw CommandFailed{fmt::format("{} exists", quote(utf8(path)))};
  }
  const auto facts = source::witness_of_host();
  if (!facts) {
    throw UsageError{"--witness: " + facts.error().context};
  }
  if (const auto made = os::create_private_file(path); !made) {
    throw CommandFailed{
        fmt::format("cannot write {}: {}", quote(utf8(path)), made.error().message())};
  }
  std::ofstream out{path, std::ios::binary | std::ios::app};
  out << "netlog: " << kVersion << '\n' << *facts;
  if (!out.flush()) {
    throw CommandFailed{fmt::format("cannot write {}", quote(utf8(path)))};
  }
}

}  // namespace

void add_doctor(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "doctor", "What this host lets netlog see with your rights, and how to get more");
  const auto options = std::make_shared<QueryOptions>();
  command->add_option("--db", options->database, "Recording that is to be written")
      ->type_name("FILE");
  command->add_option("--format", options->format, "text, json or csv")
      ->type_name("FORMAT")
      ->capture_default_str();
  const auto witness = std::make_shared<std::string>();
  command
      ->add_option("--witness",
                   *witness,
                   "Windows: write facts about its tables for a bug report, without private data")
      ->type_name("FILE");
  command->callback([options, witness] {
    if (!witness->empty()) {
      return write_witness(path_from_utf8(*witness));
    }
    const auto format = parse_format(options->format);
    const auto findings = source::examine_host(database_path(*options));
    if (format == Format::text) {
      write_findings(findings);
    } else {
      print(std::cout, answer_of(findings), format, text_style(*options));
    }
  });
}

}  // namespace netlog::cli
