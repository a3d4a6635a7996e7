// SPDX-License-Identifier: MIT
#include "os/file_trust.hpp"

namespace netlog::os {

std::optional<std::string> distrust(const std::filesystem::path& /*recording*/, FileUse /*use*/) {
  return std::nullopt;
}

std::optional<std::string> distrust_folder(const std::filesystem::path& /*file*/) {
  return std::nullopt;
}

}  // namespace netlog::os
