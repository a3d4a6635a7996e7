// SPDX-License-Identifier: MIT
#include "platform/recording_file.hpp"

#include "base/text.hpp"
#include "platform/windows/handle.hpp"
#include "platform/windows/text.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <windows.h>

#include <sddl.h>
#include <shlobj.h>

namespace netlog::platform {
namespace {

// Its owner, the system and administrators: a command line or a peer's address is private.
constexpr const wchar_t* kPrivateFile = L"D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)";
// The same for what is made within: SQLite's files beside the recording.
constexpr const wchar_t* kPrivateDirectory =
    L"D:P(A;OICI;FA;;;CO)(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";

/// What new objects are made with.
class Security {
 public:
  explicit Security(const wchar_t* sddl) {
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    ::ConvertStringSecurityDescriptorToSecurityDescriptorW(
        sddl, SDDL_REVISION_1, &descriptor, nullptr);
    descriptor_.reset(descriptor);
    attributes_ = {sizeof(attributes_), descriptor_.get(), FALSE};
  }
  SECURITY_ATTRIBUTES* get() { return &attributes_; }

 private:
  std::unique_ptr<void, decltype(&::LocalFree)> descriptor_{nullptr, ::LocalFree};
  SECURITY_ATTRIBUTES attributes_{};
};

UniqueHandle open_file(const std::filesystem::path& path, DWORD disposition) {
  Security security{kPrivateFile};
  return own(::CreateFileW(path.c_str(),
                           GENERIC_READ | GENERIC_WRITE,
                           FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                           security.get(),
                           disposition,
                           FILE_ATTRIBUTE_NORMAL,
                           nullptr));
}

class HeldFile final : public RecordingFile {
 public:
  HeldFile(UniqueHandle file, bool created) : file_{std::move(file)}, created_{created} {}
  [[nodiscard]] bool created() const override { return created_; }

 private:
  UniqueHandle file_;
  bool created_;
};

std::optional<std::filesystem::path> known_folder(const KNOWNFOLDERID& folder) {
  wchar_t* text = nullptr;
  const auto found = ::SHGetKnownFolderPath(folder, 0, nullptr, &text);
  const std::unique_ptr<wchar_t, decltype(&::CoTaskMemFree)> owner{text, ::CoTaskMemFree};
  return SUCCEEDED(found) ? std::optional{std::filesystem::path{text}} : std::nullopt;
}

bool is_administrator() {
  SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
  PSID administrators = nullptr;
  if (::AllocateAndInitializeSid(&authority,
                                 2,
                                 SECURITY_BUILTIN_DOMAIN_RID,
                                 DOMAIN_ALIAS_RID_ADMINS,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 0,
                                 &administrators) == 0) {
    return false;
  }
  const std::unique_ptr<void, decltype(&::FreeSid)> owner{administrators, ::FreeSid};
  BOOL member = FALSE;
  return ::CheckTokenMembership(nullptr, administrators, &member) != 0 && member != FALSE;
}

}  // namespace

Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path) {
  auto file = open_file(path, CREATE_NEW);
  const bool created = static_cast<bool>(file);
  if (!created && ::GetLastError() == ERROR_FILE_EXISTS) {
    file = open_file(path, OPEN_EXISTING);
  }
  if (!file) {
    return fail_win32(::GetLastError(), "open for writing");
  }
  // One byte where neither SQLite's locks nor its data are.
  OVERLAPPED at{};
  at.OffsetHigh = 0x7FFF'FFFF;
  if (::LockFileEx(file.get(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) ==
      0) {
    return fail_win32(::GetLastError(), "lock");
  }
  // SQLite would make them with the rights of the directory.
  for (const auto* const suffix : {"-wal", "-shm"}) {
    open_file(with_suffix(path, suffix), CREATE_NEW);
  }
  return std::unique_ptr<RecordingFile>{std::make_unique<HeldFile>(std::move(file), created)};
}

Result<void> create_private_file(const std::filesystem::path& path) {
  if (!open_file(path, CREATE_NEW)) {
    return fail_win32(::GetLastError(), "create");
  }
  return {};
}

Result<void> create_private_directories(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return {};
  }
  if (path.has_parent_path()) {
    if (auto made = create_private_directories(path.parent_path()); !made) {
      return made;
    }
  }
  Security security{kPrivateDirectory};
  if (::CreateDirectoryW(path.c_str(), security.get()) == 0 &&
      ::GetLastError() != ERROR_ALREADY_EXISTS) {
    return fail_win32(::GetLastError(), "create");
  }
  return {};
}

std::filesystem::path default_recording_path() {
  std::array<wchar_t, 32'768> named{};
  const auto size = ::GetEnvironmentVariableW(L"NETLOG_DB", named.data(), named.size());
  if (size > 0 && size < named.size()) {
    return named.data();
  }
  const auto folder =
      known_folder(is_administrator() ? FOLDERID_ProgramData : FOLDERID_LocalAppData);
  return folder.value_or(".") / "netlog" / "netlog.db";
}

}  // namespace netlog::platform
