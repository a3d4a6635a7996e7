// SPDX-License-Identifier: MIT
#include "os/files.hpp"

#include "os/side_files.hpp"
#include "os/windows/access.hpp"
#include "os/windows/folders.hpp"
#include "os/windows/handle.hpp"
#include "os/windows/text.hpp"
#include "util/text.hpp"

#include <array>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

namespace netlog::os {
namespace {

/// Security attributes for new files and directories.
class Security {
 public:
  explicit Security(const std::wstring& sddl) {
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    if (::ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl.c_str(), SDDL_REVISION_1, &descriptor, nullptr) == 0) {
      throw CommandFailed{fail_win32(::GetLastError(), "make a private file").message()};
    }
    descriptor_.reset(descriptor);
    attributes_ = {sizeof(attributes_), descriptor_.get(), FALSE};
  }
  SECURITY_ATTRIBUTES* attributes() { return &attributes_; }
  [[nodiscard]] PACL acl() const {
    PACL acl = nullptr;
    BOOL present = FALSE;
    BOOL defaulted = FALSE;
    ::GetSecurityDescriptorDacl(descriptor_.get(), &present, &acl, &defaulted);
    return acl;
  }

 private:
  std::unique_ptr<void, decltype(&::LocalFree)> descriptor_{nullptr, ::LocalFree};
  SECURITY_ATTRIBUTES attributes_{};
};

Result<UniqueHandle> open_file(const std::filesystem::path& path,
                               DWORD disposition,
                               const char* doing) {
  Security security{private_file()};
  auto file = own(::CreateFileW(path.c_str(),
                                GENERIC_READ | GENERIC_WRITE | WRITE_DAC,
                                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                security.attributes(),
                                disposition,
                                FILE_ATTRIBUTE_NORMAL,
                                nullptr));
  if (!file) {
    return fail_win32(::GetLastError(), doing);
  }
  return file;
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

std::filesystem::path default_directory() {
  const auto folder =
      is_administrator()
          ? registry_folder(RegistryRoot::machine,
                            L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
                            L"ProgramData")
          : registry_folder(
                RegistryRoot::user,
                L"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\User Shell Folders",
                L"Local AppData");
  return folder.value_or(".") / "netlog";
}

constexpr SECURITY_INFORMATION kOwnList =
    DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;

Result<void> set_access(HANDLE file, const std::wstring& sddl) {
  Security security{sddl};
  return ::SetKernelObjectSecurity(file, kOwnList, security.attributes()->lpSecurityDescriptor) != 0
             ? Result<void>{}
             : fail_win32(::GetLastError(), "set who may use it");
}

/// Also of what is in it and inherits.
Result<void> set_folder_access(const std::filesystem::path& folder, const std::wstring& sddl) {
  const Security security{sddl};
  auto name = folder.native();
  const auto set = ::SetNamedSecurityInfoW(
      name.data(), SE_FILE_OBJECT, kOwnList, nullptr, nullptr, security.acl(), nullptr);
  return set == ERROR_SUCCESS ? Result<void>{} : fail_win32(set, "set who may use it");
}

/// Whoever owns a file or a directory may read what is written there.
Result<void> refuse_owner_of(HANDLE file) {
  PSID owner = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  const auto read = ::GetSecurityInfo(file,
                                      SE_FILE_OBJECT,
                                      OWNER_SECURITY_INFORMATION,
                                      &owner,
                                      nullptr,
                                      nullptr,
                                      nullptr,
                                      &descriptor);
  const std::unique_ptr<void, decltype(&::LocalFree)> keeper{descriptor, ::LocalFree};
  if (read != ERROR_SUCCESS) {
    return fail_win32(read, "ask who owns it");
  }
  if (!is_trusted(owner)) {
    return fail_win32(ERROR_INVALID_OWNER, "use what is somebody else's");
  }
  return {};
}

/// Makes a file that exists private, unless it is somebody else's.
Result<void> secure(HANDLE file) {
  auto trusted = refuse_owner_of(file);
  return trusted ? set_access(file, private_file()) : trusted;
}

/// A directory that exists, and is no link to another one.
Result<UniqueHandle> open_directory(const std::filesystem::path& directory) {
  const auto attributes = ::GetFileAttributesW(directory.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0) {
    return fail_win32(ERROR_REPARSE_TAG_INVALID, "use a directory that leads elsewhere");
  }
  auto opened = own(::CreateFileW(directory.c_str(),
                                  READ_CONTROL,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  nullptr,
                                  OPEN_EXISTING,
                                  FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
                                  nullptr));
  if (!opened) {
    return fail_win32(::GetLastError(), "open the directory");
  }
  return opened;
}

class HeldFile final : public RecordingFile {
 public:
  HeldFile(std::filesystem::path path, UniqueHandle file, bool created)
      : path_{std::move(path)}, file_{std::move(file)}, created_{created} {}
  [[nodiscard]] bool created() const override { return created_; }
  [[nodiscard]] std::vector<std::filesystem::path> set_aside() const override { return {}; }
  [[nodiscard]] Result<std::vector<std::filesystem::path>> secure_side_files() override {
    return std::vector<std::filesystem::path>{};
  }
  /// Nobody can delete or move a file that SQLite has open.
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool is_deleted() const override { return false; }
  [[nodiscard]] std::optional<std::filesystem::path> moved_to() const override { return {}; }
  [[nodiscard]] Result<void> grant_group_read(const Readers& readers) override {
    const auto reader = wide(readers.sid);
    auto granted = set_access(file_.get(), private_file(reader));
    for (const auto* const suffix : kWalFiles) {
      const auto file = open_file(with_suffix(path_, suffix), OPEN_EXISTING, "open");
      if (granted && file) {
        granted = set_access(file->get(), private_file(reader));
      }
    }
    const auto folder = path_.parent_path();
    if (granted && folder == default_directory()) {
      granted = set_folder_access(folder, private_directory(reader));
    }
    return granted;
  }

 private:
  std::filesystem::path path_;
  UniqueHandle file_;
  bool created_;
};

}  // namespace

std::optional<FileId> identify(const std::filesystem::path& path) {
  const auto file = own(::CreateFileW(path.c_str(),
                                      FILE_READ_ATTRIBUTES,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                      nullptr,
                                      OPEN_EXISTING,
                                      FILE_FLAG_BACKUP_SEMANTICS,
                                      nullptr));
  BY_HANDLE_FILE_INFORMATION info{};
  if (!file || ::GetFileInformationByHandle(file.get(), &info) == 0) {
    return std::nullopt;
  }
  constexpr unsigned kHigh = 32;
  return FileId{info.dwVolumeSerialNumber,
                (std::uint64_t{info.nFileIndexHigh} << kHigh) | info.nFileIndexLow};
}

bool has_open(const FileId& /*file*/) {
  return true;
}

Result<Readers> find_readers(const std::string& group) {
  if (!group.starts_with("S-1-")) {
    return fail_win32(ERROR_INVALID_SID, "a reader is a SID, such as S-1-5-32-545");
  }
  PSID sid = nullptr;
  if (::ConvertStringSidToSidW(wide(group).c_str(), &sid) == 0) {
    return fail_win32(::GetLastError(), "read a SID such as S-1-5-32-545");
  }
  const std::unique_ptr<void, decltype(&::LocalFree)> owner{sid, ::LocalFree};
  wchar_t* text = nullptr;
  if (::ConvertSidToStringSidW(sid, &text) == 0) {
    return fail_win32(::GetLastError(), "read a SID");
  }
  const std::unique_ptr<wchar_t, decltype(&::LocalFree)> text_owner{text, ::LocalFree};
  return Readers{0, narrow(text)};
}

Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path) {
  if (auto refused = refuse_name_of_side_file(path); !refused) {
    return refused.error();
  }
  auto file = open_file(path, CREATE_NEW, "open for writing");
  const bool created = file.has_value();
  if (!created && file.error().code.value() == ERROR_FILE_EXISTS) {
    file = open_file(path, OPEN_EXISTING, "open for writing");
  }
  if (!file) {
    return file.error();
  }
  // One byte beyond SQLite's locks and data.
  OVERLAPPED at{};
  at.OffsetHigh = 0x7FFF'FFFF;
  if (::LockFileEx(
          file->get(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at) == 0) {
    return fail_win32(::GetLastError(), "lock");
  }
  if (auto secured = created ? Result<void>{} : secure(file->get()); !secured) {
    return secured.error();
  }
  // SQLite would create them with the rights of the directory.
  for (const auto* const suffix : kWalFiles) {
    const auto side_file = with_suffix(path, suffix);
    if (const auto made = open_file(side_file, CREATE_NEW, "create");
        !made && made.error().code.value() == ERROR_FILE_EXISTS) {
      const auto existing = open_file(side_file, OPEN_EXISTING, "open for writing");
      auto secured = existing ? secure(existing->get()) : existing.error();
      if (!secured) {
        return secured.error();
      }
    }
  }
  return std::unique_ptr<RecordingFile>{
      std::make_unique<HeldFile>(path, std::move(*file), created)};
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::array<wchar_t, 32'768> whole{};
  const auto size =
      ::GetFullPathNameW(path.c_str(), static_cast<DWORD>(whole.size()), whole.data(), nullptr);
  return size < whole.size() ? std::filesystem::path{std::wstring{whole.data(), size}} : path;
}

bool is_on_network(const std::filesystem::path& path) {
  const auto whole = absolute_path(path).native();
  const std::wstring_view name{whole};
  const bool is_local_form = name.starts_with(L"\\\\?\\") || name.starts_with(L"\\\\.\\");
  if ((name.starts_with(L"\\\\") && !is_local_form) || name.starts_with(L"\\\\?\\UNC\\")) {
    return true;
  }
  std::wstring volume(MAX_PATH, L'\0');
  return ::GetVolumePathNameW(whole.c_str(), volume.data(), static_cast<DWORD>(volume.size())) !=
             0 &&
         ::GetDriveTypeW(volume.c_str()) == DRIVE_REMOTE;
}

bool is_being_recorded(const std::filesystem::path& /*path*/) {
  return true;
}

std::uintmax_t stored_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : size;
}

