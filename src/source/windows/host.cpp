// SPDX-License-Identifier: MIT
#include "source/windows/host.hpp"

#include "os/clock.hpp"
#include "os/windows/library.hpp"
#include "os/windows/text.hpp"
#include "source/live_source.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <windows.h>

namespace netlog::source {
namespace {

std::string host_name() {
  DWORD size = 0;
  ::GetComputerNameExW(ComputerNameDnsHostname, nullptr, &size);
  std::wstring name(size, L'\0');
  return ::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &size) != 0
             ? os::narrow({name.data(), size})
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
             ? os::narrow(text.data())
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

// GetVersionEx() reports Windows 8 to a program without a manifest.
OSVERSIONINFOW version() {
  using RtlGetVersion = LONG(WINAPI*)(OSVERSIONINFOW*);
  static const auto get = os::look_up<RtlGetVersion>(L"ntdll.dll", "RtlGetVersion");
  OSVERSIONINFOW known{};
  known.dwOSVersionInfoSize = sizeof(known);
  if (get != nullptr) {
    get(&known);
  }
  return known;
}

}  // namespace

std::string windows_version() {
  const auto known = version();
  return fmt::format("{}.{}.{}", known.dwMajorVersion, known.dwMinorVersion, known.dwBuildNumber);
}

std::string describe_host() {
  std::string text;
  const auto add = [&](std::string_view key, std::string value) {
    std::erase_if(value, [](char c) { return c == '\n' || c == '\r'; });
    if (!value.empty()) {
      text += fmt::format("{}={}\n", key, value);
    }
  };
  constexpr DWORD kFirstOfWindows11 = 22'000;
  auto product = version_text(L"ProductName");
  if (product.starts_with("Windows 10") && version().dwBuildNumber >= kFirstOfWindows11) {
    product.replace(
        0, std::string_view{"Windows 10"}.size(), "Windows 11");  // the registry still says 10
  }
  add("host", host_name());
  add("os", product.empty() ? "Windows" : product + " " + version_text(L"DisplayVersion"));
  add("kernel", windows_version());
  add("utc_offset_s", std::to_string(utc_offset_s()));
  return text;
}

}  // namespace netlog::source
