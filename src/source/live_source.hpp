// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/process.hpp"
#include "util/error.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace netlog::source {

/// Which of the host's sources to use.
enum class SourceChoice : std::uint8_t {
  automatic,  ///< the best there is
  trace,      ///< every change as it happens, or nothing
  notice,     ///< sock_diag and the kernel's notices of ends, or nothing
  poll,       ///< sock_diag alone, or nothing
  procfs,     ///< the text tables of /proc/net
};

struct SourceOptions {
  SourceChoice choice = SourceChoice::automatic;
  /// Of the notices' receive buffer. At 10,000 connections a second 10 ms bring 200 notices of 1
  /// KiB; the rest is for a recorder that has to wait its turn.
  int notice_buffer_bytes = 8 << 20;
  /// Of the trace. At 10,000 connections a second 10 ms bring 900 events of 160 bytes.
  int trace_buffer_bytes = 8 << 20;
};

/// What to read in one tick.
struct SamplePlan {
  bool tcp = true;        ///< read the TCP tables
  bool time_wait = true;  ///< ask for TIME_WAIT rows too
  bool info = true;       ///< ask for tcp_info and ULP
  bool counters = true;   ///< read the kernel's counters
  bool changes = true;    ///< look which processes have ended, which namespaces come and go
};

/// A socket whose owner is wanted, and who may hold it.
struct OwnerQuery {
  std::uint64_t key = 0;
  std::vector<std::uint32_t>
      likely_pids;  ///< best first: the listener's owner, whoever spoke to that port before
};

/// This host's tables, owners and counters, as raw bytes. Nothing here interprets them, and no OS
/// header appears.
class LiveSource {
 public:
  LiveSource() = default;
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  virtual ~LiveSource() = default;

  /// What is in use, after falling back: `trace+sock_diag+notices`, `sock_diag+notices`,
  /// `sock_diag`, `procfs`. Changes when the trace ends.
  [[nodiscard]] virtual std::string name() const = 0;

  /// Why the best source is not in use; empty when it is.
  [[nodiscard]] virtual std::string fallback_reason() const = 0;

  /// True while every change of a TCP socket is told as it happens, so that the TCP tables are only
  /// an audit.
  [[nodiscard]] virtual bool tracing() const = 0;

  /// Reads what the plan names and hands it to `sink`. A table that cannot be read whole is a
  /// table_failed record.
  virtual void sample(const SamplePlan& plan, capture::RecordSink& sink) = 0;

  /// Hands over what the kernel has told since the last call: changes, ends. Called between
  /// samples, too: the time between two calls is how exact an announced end is. False when the
  /// kernel had to drop some: only a sample tells what they were about.
  virtual bool drain(capture::RecordSink& sink) = 0;

  /// Looks for the holders of sockets for at most `budget` (the first time at every process,
  /// however long it takes); what was found goes to `sink`, a process before the holders that name
  /// it. What got no answer may be asked again.
  virtual void find_owners(std::span<const OwnerQuery> questions,
                           std::chrono::nanoseconds budget,
                           capture::RecordSink& sink) = 0;

  /// Sockets that are gone: their descriptors are the ones that the next sockets get.
  virtual void forget(std::span<const std::uint64_t> keys) = 0;
};

/// The source for this host, or why there is none. Defined once in linux/ or windows/; CMake picks
/// the file.
Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options);

/// What is fixed about this host, as the payload of a RecordKind::session record (without
/// interval_ns and sources).
std::string describe_host();

}  // namespace netlog::source
