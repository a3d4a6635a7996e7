// SPDX-License-Identifier: MIT
#pragma once

#include "base/byte_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace netlog {

/// What is read of one process, each as the platform gave it. Written by the platform, read by
/// decode. The codes are part of the capture format; never renumber.
enum class ProcessSection : std::uint8_t {
  stat = 1,        ///< /proc/PID/stat
  exe = 2,         ///< link text of /proc/PID/exe
  cmdline = 3,     ///< /proc/PID/cmdline, at most 4 KiB
  cgroup = 4,      ///< /proc/PID/cgroup
  user = 5,        ///< account name, or the number where it has none
  started_ns = 6,  ///< decimal text, UTC ns
};

/// Appends `tag`, a 32-bit length and the bytes.
inline void append_section(std::vector<std::byte>& out,
                           ProcessSection tag,
                           std::span<const std::byte> bytes) {
  out.push_back(static_cast<std::byte>(tag));
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const auto length_bytes = std::as_bytes(std::span{&length, 1});
  out.insert(out.end(), length_bytes.begin(), length_bytes.end());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace netlog
