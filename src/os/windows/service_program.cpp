// SPDX-License-Identifier: MIT
#include "os/windows/service_program.hpp"

#include "os/windows/access.hpp"
#include "os/windows/folders.hpp"
#include "os/windows/text.hpp"
#include "util/text.hpp"

#include <windows.h>

namespace netlog::os {
namespace {

/// Now, or at the next boot if it is in use.
Result<void> remove_later(const std::filesystem::path& path, bool is_folder) {
  const bool removed =
      (is_folder ? ::RemoveDirectoryW(path.c_str()) : ::DeleteFileW(path.c_str())) != 0;
  const auto why = removed ? ERROR_SUCCESS : ::GetLastError();
  if (removed || why == ERROR_FILE_NOT_FOUND || why == ERROR_PATH_NOT_FOUND) {
    return {};
  }
  return ::MoveFileExW(path.c_str(), nullptr, MOVEFILE_DELAY_UNTIL_REBOOT) != 0
             ? Result<void>{}
             : fail_win32(why, "remove " + utf8(path));
}

}  // namespace

Result<std::filesystem::path> kept_program() {
  const auto folder = registry_folder(
      RegistryRoot::machine, L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion", L"ProgramFilesDir");
  if (!folder) {
    return fail_win32(ERROR_PATH_NOT_FOUND, "find Program Files");
  }
  return *folder / L"netlog" / L"netlog.exe";
}

Result<void> keep_program(const std::filesystem::path& program, const std::filesystem::path& kept) {
  const auto folder = kept.parent_path();
  if (::CreateDirectoryW(folder.c_str(), nullptr) == 0 &&
      ::GetLastError() != ERROR_ALREADY_EXISTS) {
    return fail_win32(::GetLastError(), "create " + utf8(folder));
  }
  if (auto safe = refuse_writable_by_others(folder); !safe) {
    return safe;
  }
  if (::CopyFileW(program.c_str(), kept.c_str(), FALSE) == 0) {
    return fail_win32(::GetLastError(), "copy the program to " + utf8(kept));
  }
  return refuse_writable_by_others(kept);
}

Result<void> remove_kept_program(const std::filesystem::path& kept) {
  auto removed = remove_later(kept, false);
  if (removed) {
    const auto folder = remove_later(kept.parent_path(), true);
    static_cast<void>(folder);  // somebody has put other files there
  }
  return removed;
}

}  // namespace netlog::os
