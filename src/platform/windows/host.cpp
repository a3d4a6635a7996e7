// SPDX-License-Identifier: MIT
#include "platform/windows/host.hpp"

#include "base/time.hpp"
#include "platform/clock.hpp"
#include "platform/live_source.hpp"
#include "platform/windows/text.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <windows.h>

namespace netlog::platform {
namespace {

std::string host_name() {
  DWORD size = 0;
  ::GetComputerNameExW(ComputerNameDnsHostname, nullptr, &size);
  std::wstring name(size, L'\0');
  return ::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &size) != 0
             ? narrow({name.data(), size})
             : std::string{};
}

std::string version_text(const wchar_t* value) {
  std::array<wchar_t, 256> text{};
  DWORD size = sizeof(text);
  return ::RegGetValueW(HKEY_LOCAL_MACHINE,
                        L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion",
                        value,
                        RRF_RT_REG_SZ,
                        nullptr,
                        text.data(),
                        &size) == ERROR_SUCCESS
             ? narrow(text.data())
             : std::string{};
}

std::int64_t utc_offset_s() {
  SYSTEMTIME utc;
  SYSTEMTIME local;
  FILETIME utc_filetime;
  FILETIME local_filetime;
  ::GetSystemTime(&utc);
  ::SystemTimeToTzSpecificLocalTime(nullptr, &utc, &local);
  ::SystemTimeToFileTime(&utc, &utc_filetime);
  ::SystemTimeToFileTime(&local, &local_filetime);
  const auto units = [](const FILETIME& time) {
    return static_cast<std::int64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime;
  };
  constexpr std::int64_t kUnitsPerSecond = 10'000'000;
  return (units(local_filetime) - units(utc_filetime)) / kUnitsPerSecond;
}

}  // namespace

std::string windows_version() {
  // GetVersionEx() tells a program without a manifest that this is Windows 8.
  using RtlGetVersion = LONG(WINAPI*)(OSVERSIONINFOW*);
  OSVERSIONINFOW version{};
  version.dwOSVersionInfoSize = sizeof(version);
  const auto get = reinterpret_cast<RtlGetVersion>(
      reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion")));
  if (get == nullptr || get(&version) != 0) {
    return {};
  }
  return fmt::format(
      "{}.{}.{}", version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber);
}

std::string describe_host() {
  std::string text;
  const auto add = [&](std::string_view key, std::string value) {
    std::erase_if(value, [](char c) { return c == '\n' || c == '\r'; });
    if (!value.empty()) {
      text += fmt::format("{}={}\n", key, value);
    }
  };
  const auto product = version_text(L"ProductName");
  add("host", host_name());
  add("os", product.empty() ? "Windows" : product + " " + version_text(L"DisplayVersion"));
  add("kernel", windows_version());
  add("utc_offset_s", std::to_string(utc_offset_s()));
  return text;
}

}  // namespace netlog::platform
