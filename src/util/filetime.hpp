// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace netlog {

/// 1970, as FILETIME.
constexpr std::uint64_t kUnixEpochFiletime = 116'444'736'000'000'000;
constexpr std::int64_t kNsPerFiletimeUnit = 100;

/// UTC ns of a FILETIME (100 ns since 1601), limited to 1970 .. 2255. Processes of the system have
/// a creation time of 0. Source: learn.microsoft.com, FILETIME.
constexpr std::int64_t utc_ns_of(std::uint64_t filetime) {
  constexpr std::uint64_t kMax = kUnixEpochFiletime + 90'000'000'000'000'000;
  const auto limited = std::clamp(filetime, kUnixEpochFiletime + 1, kMax);
  return static_cast<std::int64_t>(limited - kUnixEpochFiletime) * kNsPerFiletimeUnit;
}

/// FILETIME of UTC ns since 1970, not before.
constexpr std::uint64_t filetime_of(std::int64_t utc_ns) {
  return kUnixEpochFiletime + static_cast<std::uint64_t>(utc_ns / kNsPerFiletimeUnit);
}

}  // namespace netlog
