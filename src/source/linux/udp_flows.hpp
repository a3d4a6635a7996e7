// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace netlog::source {

/// What UDP sockets of all network namespaces exchange with their peers, counted by BPF programs at
/// the root of cgroup2. In a build without BPF open() fails.
class UdpFlows {
 public:
  /// Size of one flow (docs/capture-format.md).
  static constexpr std::size_t kFlowSize = 112;

  /// Loads and attaches the programs. Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; afterwards none
  /// of them. Errors: why flows cannot be counted here.
  static Result<UdpFlows> open();

  UdpFlows(const UdpFlows&) = delete;
  UdpFlows& operator=(const UdpFlows&) = delete;
  UdpFlows(UdpFlows&& other) noexcept;
  UdpFlows& operator=(UdpFlows&& other) noexcept;
  ~UdpFlows();

  /// What is new: of connected sockets that were closed since the last call, and once a second of
  /// all others, at most two seconds late. Times are on our boot clock, also in a time namespace.
  /// Nothing if there is nothing. Errors: why the counts cannot be read.
  Result<std::optional<capture::UdpFlows>> drain();
  /// All that was counted until now.
  Result<capture::UdpFlows> drain_all();

  /// False if somebody has detached the programs.
  [[nodiscard]] bool attached() const;

 private:
  struct State;
  explicit UdpFlows(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source
