// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace netlog::cli {

/// What options with a fixed choice take: for their messages and for completion.
std::vector<std::string> format_names();
std::vector<std::string> protocol_names();
std::vector<std::string> state_names();
std::vector<std::string> source_names();
std::vector<std::string> log_levels();
std::vector<std::string> redaction_choices();

}  // namespace netlog::cli
