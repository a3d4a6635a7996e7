// SPDX-License-Identifier: MIT
#include "source/windows/host.hpp"

#include "os/clock.hpp"
#include "os/windows/library.hpp"
#include "os/windows/text.hpp"
#include "source/live_source.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <windows.h>

#include <sodium.h>

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

/// A text of the registry, below HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft.
std::string registry_text(const wchar_t* key, const wchar_t* value) {
  std::array<wchar_t, 256> text{};
  DWORD size = sizeof(text);
  const auto whole_key = std::wstring{L"SOFTWARE\\Microsoft\\"} + key;
  return ::RegGetValueW(HKEY_LOCAL_MACHINE,
                        whole_key.c_str(),
                        value,
                        RRF_RT_REG_SZ,
                        nullptr,
                        text.data(),
                        &size) == ERROR_SUCCESS
             ? os::narrow(text.data())
             : std::string{};
}

std::string version_text(const wchar_t* value) {
  return registry_text(L"Windows NT\\CurrentVersion", value);
}

/// Counted by the loader at each boot, since Windows 10. Source: ntddk.h, KUSER_SHARED_DATA, which
/// every process has at this address. 0 before, and under wine.
std::uint32_t boot_number() {
  constexpr std::uintptr_t kSharedData = 0x7FFE'0000;
  constexpr std::uintptr_t kBootId = 0x2C4;
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return *reinterpret_cast<const volatile std::uint32_t*>(kSharedData + kBootId);
}

/// When the system was booted, FILETIME; it follows when the clock is set. 0: not known. Source:
/// winternl.h, SYSTEM_TIMEOFDAY_INFORMATION.
std::int64_t boot_time() {
  constexpr int kTimeOfDay = 3;  // SystemTimeOfDayInformation
  using Query = long(WINAPI*)(int, void*, unsigned long, unsigned long*);
  static const auto query = os::look_up<Query>(L"ntdll.dll", "NtQuerySystemInformation");
  std::array<std::int64_t, 6> times{};
  return query != nullptr && query(kTimeOfDay, times.data(), sizeof(times), nullptr) == 0
             ? times.front()
             : 0;
}

/// The same for all that runs on this machine until it is booted again; empty: not known. The
/// number of a boot alone is the same on many machines.
std::string boot_id() {
  const auto boot = boot_number() != 0 ? std::int64_t{boot_number()} : boot_time();
  if (boot == 0) {
    return {};
  }
  const auto text = fmt::format("{} {}", registry_text(L"Cryptography", L"MachineGuid"), boot);
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(),
                     hash.size(),
                     reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(),
                     nullptr,
                     0);
  return fmt::format("{:02x}", fmt::join(hash, ""));
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
  add("boot_id", boot_id());
  add("utc_offset_s",
      std::to_string(os::local_utc_offset_s(os::read_wall_clock_ns() / kNsPerSecond)));
  return text;
}

}  // namespace netlog::source
