// SPDX-License-Identifier: MIT
#include "cli/options/option_values.hpp"
#include "cli/commands/commands.hpp"
#include "cli/completion_scripts.hpp"
#include "cli/help/description.hpp"
#include "cli/options/query_options.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

struct Candidate {
  std::string word;
  std::string about;  ///< may be empty
};

std::vector<Candidate> plain(const std::vector<std::string>& words) {
  std::vector<Candidate> candidates(words.size());
  std::transform(words.begin(), words.end(), candidates.begin(), [](const auto& word) {
    return Candidate{word, {}};
  });
  return candidates;
}

std::vector<std::string> shells() {
  std::vector<std::string> names;
  names.reserve(kCompletionScripts.size());
  for (const auto& [name, script] : kCompletionScripts) {
    names.emplace_back(name);
  }
  return names;
}

/// What is always the same, by the kind of value.
constexpr std::array<std::pair<std::string_view, std::vector<std::string> (*)()>, 7> kChoices{
    {{"FORMAT", format_names},
     {"PROTOCOL", protocol_names},
     {"STATE", state_names},
     {"SOURCE", source_names},
     {"LEVEL", log_levels},
     {"WORD", redaction_choices},
     {"SHELL", shells}}};

/// What the recording holds, as a column of its view `processes`.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kColumns{
    {{"PID", "pid"}, {"PROCESS", "name"}, {"EXE", "exe"}, {"USER", "user"}}};

/// A recording is hostile, and a shell inserts the word as it is: only what no shell gives a
/// meaning.
bool is_harmless(std::string_view word) {
  constexpr std::size_t kLongest = 255;
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+@/,-";
  return !word.empty() && word.size() <= kLongest && word.front() != '-' &&
         word.find_first_not_of(kPlain) == std::string_view::npos;
}

/// What the recording's processes have in that column of the view, as far as it begins like that.
/// Nothing where there is no recording: a completion has nobody to complain to.
std::vector<Candidate> from_recording(const QueryOptions& question,
                                      std::string_view column,
                                      const std::string& begin) {
  std::vector<Candidate> candidates;
  try {
    store::Reader reader{database_path(question)};
    const auto rows = reader.query(
        fmt::format("SELECT CAST({0} AS TEXT) AS word, iif('{0}' = 'pid', max(name), '') FROM "
                    "processes WHERE substr({0}, 1, length(:begin)) = :begin GROUP BY {0} ORDER BY "
                    "{0} LIMIT 500",
                    column),
        {{"begin", begin}});
    for (const auto& row : rows.cells) {
      const auto* const word = std::get_if<std::string>(row.data());
      const auto* const about = std::get_if<std::string>(&row.at(1));
      if (word != nullptr && is_harmless(*word)) {
        candidates.push_back({*word, about != nullptr && is_harmless(*about) ? *about : ""});
      }
    }
  } catch (const std::exception&) {
    candidates.clear();
  }
  return candidates;
}

std::vector<Candidate> commands(const CLI::App& app) {
  std::vector<Candidate> candidates;
  for (const auto* const command : commands_of(app)) {
    candidates.push_back({command->get_name(), command->get_description()});
  }
  return candidates;
}

std::vector<Candidate> reports() {
  std::vector<Candidate> candidates;
  for (const auto& report : report::list_reports()) {
    candidates.push_back({report.name, report.about});
  }
  return candidates;
}

std::vector<Candidate> all_topics(const CLI::App& app) {
  auto candidates = commands(app);
  for (auto& report : reports()) {
    candidates.push_back(std::move(report));
  }
  for (const auto& topic : topics()) {
    candidates.push_back({topic.name, topic.title});
  }
  return candidates;
}

std::vector<Candidate> options(const CLI::App& command) {
  std::vector<Candidate> candidates;
  for (const auto* const option : options_of(command)) {
    for (const auto& name : option->get_lnames()) {
      candidates.push_back({"--" + name, option->get_description()});
    }
  }
  return candidates;
}

/// A command line up to the word at the cursor.
class Line {
 public:
  Line(const CLI::App& app, const std::vector<std::string>& words) : app_{app}, command_{&app} {
    for (const auto& word : words) {
      read(word);
    }
  }

  /// Whether the shell's own file names belong there.
  [[nodiscard]] bool wants_file(const std::string& begin) const { return kind_at(begin) == "FILE"; }

