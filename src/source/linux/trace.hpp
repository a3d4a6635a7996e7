// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/traced_process.hpp"
#include "util/byte_reader.hpp"
#include "util/error.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace netlog::source {

/// The TCP state changes of all network namespaces, reported by BPF programs. In a build without
/// BPF open() fails.
class Trace {
 public:
  /// Size of one event (docs/capture-format.md).
  static constexpr std::size_t kEventSize = 152;

  /// The process in an event (kEventSize bytes). It is needed before events are decoded.
  static TracedProcess process_of(std::span<const std::byte> event) {
    constexpr std::size_t kStartAt = 48;
    ByteReader in{event.subspan(kStartAt)};
    const auto start_boot_ns = in.u64();
    return {in.u32(), start_boot_ns};
  }

  /// Loads and attaches the better of two variants that works on this kernel. Needs CAP_BPF,
  /// CAP_PERFMON and, for sock_ops, CAP_NET_ADMIN; afterwards none of them. `buffer_bytes` is
  /// rounded up to a power of two and at least one page. A process `ignored_pid` is never reported
  /// as a caller: a process that lists the sockets of others holds each for a moment, and would be
  /// named as the one that closed it. Errors: why neither variant works.
  static Result<Trace> open(std::size_t buffer_bytes, int ignored_pid = 0);

  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  Trace(Trace&& other) noexcept;
  Trace& operator=(Trace&& other) noexcept;
  ~Trace();

  /// The hook in use: `sock_ops`, which loses nothing, or `tp_btf`.
  [[nodiscard]] std::string_view hook() const;

  /// Appends all new events in the order in which they were reported. Times are on our boot clock,
  /// also in a time namespace.
  /// @return how many were lost since the last call: the buffer was full, or (tp_btf) the kernel
  /// skipped a nested call
  std::uint64_t drain(std::vector<std::byte>& out);

  /// What drain() has read of processes since the last call. A process is reported before the
  /// events that name it.
  std::vector<ProcessReport> take_processes();

  /// Reports from now on when this process executes a program and when it ends, as of those that
  /// use a socket.
  void follow(std::uint32_t pid);

  /// False if somebody has detached the programs.
  [[nodiscard]] bool attached() const;

 private:
  struct State;
  explicit Trace(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source
