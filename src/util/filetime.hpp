// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

namespace netlog {

/// UTC ns of a FILETIME (100 ns since 1601), limited to 1970 .. 2255. Processes of the system have
/// a creation time of 0. Source: learn.microsoft.com, FILETIME.
constexpr std::int64_t utc_ns_of(std::uint64_t filetime) {
  constexpr std::uint64_t kUnixEpoch = 116'444'736'000'000'000;
  constexpr std::uint64_t kMax = kUnixEpoch + 90'000'000'000'000'000;
  constexpr std::int64_t kNsPerUnit = 100;
  return static_cast<std::int64_t>(std::clamp(filetime, kUnixEpoch + 1, kMax) - kUnixEpoch) *
         kNsPerUnit;
}

}  // namespace netlog