Result<std::uint64_t> current_size(const std::filesystem::path& path) {
  const auto file = own(::CreateFileW(path.c_str(),
                                      FILE_READ_ATTRIBUTES,
                                      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                      nullptr,
                                      OPEN_EXISTING,
                                      FILE_ATTRIBUTE_NORMAL,
                                      nullptr));
  LARGE_INTEGER size{};
  if (!file || ::GetFileSizeEx(file.get(), &size) == 0) {
    return fail_win32(::GetLastError(), "ask for its size");
  }
  return static_cast<std::uint64_t>(size.QuadPart);
}

std::optional<std::int64_t> file_size_limit() {
  return std::nullopt;
}

bool may_open_more_files() {
  return true;
}

Result<void> create_private_file(const std::filesystem::path& path) {
  if (auto refused = refuse_name_of_side_file(path); !refused) {
    return refused;
  }
  const auto made = open_file(path, CREATE_NEW, "create");
  return made ? Result<void>{} : made.error();
}

Result<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::MoveFileExW(from.c_str(), to.c_str(), MOVEFILE_WRITE_THROUGH) != 0
             ? Result<void>{}
             : fail_win32(::GetLastError(), "rename");
}

Result<std::optional<std::string>> read_private_file(const std::filesystem::path& path) {
  constexpr std::size_t kMax = std::size_t{64} << 10U;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return std::optional<std::string>{};
  }
  std::ifstream in{path, std::ios::binary};
  if (!std::filesystem::is_regular_file(status) || !in) {
    return fail_win32(ERROR_ACCESS_DENIED, "open");
  }
  std::string text(kMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMax) {
    return fail(errc::too_large, "longer than 64 KiB");
  }
  return std::optional{std::move(text)};
}

Result<void> create_private_directories(const std::filesystem::path& path) {
  std::error_code error;
  if (path.empty()) {
    return {};
  }
  if (std::filesystem::is_directory(path, error)) {
    if (path != default_directory()) {
      return {};
    }
    // Everybody may create directories in ProgramData.
    const auto opened = open_directory(path);
    const auto trusted = opened ? refuse_owner_of(opened->get()) : opened.error();
    return trusted ? set_folder_access(path, private_directory()) : trusted;
  }
  if (path.has_relative_path()) {
    if (auto made = create_private_directories(path.parent_path()); !made) {
      return made;
    }
  }
  Security security{private_directory()};
  return ::CreateDirectoryW(path.c_str(), security.attributes()) != 0
             ? Result<void>{}
             : fail_win32(::GetLastError(), "create");
}

std::filesystem::path default_recording_path() {
  std::array<wchar_t, 32'768> named{};
  const auto size = ::GetEnvironmentVariableW(L"NETLOG_DB", named.data(), named.size());
  if (size > 0 && size < named.size()) {
    return named.data();
  }
  return default_directory() / "netlog.db";
}

}  // namespace netlog::os
