// SPDX-License-Identifier: MIT
#include "source/windows/processes.hpp"

#include "os/windows/handle.hpp"
#include "os/windows/library.hpp"
#include "os/windows/text.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>

#include <windows.h>

#include <sddl.h>

namespace netlog::source {
namespace {

constexpr long kInfoLengthMismatch = static_cast<long>(0xC0000004);
constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;

/// The system error code of an NTSTATUS.
std::uint32_t code_of(long status) {
  using ToDosError = unsigned long(WINAPI*)(long);
  static const auto translate = os::look_up<ToDosError>(L"ntdll.dll", "RtlNtStatusToDosError");
  return translate == nullptr ? ERROR_GEN_FAILURE : translate(status);
}

/// UNICODE_STRING, with another type for the text.
struct CountedText {
  std::uint16_t bytes = 0;
  std::uint16_t capacity = 0;
  const wchar_t* text = nullptr;

  [[nodiscard]] std::wstring_view view() const {
    return text == nullptr ? std::wstring_view{} : std::wstring_view{text, bytes / sizeof(wchar_t)};
  }
};

/// The first members of SYSTEM_PROCESS_INFORMATION. Windows' winternl.h has some of them as
/// reserved bytes, mingw-w64's names them.
struct ProcessEntry {
  std::uint32_t next_offset = 0;
  std::uint32_t threads = 0;
  std::array<std::int64_t, 3> reserved{};
  std::uint64_t created = 0;
  std::int64_t user_time = 0;
  std::int64_t kernel_time = 0;
  CountedText name;
  std::int32_t base_priority = 0;
  void* pid = nullptr;
  void* parent = nullptr;
};

std::uint64_t units_of(const FILETIME& time) {
  return static_cast<std::uint64_t>(time.dwHighDateTime) << 32U | time.dwLowDateTime;
}

std::uint32_t pid_of(const void* handle) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(handle));
}

std::optional<std::string> image_of(HANDLE process) {
  std::array<wchar_t, 32'768> path{};
  auto size = static_cast<DWORD>(path.size());
  return ::QueryFullProcessImageNameW(process, 0, path.data(), &size) != 0
             ? std::optional{os::narrow({path.data(), size})}
             : std::nullopt;
}

// ProcessCommandLineInformation, since Windows 8.1.
std::optional<std::string> command_line_of(HANDLE process) {
  constexpr int kCommandLine = 60;
  using Query = long(WINAPI*)(HANDLE, int, void*, unsigned long, unsigned long*);
  static const auto query = os::look_up<Query>(L"ntdll.dll", "NtQueryInformationProcess");
  unsigned long size = 0;
  if (query == nullptr || !is_too_short(query(process, kCommandLine, nullptr, 0, &size)) ||
      size < sizeof(CountedText) || size > kMaxBytes) {
    return std::nullopt;
  }
  std::vector<std::byte> buffer(size);
  if (query(process, kCommandLine, buffer.data(), size, &size) != 0) {
    return std::nullopt;
  }
  CountedText text;
  std::memcpy(&text, buffer.data(), sizeof(text));
  return os::narrow(text.view());
}

/// The bytes of the SID of the process's user; empty if access is denied.
std::string sid_of(HANDLE process) {
  HANDLE opened = nullptr;
  if (::OpenProcessToken(process, TOKEN_QUERY, &opened) == 0) {
    return {};
  }
  const auto token = os::own(opened);
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenUser, nullptr, 0, &size);
  std::vector<std::byte> buffer(size);
  if (buffer.empty() ||
      ::GetTokenInformation(token.get(), TokenUser, buffer.data(), size, &size) == 0) {
    return {};
  }
  TOKEN_USER user{};
  std::memcpy(&user, buffer.data(), sizeof(user));
  const auto* const sid = static_cast<const char*>(user.User.Sid);
  return {sid, sid + ::GetLengthSid(user.User.Sid)};
}

std::string text_of_sid(std::string sid) {
  wchar_t* text = nullptr;
  if (::ConvertSidToStringSidW(sid.data(), &text) == 0) {
    return {};
  }
  const std::unique_ptr<wchar_t, decltype(&::LocalFree)> owner{text, ::LocalFree};
  return os::narrow(text);
}

/// Empty also if a domain controller is out of reach: ERROR_NONE_MAPPED can be a time-out, too.
/// Source: learn.microsoft.com, LookupAccountSidW().
std::string account_of(std::string sid) {
  std::array<wchar_t, 257> name{};
  std::array<wchar_t, 257> domain{};
  auto name_size = static_cast<DWORD>(name.size());
  auto domain_size = static_cast<DWORD>(domain.size());
  SID_NAME_USE use{};
  if (::LookupAccountSidW(
          nullptr, sid.data(), name.data(), &name_size, domain.data(), &domain_size, &use) == 0) {
    return {};
  }
  return os::narrow(domain.data()) + "\\" + os::narrow(name.data());
}

}  // namespace

bool is_too_short(long status) {
  constexpr auto kBufferOverflow = static_cast<long>(0x80000005);
  constexpr auto kBufferTooSmall = static_cast<long>(0xC0000023);
  return status == kInfoLengthMismatch || status == kBufferOverflow || status == kBufferTooSmall;
}

