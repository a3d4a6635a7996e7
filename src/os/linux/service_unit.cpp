// SPDX-License-Identifier: MIT
#include "os/linux/service_unit.hpp"

#include "os/linux/unit_text.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace netlog::os {
namespace {

/// A word of a command line as systemd reads it (systemd.service(5), "Command lines").
std::string quoted(const std::string& word) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\' || c == '%' || c == '$') {
      text += c == '%' || c == '$' ? c : '\\';
    }
    text += c;
  }
  return text + '"';
}

bool has_control(const std::string& word) {
  return std::any_of(word.begin(), word.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
}

}  // namespace

Result<std::string> service_unit(const std::string& program,
                                 const std::filesystem::path& recording,
                                 const std::vector<std::string>& options) {
  std::vector<std::string> words{program, "record"};
  if (!recording.empty()) {
    words.insert(words.end(), {"--db", utf8(recording)});
  }
  words.insert(words.end(), options.begin(), options.end());
  std::string command;
  for (const auto& word : words) {
    if (has_control(word)) {
      return fail(errc::malformed, fmt::format("a unit cannot have {}", quote(word)));
    }
    command += (command.empty() ? "" : " ") + quoted(word);
  }
  std::string text = std::string{kFirstLineOfUnit} + "\n";
  std::istringstream lines{std::string{kUnitText.front().second}};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("ExecStart=")) {
      text += "ExecStart=" + command + "\n";
      if (!recording.empty()) {
        text += "ReadWritePaths=" + quoted(utf8(recording.parent_path())) + "\n";
      }
    } else if (!line.starts_with('#') && !line.starts_with("Group=")) {
      text += line + "\n";
    }
  }
  return text;
}

}  // namespace netlog::os
