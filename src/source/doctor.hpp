// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::source {

/// How much of a feature of the recorder works on this host.
enum class Allowed : std::uint8_t { all, some, none };

std::string_view name(Allowed allowed);

/// The result of one check. Checks try the real calls.
struct Finding {
  std::string check;  ///< `tables`, `notices`, `owners`, …
  Allowed allowed = Allowed::all;
  std::string found;
  std::string means;   ///< what will be missing in a recording; empty if nothing
  std::string remedy;  ///< a command that helps; empty if there is none
};

/// Checks what a recorder with this user's rights can use. Defined in linux/ and in windows/.
/// `recording` is the file that would be written.
std::vector<Finding> examine_host(const std::filesystem::path& recording);

/// Facts for a bug report that only a running system knows, as lines of text without private data.
/// Defined in linux/ and in windows/. Errors: refused on Linux, where netlog's tests see them.
Result<std::string> witness_of_host();

}  // namespace netlog::source
