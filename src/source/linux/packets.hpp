// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "util/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace netlog::source {

/// What sockets of all network namespaces exchange with their peers, read by BPF programs at the
/// root of cgroup2: datagrams of UDP are counted, messages of DNS are copied. In a build without
/// BPF open() fails.
class Packets {
 public:
  /// Size of one flow, and of the header of one DNS message (docs/capture-format.md).
  static constexpr std::size_t kFlowSize = 112;
  static constexpr std::size_t kDnsHeaderSize = 80;

  /// What is read of packets.
  struct Wanted {
    bool flows = true;
    bool dns = true;
  };

  /// Loads and attaches the programs. Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; afterwards none
  /// of them. Errors: why packets cannot be read here.
  static Result<Packets> open(const Wanted& wanted);

  Packets(const Packets&) = delete;
  Packets& operator=(const Packets&) = delete;
  Packets(Packets&& other) noexcept;
  Packets& operator=(Packets&& other) noexcept;
  ~Packets();

  /// What is new of UDP flows: of connected sockets that were closed since the last call, and once
  /// a second of all others, at most two seconds late. Times are on our boot clock, also in a time
  /// namespace. Nothing if there is nothing. Errors: why the counts cannot be read.
  Result<std::optional<capture::UdpFlows>> drain_flows();
  /// All that was counted until now.
  Result<capture::UdpFlows> drain_all_flows();
  /// The DNS messages that were copied since the last call. Times are as of drain_flows().
  capture::DnsMessages drain_dns();

  /// What the programs cost this host while packets come as they do now.
  struct Cost {
    double packets_per_s = 0;  ///< of all protocols, in and out
    double ns_per_packet = 0;  ///< 0 without packets
  };
  /// Blocks for this long. The kernel measures each run of a BPF program meanwhile. Needs
  /// CAP_SYS_ADMIN.
  [[nodiscard]] Result<Cost> measure(std::chrono::milliseconds period) const;

  /// False if somebody has detached the programs.
  [[nodiscard]] bool attached() const;

 private:
  struct State;
  explicit Packets(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source
