// SPDX-License-Identifier: MIT
#include "os/windows/folders.hpp"

#include <array>

#include <windows.h>

namespace netlog::os {

std::optional<std::filesystem::path> registry_folder(RegistryRoot root,
                                                     const wchar_t* key,
                                                     const wchar_t* name) {
  std::array<wchar_t, 1024> text{};
  DWORD size = sizeof(text);
  auto* const from = root == RegistryRoot::machine ? HKEY_LOCAL_MACHINE : HKEY_CURRENT_USER;
  const auto found = ::RegGetValueW(from, key, name, RRF_RT_REG_SZ, nullptr, text.data(), &size);
  const std::filesystem::path folder{found == ERROR_SUCCESS ? text.data() : L""};
  return folder.is_absolute() ? std::optional{folder} : std::nullopt;
}

}  // namespace netlog::os
