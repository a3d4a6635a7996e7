// SPDX-License-Identifier: MIT
#include "os/linux/service_unit.hpp"

#include "os/linux/unit_text.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace netlog::os {
namespace {

/// A path in quotes as systemd reads it (systemd.syntax(7), systemd.unit(5) on specifiers).
std::string quoted(const std::string& path) {
  std::string text = "\"";
  for (const char c : path) {
    if (c == '"' || c == '\\' || c == '%') {
      text += c == '%' ? '%' : '\\';
    }
    text += c;
  }
  return text + '"';
}

/// An argument of a command line, in which systemd also replaces variables (systemd.service(5)).
std::string quoted_argument(const std::string& word) {
  std::string text;
  for (const char c : quoted(word)) {
    text += c;
    if (c == '$') {
      text += c;
    }
  }
  return text;
}

bool has_control(const std::string& word) {
  return std::any_of(word.begin(), word.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
  });
}

}  // namespace

Result<std::string> service_unit(const std::string& program, const RecordCommand& command) {
  auto words = command.words();
  words.insert(words.begin(), "record");
  auto line = quoted(program);
  for (const auto& word : words) {
    line += " " + quoted_argument(word);
  }
  if (has_control(line)) {
    return fail(errc::malformed, fmt::format("a unit cannot have {}", quote(line)));
  }
  const auto folder = quoted(utf8(command.recording.parent_path()));
  std::string text = std::string{kFirstLineOfUnit} + "\n";
  std::istringstream lines{std::string{kUnitText.front().second}};
  for (std::string of_package; std::getline(lines, of_package);) {
    if (of_package.starts_with("ExecStart=")) {
      text += "ExecStart=" + line + "\n";
      if (!command.recording.empty()) {
        text += "ReadWritePaths=" + folder + "\n";
      }
    } else if (of_package.starts_with("RequiresMountsFor=") && !command.recording.empty()) {
      text += "RequiresMountsFor=" + folder + "\n";
    } else if (!of_package.starts_with('#') && !of_package.starts_with("Group=")) {
      text += of_package + "\n";
    }
  }
  return text;
}

}  // namespace netlog::os
