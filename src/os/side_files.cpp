// SPDX-License-Identifier: MIT
#include "os/files.hpp"
#include "util/text.hpp"

#include <fmt/format.h>

namespace netlog::os {

Result<std::filesystem::path> set_aside(const std::filesystem::path& path, const char* suffix) {
  constexpr int kMaxNumber = 1'000;
  for (int number = 1;; ++number) {
    auto unused = with_suffix(path, fmt::format("{}-{}", suffix, number).c_str());
    const auto moved = move_into_place(path, unused);
    if (moved) {
      return unused;
    }
    if (moved.error().code != boost::system::errc::file_exists || number == kMaxNumber) {
      return moved.error();
    }
  }
}

}  // namespace netlog::os
