// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace netlog::source {

/// The process that an event names.
struct TracedProcess {
  std::uint32_t pid = 0;  ///< 0: the event names none
  std::uint64_t start_boot_ns = 0;

  auto operator<=>(const TracedProcess&) const = default;
};

/// What the BPF programs reported of a process: what it is, or that it has ended. Times are on our
/// boot clock. Texts are untrusted.
struct ProcessReport {
  enum class Kind : std::uint8_t {
    first_use,     ///< it uses a socket for the first time
    executed,      ///< it has executed a program
    user_changed,  ///< it runs as another user
    ended,
  };
  Kind kind = Kind::first_use;
  TracedProcess process;
  std::int64_t at_ns = 0;
  std::uint32_t parent_pid = 0;
  std::uint32_t uid = 0;
  int wait_status = 0;  ///< of an end, as wait(2) has it
  std::string name;
  std::string exe;
  std::string arguments;  ///< each with a NUL
  std::string cgroups;    ///< lines as in /proc/PID/cgroup

  bool operator==(const ProcessReport&) const = default;
};

/// Reads what src/source/linux/bpf/processes.bpf.h reports; nothing if the bytes are not of this
/// form.
std::optional<ProcessReport> read_process_report(std::span<const std::byte> bytes,
                                                 std::int64_t clock_shift_ns);

/// A clock by its name in /proc/self/timens_offsets.
inline constexpr std::string_view kBootClock = "boottime";
inline constexpr std::string_view kMonotonicClock = "monotonic";

/// What to add to a time of this clock of the kernel for that of this process. They differ in a
/// time namespace. Errors: it is not known.
Result<std::int64_t> kernel_clock_shift_ns(std::string_view clock);

/// The same from the text of /proc/self/timens_offsets; 0 if it does not name the clock.
std::int64_t clock_shift_ns(std::string_view offsets, std::string_view clock);

}  // namespace netlog::source
