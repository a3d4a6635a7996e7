// SPDX-License-Identifier: MIT
#include "os/windows/access.hpp"

#include "os/windows/handle.hpp"
#include "os/windows/text.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>

#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

namespace netlog::os {
namespace {

bool is_user_of_this_process(PSID sid) {
  HANDLE opened = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &opened) == 0) {
    return false;
  }
  const auto token = own(opened);
  alignas(TOKEN_USER) std::array<std::byte, 256> buffer{};
  DWORD size = 0;
  return ::GetTokenInformation(token.get(), TokenUser, buffer.data(), buffer.size(), &size) != 0 &&
         ::EqualSid(sid, reinterpret_cast<const TOKEN_USER*>(buffer.data())->User.Sid) != 0;
}

/// Who owns what is installed with Windows.
bool is_windows_installer(PSID sid) {
  PSID known = nullptr;
  if (::ConvertStringSidToSidW(L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
                               &known) == 0) {
    return false;
  }
  const std::unique_ptr<void, decltype(&::LocalFree)> owner{known, ::LocalFree};
  return ::EqualSid(sid, known) != 0;
}

std::wstring with_reader(std::wstring sddl, std::wstring_view access, std::wstring_view reader) {
  if (!reader.empty()) {
    sddl.append(access).append(reader).append(L")");
  }
  return sddl;
}

}  // namespace

// learn.microsoft.com, Security Descriptor String Format: FA all, FR read, FX execute (a directory:
// look into it), OICI inherited by files and directories, OW owner, CO who creates it.
std::wstring private_file(std::wstring_view reader) {
  return with_reader(L"D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)", L"(A;;FR;;;", reader);
}

std::wstring private_directory(std::wstring_view reader) {
  return with_reader(L"D:P(A;OICI;FA;;;CO)(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
                     L"(A;OICI;FRFX;;;",
                     reader);
}

bool is_trusted(void* sid) {
  return ::IsWellKnownSid(sid, WinLocalSystemSid) != 0 ||
         ::IsWellKnownSid(sid, WinBuiltinAdministratorsSid) != 0 || is_user_of_this_process(sid);
}

// winnt.h: all types of entries begin with ACE_HEADER and a mask; the SID is at another place in
// some.
bool lets_others_write(const void* entry) {
  constexpr DWORD kWrite = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE |
                           WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
  const auto& allowed = *static_cast<const ACCESS_ALLOWED_ACE*>(entry);
  if (allowed.Header.AceType == ACCESS_DENIED_ACE_TYPE ||
      (allowed.Header.AceFlags & INHERIT_ONLY_ACE) != 0 || (allowed.Mask & kWrite) == 0) {
    return false;
  }
  auto* const sid = const_cast<DWORD*>(&allowed.SidStart);
  return allowed.Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
         !(is_trusted(sid) || is_windows_installer(sid));
}

Result<void> refuse_writable_by_others(const std::filesystem::path& path) {
  PSID owner = nullptr;
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  auto name = path.native();
  const auto read = ::GetNamedSecurityInfoW(name.data(),
                                            SE_FILE_OBJECT,
                                            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                            &owner,
                                            nullptr,
                                            &list,
                                            nullptr,
                                            &descriptor);
  const std::unique_ptr<void, decltype(&::LocalFree)> keeper{descriptor, ::LocalFree};
  if (read != ERROR_SUCCESS) {
    return fail_win32(read, "ask who may write " + narrow(name));
  }
  // Without a list everybody may do everything.
  bool is_open = list == nullptr || !(is_trusted(owner) || is_windows_installer(owner));
  for (WORD i = 0; !is_open && i < list->AceCount; ++i) {
    void* entry = nullptr;
    is_open = ::GetAce(list, i, &entry) == 0 || lets_others_write(entry);
  }
  return is_open ? fail_win32(ERROR_ACCESS_DENIED,
                              "others than administrators may write " + narrow(name))
                 : Result<void>{};
}

}  // namespace netlog::os
