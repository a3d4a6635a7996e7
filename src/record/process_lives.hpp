// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/process.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace netlog::record {

/// What the kernel has reported of the processes that run: the programs that they executed since
/// they were read, and the ends of their threads. It does not say which thread is the last one, so
/// an end counts when a source finds the process gone.
class ProcessLives {
 public:
  /// How a process ended.
  struct End {
    Moment at;
    std::optional<int> wait_status;
  };

  void note(const ProcessId& process, const ProcessEvent& event);
  /// The process was read from this time on.
  /// @return when it executed the program that was found, if it did since it was read last
  std::optional<std::int64_t> read(const ProcessId& process, std::int64_t began_ns);
  /// Whether the process had executed a program by this time that was not read since.
  [[nodiscard]] bool has_unread_program(const ProcessId& process, std::int64_t at_ns) const;
  /// The process was found gone within this moment. Nothing more is known of it afterwards.
  End end(const ProcessId& process, const Moment& found);
  /// Some reports were lost: the last known end of a thread may not be the last one.
  void lose_ends();

 private:
  struct Life {
    std::int64_t read_ns = 0;
    std::optional<std::int64_t> executed_ns;  ///< since it was read
    /// Of the thread that ended last.
    std::optional<std::int64_t> ended_ns;
    std::optional<int> last_status;
    std::optional<int> main_status;  ///< of the main thread, once it has ended
  };
  [[nodiscard]] static std::optional<int> status_of(const Life& life);

  std::map<ProcessId, Life> lives_;  ///< by first image
};

}  // namespace netlog::record
