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
  /// A process that executes another program, or runs as another user from then on, has another
  /// image. 0: what it was when it was met first.
  std::uint32_t image = 0;

  auto operator<=>(const ProcessId&) const = default;

  /// The process, whatever it executes.
  [[nodiscard]] ProcessId first_image() const { return {pid, start, 0}; }
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
  std::optional<std::string> service;  ///< Windows: those that run in it, joined by `, `
  std::optional<std::uint32_t> parent_pid;
  std::optional<std::string> container;  ///< the id that its runtime gave it, from the cgroup
  /// When it executed this program, as of Moment; absent: not seen, it was met with it.
  std::optional<std::int64_t> image_since_ns;
  std::optional<std::string> unit;  ///< of systemd, from the cgroup: a service, or a scope
  std::optional<std::string> pod;   ///< the uid of its Kubernetes pod, from the cgroup
  std::optional<std::string> container_name;   ///< from the files of its runtime
  std::optional<std::string> pod_name;         ///< `namespace/name`, from the files of the kubelet
  std::optional<std::string> exe_sha256;       ///< of the file `exe`, in lower-case hexadecimal
  std::optional<std::string> service_caption;  ///< the names of its services for people

  bool operator==(const Process&) const = default;
};

/// The process in whose system call something happened.
struct Caller {
  ProcessId id;
  std::int64_t started_ns = 0;  ///< boot-clock ns
  std::string name;             ///< untrusted, at most 15 bytes

  bool operator==(const Caller&) const = default;
};

/// What the kernel reported of a process.
struct ProcessEvent {
  enum class Kind : std::uint8_t {
    executed,      ///< it has executed a program
    thread_ended,  ///< one of its threads has ended, the last one with it
  };
  Kind kind = Kind::executed;
  std::uint32_t pid = 0;
  bool of_main_thread = false;
  std::int64_t at_ns = 0;          ///< boot-clock ns
  std::optional<int> wait_status;  ///< of a thread's end, as of wait(2)

  bool operator==(const ProcessEvent&) const = default;
};

/// How we know the owner. The codes are stored; never renumber.
enum class OwnerSource : std::uint8_t {
  unknown = 0,
  exact = 1,      ///< the process was seen using the socket: it connected, sent or received
  inherited = 2,  ///< accepted on a listener of that process
  last_seen = 3,  ///< the socket has outlived its descriptor; this process held it
  held = 4,       ///< the process was seen holding the socket, which others may use
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
