// SPDX-License-Identifier: MIT
#include "cli/options/option_values.hpp"

#include "model/codes.hpp"
#include "model/connection.hpp"
#include "model/tcp_state.hpp"
#include "util/text.hpp"

#include <string_view>

namespace netlog::cli {
namespace {

/// The names of one kind of stored codes.
std::vector<std::string> code_names(std::string_view kind) {
  std::vector<std::string> names;
  for (const auto& code : stored_codes()) {
    if (code.kind == kind) {
      names.push_back(code.name);
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> format_names() {
  return {"text", "json", "csv"};
}

std::vector<std::string> report_format_names() {
  auto names = format_names();
  names.emplace_back("html");
  return names;
}

std::vector<std::string> protocol_names() {
  return {std::string{name(Protocol::tcp)}, std::string{name(Protocol::udp)}};
}

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  for (int number = 1; tcp_state_from_mib(number); ++number) {
    names.emplace_back(name(*tcp_state_from_mib(number)));
  }
  return names;
}

std::vector<std::string> outcome_names() {
  return code_names("outcome");
}

std::vector<std::string> event_kind_names() {
  return code_names("event");
}

std::string suggestion(const std::string& text, const std::vector<std::string>& values) {
  const auto near = nearest(text, values);
  return near ? ", did you mean " + *near + "?" : std::string{};
}

}  // namespace netlog::cli
