// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace netlog::os {

enum class RegistryRoot : std::uint8_t { machine, user };

/// A folder that the registry names. Not by SHGetKnownFolderPath(): with SHELL32 come user32 and
/// gdi32, and a program that has loaded these hears nothing of a shutdown
/// (learn.microsoft.com, SetConsoleCtrlHandler).
std::optional<std::filesystem::path> registry_folder(RegistryRoot root,
                                                     const wchar_t* key,
                                                     const wchar_t* name);

}  // namespace netlog::os
