// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// A value of a configuration, as an option takes it.
struct ConfigValue {
  std::string table;  ///< `a.b`; empty at the top
  std::string key;
  std::vector<std::string> values;  ///< one, or those of an array
  std::size_t line = 0;
};

/// Reads TOML 1.0: every value that is not a table, in the order of the file. Numbers are decimal.
/// @throws UsageError that names `file`, the line and the key: text that is no TOML, a value that
/// no option takes (a date, a table in an array).
std::vector<ConfigValue> parse_config(std::string_view text, const std::string& file);

/// The options that a configuration has set.
class Configuration {
 public:
  /// Sets the command's options that the command line does not set to the values of a TOML file.
  /// They may be in a table of the command's name.
  /// @throws CommandFailed: the file cannot be read; UsageError: what is in it.
  Configuration(CLI::App& command, const std::string& path);

  /// Whether it has set the option `--key`.
  [[nodiscard]] bool has_set(std::string_view key) const;

  /// The message of a UsageError with the file, line and key before it, where it is about an option
  /// (`--interval …`) that this configuration has set.
  [[nodiscard]] std::string with_place(const std::string& message) const;

 private:
  void set(CLI::App& command, const ConfigValue& item);
  [[nodiscard]] std::string place(const ConfigValue& item) const;

  std::string path_;
  std::vector<ConfigValue> used_;
};

}  // namespace netlog::cli
