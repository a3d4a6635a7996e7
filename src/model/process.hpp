// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netlog {

/// A process incarnation: pids are reused, a pid with its start time is not. `start` counts the
/// platform's own units since boot (Linux: clock ticks, proc(5) field 22; Windows: 100 ns of the
/// creation FILETIME).
struct ProcessId {
  std::uint32_t pid = 0;
  std::uint64_t start = 0;

  auto operator<=>(const ProcessId&) const = default;
};

/// What is known about a process. A member that could not be read is absent, never an empty text.
struct Process {
  ProcessId id;
  std::int64_t started_ns = 0;  ///< as of Moment: boot-clock ns, in the store UTC ns
  std::string name;
  std::optional<std::string> exe;
  std::optional<std::string> cmdline;  ///< arguments joined by single blanks, bounded
  std::optional<std::string> user;
  std::optional<std::string> cgroup;
  std::optional<std::string> service;
  std::optional<std::uint32_t> parent_pid;
  std::optional<std::string> container;  ///< the id that its runtime gave it, from the cgroup

  bool operator==(const Process&) const = default;
};

/// How we know the owner. The codes are stored; never renumber.
enum class OwnerSource : std::uint8_t {
  unknown = 0,
  exact = 1,      ///< the process was seen holding the socket
  inherited = 2,  ///< accepted on a listener of that process
  last_seen = 3,  ///< the socket has outlived its descriptor; this process held it
};

/// Why an owner is unknown. The codes are stored; never renumber.
enum class UnknownOwner : std::uint8_t {
  not_yet = 0,        ///< not searched yet, or the search has not ended
  not_permitted = 1,  ///< we may not read the descriptors of its holder
  gone = 2,           ///< no process held it when it was searched
  kernel = 3,         ///< no process holds it: not accepted yet, TIME_WAIT, or the kernel's
  no_source = 4,      ///< the source in use names no owners
};

std::string_view name(OwnerSource source);
std::string_view name(UnknownOwner why);

struct Owner {
  std::optional<ProcessId> process;
  OwnerSource source = OwnerSource::unknown;
  UnknownOwner why = UnknownOwner::not_yet;  ///< meaningful while `source` is unknown

  bool operator==(const Owner&) const = default;
};

}  // namespace netlog
