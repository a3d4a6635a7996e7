// SPDX-License-Identifier: MIT
#include "cli/options/config_file.hpp"

#include "cli/options/option_values.hpp"
#include "os/text_file.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

/// The parser met what it does not expect, such as `[[[`.
[[noreturn]] void fail_to_parse() {
  throw std::invalid_argument{"it is not TOML"};
}

}  // namespace
}  // namespace netlog::cli

// toml++ 3.3 asserts what a wrong text can break. Such a text is an error, in every build.
#undef NDEBUG
#define TOML_ASSERT(expression) \
  ((expression) ? static_cast<void>(0) : ::netlog::cli::fail_to_parse())
#include <toml++/toml.h>

namespace netlog::cli {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20U;

/// The value as an option takes it; nothing for a date or a table.
std::optional<std::string> plain_value(const toml::node& node) {
  if (const auto* const text = node.as_string()) {
    return text->get();
  }
  if (const auto* const number = node.as_integer()) {
    return fmt::format("{}", number->get());
  }
  if (const auto* const number = node.as_floating_point()) {
    return fmt::format("{}", number->get());
  }
  if (const auto* const flag = node.as_boolean()) {
    return flag->get() ? "true" : "false";
  }
  return std::nullopt;
}

std::string full_name(const ConfigValue& item) {
  return item.table.empty() ? item.key : item.table + "." + item.key;
}

/// Collects the values of a configuration.
class ConfigReader {
 public:
  explicit ConfigReader(const std::string& file) : file_{file} {}

  void read(const toml::table& table, const std::string& name) {
    for (const auto& [key, node] : table) {
      ConfigValue item{name, std::string{key.str()}, {}, key.source().begin.line};
      if (const auto* const inner = node.as_table()) {
        read(*inner, full_name(item));
        continue;
      }
      if (const auto* const array = node.as_array()) {
        for (const auto& each : *array) {
          item.values.push_back(value_of(each, item));
        }
      } else {
        item.values.push_back(value_of(node, item));
      }
      items_.push_back(std::move(item));
    }
  }

  std::vector<ConfigValue> take() {
    std::stable_sort(
        items_.begin(), items_.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
    return std::move(items_);
  }

 private:
  [[nodiscard]] std::string value_of(const toml::node& node, const ConfigValue& item) const {
    auto value = plain_value(node);
    if (!value) {
      throw UsageError{
          fmt::format("configuration {}:{}: {} is neither text nor a number; write the value in "
                      "quotes",
                      file_,
                      item.line,
                      quote(full_name(item)))};
    }
    if (value->find('\0') != std::string::npos) {
      throw UsageError{fmt::format("configuration {}:{}: {} has a NUL character in it",
                                   file_,
                                   item.line,
                                   quote(full_name(item)))};
    }
    return *value;
  }

  const std::string& file_;
  std::vector<ConfigValue> items_;
};

std::vector<std::string> names_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* const option : command.get_options()) {
    names.push_back(option->get_single_name());
  }
  return names;
}

std::string read_config(const std::string& path) {
  auto text = os::read_text_file(path_from_utf8(path), kMaxConfigBytes);
  if (!text) {
    throw CommandFailed{fmt::format("cannot read configuration {}: {}",
                                    path,
                                    text.error().code == boost::system::errc::not_supported
                                        ? "it is not a regular file"
                                        : text.error().code.message())};
  }
  return std::move(*text);
}

}  // namespace

std::vector<ConfigValue> parse_config(std::string_view text, const std::string& file) {
  ConfigReader reader{file};
  try {
    reader.read(toml::parse(text), "");
  } catch (const toml::parse_error& error) {
    throw UsageError{fmt::format(
        "configuration {}:{}: {}", file, error.source().begin.line, one_line(error.description()))};
  } catch (const std::invalid_argument& error) {
    throw UsageError{fmt::format("configuration {}: {}", file, error.what())};
  }
  return reader.take();
}

Configuration::Configuration(CLI::App& command, const std::string& path) : path_{path} {
  for (const auto& item : parse_config(read_config(path), path)) {
    set(command, item);
  }
}

void Configuration::set(CLI::App& command, const ConfigValue& item) {
  auto* const option = command.get_option_no_throw("--" + item.key);
  const bool ours = item.table.empty() || item.table == command.get_name();
  if (option == nullptr || !ours || item.key == "config" || item.key == "help") {
    throw UsageError{fmt::format("{}: unknown option {}{}",
                                 place(item),
                                 quote(full_name(item)),
                                 ours ? suggestion(item.key, names_of(command)) : "")};
  }
  if (has_set(item.key)) {  // at the top and in the command's table
    throw UsageError{fmt::format("{}: {} is set twice", place(item), quote(item.key))};
  }
  if (option->count() > 0) {
    return;  // by the command line
  }
  const bool is_flag = option->get_items_expected_max() == 0;
  const auto is_truth = [](const std::string& value) {
    return value == "true" || value == "false";
  };
  if (is_flag && (item.values.size() != 1 || !is_truth(item.values.front()))) {
    throw UsageError{fmt::format("{}: {} is neither true nor false", place(item), quote(item.key))};
  }
  used_.push_back(item);
  try {
    option->add_result(item.values);
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    throw UsageError{fmt::format("{}: {}", place(item), one_line(error.what()))};
  }
}

bool Configuration::has_set(std::string_view key) const {
  return std::any_of(used_.begin(), used_.end(), [&](const auto& item) { return item.key == key; });
}

std::string Configuration::place(const ConfigValue& item) const {
  return fmt::format("configuration {}:{}", path_, item.line);
}

std::string Configuration::with_place(const std::string& message) const {
  for (const auto& item : used_) {
    if (message.starts_with("--" + item.key + " ") || message.starts_with("--" + item.key + ":")) {
      return fmt::format("{}: {}", place(item), message);
    }
  }
  return message;
}

}  // namespace netlog::cli
