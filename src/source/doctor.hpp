// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::source {

/// How much of what a recorder wants this host gives.
enum class Allowed : std::uint8_t { all, some, none };

std::string_view name(Allowed allowed);

/// One thing that a recorder needs, tried and not guessed.
struct Finding {
  std::string check;  ///< `tables`, `notices`, `owners`, …
  Allowed allowed = Allowed::all;
  std::string found;
  std::string means;   ///< for what will be seen; empty where nothing is missing
  std::string remedy;  ///< a command that gives more; empty where there is none
};

/// Tries what a recorder with this user's rights would use. Defined once in linux/ or windows/.
std::vector<Finding> examine_host(const std::filesystem::path& recording);

}  // namespace netlog::source
