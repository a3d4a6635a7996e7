// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/completion_scripts.hpp"
#include "cli/help/description.hpp"
#include "cli/options/option_values.hpp"
#include "report/definition.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
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

/// The words of each kind of value that has a fixed list.
constexpr std::array<std::pair<std::string_view, std::vector<std::string> (*)()>, 12> kFixedWords{
    {{"FORMAT", format_names},
     {"FORMAT|html", report_format_names},
     {"EXPORT", export_names},
     {"STREAM", row_format_names},
     {"PROTOCOL", protocol_names},
     {"STATE", state_names},
     {"OUTCOME", outcome_names},
     {"KIND", event_kind_names},
     {"SOURCE", source_names},
     {"LEVEL", log_levels},
     {"WORD", redaction_words},
     {"SHELL", shells}}};

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

/// A command line up to the word at the cursor. No recording is opened: only words that are known
/// without one are completed.
class Line {
 public:
  Line(const CLI::App& app, const std::vector<std::string>& words) : app_{app}, command_{&app} {
    for (const auto& word : words) {
      read(word);
    }
  }

  /// Whether the next word is a file, which the shell completes itself.
  [[nodiscard]] bool wants_file(const std::string& begin) const { return kind_at(begin) == "FILE"; }

  [[nodiscard]] std::vector<Candidate> candidates(const std::string& begin) const {
    if (open_ == nullptr && begin.starts_with("-")) {
      return with_value(begin);
    }
    auto found = open_ == nullptr ? commands(*command_) : std::vector<Candidate>{};
    for (auto& value : values(kind_at(begin))) {
      found.push_back(std::move(value));
    }
    return found;
  }

 private:
  void read(const std::string& word) {
    if (open_ != nullptr) {
      if (word != "=") {  // bash splits `--db=FILE` into three words
        open_ = nullptr;
      }
      return;
    }
    if (word.starts_with("-")) {
      const auto equals = word.find('=');
      const auto* const option = command_->get_option_no_throw(word.substr(0, equals));
      if (option != nullptr && !kind_of(*option).empty() && equals == std::string::npos) {
        open_ = option;
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
    auto found = values(kind_of(*option));
    for (auto& value : found) {
      value.word.insert(0, begin, 0, equals + 1);
    }
    return found;
  }

  [[nodiscard]] std::vector<Candidate> values(const std::string& kind) const {
    for (const auto& [fixed, words] : kFixedWords) {
      if (kind == fixed) {
        return plain(words());
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
};

/// Writes a candidate a line, with its meaning after a tab; or `:files`.
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
  command->add_option("SHELL", *shell, "bash, zsh, fish or powershell")->required()->type_name("");
  command->callback([shell] { print_script(*shell); });

  // The scripts run `netlog complete -- WORDS`. The last word is the one at the cursor.
  auto* const hidden = app.add_subcommand("complete", "")->group("");
  const auto words = std::make_shared<std::vector<std::string>>();
  hidden->add_option("WORDS", *words, "");
  hidden->callback([&app, words] { complete(app, *words); });
}

}  // namespace netlog::cli