  [[nodiscard]] std::vector<Candidate> candidates(const std::string& begin) const {
    if (open_ == nullptr && begin.starts_with("-")) {
      return with_value(begin);
    }
    auto found = open_ == nullptr ? commands(*command_) : std::vector<Candidate>{};
    for (auto& value : values(kind_at(begin), begin)) {
      found.push_back(std::move(value));
    }
    return found;
  }

 private:
  void read(const std::string& word) {
    if (open_ != nullptr) {
      if (word != "=") {  // where bash cuts `--db=FILE` in three
        take(*open_, word);
        open_ = nullptr;
      }
      return;
    }
    if (word.starts_with("-")) {
      const auto equals = word.find('=');
      const auto* const option = command_->get_option_no_throw(word.substr(0, equals));
      if (option != nullptr && !kind_of(*option).empty()) {
        if (equals == std::string::npos) {
          open_ = option;
        } else {
          take(*option, word.substr(equals + 1));
        }
      }
      return;
    }
    if (const auto* const command = command_named(*command_, word)) {
      command_ = command;
      arguments_ = 0;
    } else {
      ++arguments_;
    }
  }

  void take(const CLI::Option& option, const std::string& value) {
    if (option.check_lname("db")) {
      question_.database = value;
    }
  }

  [[nodiscard]] std::string kind_at(const std::string& begin) const {
    if (open_ != nullptr) {
      return kind_of(*open_);
    }
    const auto arguments = arguments_of(*command_);
    return begin.starts_with("-") || arguments_ >= arguments.size()
               ? std::string{}
               : kind_of(*arguments[arguments_]);
  }

  /// Options, or the values of `--option=`.
  [[nodiscard]] std::vector<Candidate> with_value(const std::string& begin) const {
    const auto equals = begin.find('=');
    const auto* const option = command_->get_option_no_throw(begin.substr(0, equals));
    if (equals == std::string::npos || option == nullptr) {
      return options(*command_);
    }
    auto found = values(kind_of(*option), begin.substr(equals + 1));
    for (auto& value : found) {
      value.word.insert(0, begin, 0, equals + 1);
    }
    return found;
  }

  [[nodiscard]] std::vector<Candidate> values(const std::string& kind,
                                              const std::string& begin) const {
    for (const auto& [fixed, choices] : kChoices) {
      if (kind == fixed) {
        return plain(choices());
      }
    }
    for (const auto& [recorded, column] : kColumns) {
      if (kind == recorded) {
        return from_recording(question_, column, begin);
      }
    }
    return kind == "REPORT"  ? reports()
           : kind == "TOPIC" ? all_topics(app_)
                             : std::vector<Candidate>{};
  }

  const CLI::App& app_;
  const CLI::App* command_;
  const CLI::Option* open_ = nullptr;  ///< its value is next
  std::size_t arguments_ = 0;          ///< of the command, so far
  QueryOptions question_;
};

/// A candidate a line, and what it means after a tab; or `:files`.
void complete(const CLI::App& app, std::vector<std::string> words) {
  auto begin = words.empty() ? std::string{} : std::move(words.back());
  words.resize(std::max<std::size_t>(words.size(), 1) - 1);
  if (begin == "=") {
    begin.clear();
  }
  const Line line{app, words};
  if (line.wants_file(begin)) {
    std::cout << ":files\n";
    return;
  }
  for (const auto& candidate : line.candidates(begin)) {
    if (candidate.word.starts_with(begin)) {
      std::cout << candidate.word << '\t' << candidate.about << '\n';
    }
  }
}

void print_script(const std::string& shell) {
  for (const auto& [name, script] : kCompletionScripts) {
    if (name == shell) {
      std::cout << script;
      return;
    }
  }
  throw UsageError{
      fmt::format("no completion for {}; there is {}", quote(shell), fmt::join(shells(), ", "))};
}

}  // namespace

void add_completion(CLI::App& app) {
  auto* const command =
      app.add_subcommand("completion", "Print a script that completes netlog's words in a shell");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->type_name("");
  command->callback([shell] { print_script(*shell); });

  // What those scripts run: `netlog complete -- WORDS`, the last one being that at the cursor.
  auto* const hidden = app.add_subcommand("complete", "")->group("");
  const auto words = std::make_shared<std::vector<std::string>>();
  hidden->add_option("WORDS", *words, "");
  hidden->callback([&app, words] { complete(app, *words); });
}

}  // namespace netlog::cli