std::uint32_t list_processes(std::vector<ip_helper::ListedProcess>& processes) {
  constexpr int kProcesses = 5;  // SystemProcessInformation
  using Query = long(WINAPI*)(int, void*, unsigned long, unsigned long*);
  static const auto query = os::look_up<Query>(L"ntdll.dll", "NtQuerySystemInformation");
  if (query == nullptr) {
    return ip_helper::kProcNotFound;
  }
  static unsigned long size = 256 << 10;  // what the last call needed
  std::vector<std::byte> buffer;
  long status = kInfoLengthMismatch;
  while (status == kInfoLengthMismatch && size < kMaxBytes) {
    buffer.resize(size);
    unsigned long needed = 0;
    status = query(kProcesses, buffer.data(), size, &needed);
    if (status == kInfoLengthMismatch) {
      size = std::max(size, needed) + (64 << 10);
    }
  }
  if (status != 0) {
    return code_of(status);
  }
  for (std::size_t at = 0; at + sizeof(ProcessEntry) <= buffer.size();) {
    ProcessEntry entry;
    std::memcpy(&entry, buffer.data() + at, sizeof(entry));
    processes.push_back(
        {pid_of(entry.pid), pid_of(entry.parent), entry.created, os::narrow(entry.name.view())});
    if (entry.next_offset == 0) {
      break;
    }
    at += entry.next_offset;
  }
  return ip_helper::kNoError;
}

// A local account is found in less; a controller that is asked may answer in time, too.
ProcessReader::ProcessReader()
    : accounts_{account_of, std::chrono::milliseconds{20}, std::chrono::minutes{1}} {}

ip_helper::ProcessDetails ProcessReader::describe(std::uint32_t pid, std::uint64_t created) {
  ip_helper::ProcessDetails details;
  bool may_be_held = true;
  auto process =
      os::own(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid));
  if (!process) {
    may_be_held = false;
    process = os::own(::OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid));
  }
  FILETIME began{};
  FILETIME unused{};
  if (!process || ::GetProcessTimes(process.get(), &began, &unused, &unused, &unused) == 0 ||
      units_of(began) != created) {
    return details;
  }
  details.image = image_of(process.get());
  details.command_line = command_line_of(process.get());
  if (const auto sid = sid_of(process.get()); !sid.empty()) {
    auto account = accounts_.name_of(sid, text_of_sid(sid));
    if (!account.empty()) {
      details.account = std::move(account);
    }
  }
  if (may_be_held) {
    held_.insert_or_assign(Id{pid, created}, std::move(process));
  }
  return details;
}

std::optional<ip_helper::EndedProcess> ProcessReader::end_of(std::uint32_t pid,
                                                             std::uint64_t created) const {
  const auto held = held_.find(Id{pid, created});
  FILETIME unused{};
  FILETIME ended{};
  DWORD code = 0;
  if (held == held_.end() || ::WaitForSingleObject(held->second.get(), 0) != WAIT_OBJECT_0 ||
      ::GetProcessTimes(held->second.get(), &unused, &ended, &unused, &unused) == 0 ||
      ::GetExitCodeProcess(held->second.get(), &code) == 0) {
    return std::nullopt;
  }
  return ip_helper::EndedProcess{units_of(ended), code};
}

void ProcessReader::forget(std::uint32_t pid, std::uint64_t created) {
  held_.erase(Id{pid, created});
}

std::uint32_t list_services(std::vector<ip_helper::RunningService>& services) {
  struct Close {
    using pointer = SC_HANDLE;
    void operator()(SC_HANDLE handle) const { ::CloseServiceHandle(handle); }
  };
  const std::unique_ptr<void, Close> manager{
      ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_ENUMERATE_SERVICE)};
  if (!manager) {
    return ::GetLastError();
  }
  std::vector<std::byte> buffer(64 << 10);
  DWORD next = 0;
  for (;;) {
    DWORD missing = 0;
    DWORD count = 0;
    const bool all = ::EnumServicesStatusExW(manager.get(),
                                             SC_ENUM_PROCESS_INFO,
                                             SERVICE_WIN32,
                                             SERVICE_ACTIVE,
                                             reinterpret_cast<BYTE*>(buffer.data()),
                                             static_cast<DWORD>(buffer.size()),
                                             &missing,
                                             &count,
                                             &next,
                                             nullptr) != 0;
    const auto code = all ? ERROR_SUCCESS : ::GetLastError();
    if (code != ERROR_SUCCESS && code != ERROR_MORE_DATA) {
      return code;
    }
    for (DWORD i = 0; i < count; ++i) {
      ENUM_SERVICE_STATUS_PROCESSW service;
      std::memcpy(&service, buffer.data() + i * sizeof(service), sizeof(service));
      services.push_back(
          {service.ServiceStatusProcess.dwProcessId,
           os::narrow(service.lpServiceName),
           service.lpDisplayName == nullptr ? std::string{} : os::narrow(service.lpDisplayName)});
    }
    if (all) {
      return ERROR_SUCCESS;
    }
    if (buffer.size() > kMaxBytes) {
      return code;
    }
    buffer.resize(buffer.size() + missing);
  }
}

bool enable_debug_privilege() {
  HANDLE opened = nullptr;
  if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &opened) ==
      0) {
    return false;
  }
  const auto token = os::own(opened);
  TOKEN_PRIVILEGES wanted{};
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
  return ::LookupPrivilegeValueW(nullptr, L"SeDebugPrivilege", &wanted.Privileges[0].Luid) != 0 &&
         ::AdjustTokenPrivileges(token.get(), FALSE, &wanted, 0, nullptr, nullptr) != 0 &&
         ::GetLastError() == ERROR_SUCCESS;
}

}  // namespace netlog::source
