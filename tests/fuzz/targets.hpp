// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace netlog::test {

/// Something that takes bytes which nobody vouches for. It may refuse them and do nothing else.
struct FuzzTarget {
  std::string_view name;  ///< also of the folder with its corpus
  void (*take)(std::span<const std::byte> bytes);
};

const std::vector<FuzzTarget>& fuzz_targets();

}  // namespace netlog::test
