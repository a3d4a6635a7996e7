// SPDX-License-Identifier: MIT
#pragma once

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

/// A process as an event names it.
struct TracedProcess {
  std::uint32_t pid = 0;  ///< 0: the event names none
  std::uint64_t start_boot_ns = 0;

  auto operator<=>(const TracedProcess&) const = default;
};

/// The kernel's TCP state changes in all network namespaces, told by programs of ours that run at
/// each of them (BPF). What a build without BPF has of it only says so.
class Trace {
 public:
  /// Size of one event (docs/capture-format.md).
  static constexpr std::size_t kEventSize = 152;

  /// The only members of an event that matter before it is decoded.
  static TracedProcess process_of(std::span<const std::byte> event) {
    constexpr std::size_t kStartAt = 48;
    ByteReader in{event.subspan(kStartAt)};
    const auto start_boot_ns = in.u64();
    return {in.u32(), start_boot_ns};
  }

  /// Loads and attaches the best variant that this kernel takes. Needs CAP_BPF, CAP_PERFMON and,
  /// for the better variant, CAP_NET_ADMIN; none of them once it has returned. `buffer_bytes` is
  /// rounded up to a power of two of pages. The process with the pid `bystander` is never named:
  /// whoever looks at the sockets that others hold has each in hand for a moment, and where that is
  /// the moment of the close it closes what was never its own.
  static Result<Trace> open(std::size_t buffer_bytes, int bystander = 0);

  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  Trace(Trace&& other) noexcept;
  Trace& operator=(Trace&& other) noexcept;
  ~Trace();

  /// The hook in use: `sock_ops`, which misses nothing, or `tp_btf`.
  [[nodiscard]] std::string_view hook() const;

  /// Appends all events that have happened, in the order in which they were told. Returns how many
  /// had to be dropped since the last call: because the buffer was full, or (tp_btf) because one
  /// ran into another.
  std::uint64_t drain(std::vector<std::byte>& out);

  /// False when somebody has detached the programs.
  [[nodiscard]] bool attached() const;

 private:
  struct State;
  explicit Trace(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source
