// SPDX-License-Identifier: MIT
#include "os/name_files.hpp"

#include <array>

#include <windows.h>

namespace netlog::os {

std::filesystem::path name_files_directory() {
  std::array<wchar_t, MAX_PATH> system{};
  const auto length = ::GetSystemDirectoryW(system.data(), MAX_PATH);
  return std::filesystem::path{length < MAX_PATH ? system.data() : L""} / "drivers" / "etc";
}

}  // namespace netlog::os
