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

/// Which source of this host to use. All but `automatic` fail where the source is not available.
enum class SourceChoice : std::uint8_t {
  automatic,  ///< the best one that works
  trace,      ///< sock_diag and a BPF trace of every TCP state change
  notice,     ///< sock_diag and the kernel's notices of closed sockets
  poll,       ///< sock_diag alone; on Windows the IP Helper tables
  procfs,     ///< the text tables of /proc/net
};

struct SourceOptions {
  SourceChoice choice = SourceChoice::automatic;
  /// The receive buffer for notices. At 10,000 connections a second 200 notices of 1 KiB arrive in
  /// 10 ms. The rest covers times in which the recorder does not get a processor.
  int notice_buffer_bytes = 8 << 20;
  /// The buffer for traced events. At 10,000 connections a second 900 events of 160 bytes arrive in
  /// 10 ms.
  int trace_buffer_bytes = 8 << 20;
  /// Count what UDP sockets exchange with their peers, where changes are traced.
  bool count_udp_flows = true;
  /// Read the names that programs ask DNS servers for, and /etc/hosts, where changes are traced.
  bool read_names = true;
  /// Emit the SHA-256 of the executable of each process that is emitted.
  bool hash_executables = false;
};

/// Whether SourceOptions::hash_executables has an effect here. Defined in linux/ and in windows/.
bool can_hash_executables();

/// What to read in one tick.
struct SamplePlan {
  bool tcp = true;        ///< read the TCP tables
  bool time_wait = true;  ///< with the TIME_WAIT rows
  bool info = true;       ///< with tcp_info and ULP
  bool counters = true;   ///< read the kernel's counters
  bool changes = true;    ///< look for processes that ended, namespaces that began or ended
  /// Connections are open that are not traced: notices of TCP sockets are wanted, too.
  bool has_untraced = true;
};

/// A request for the owner of a socket.
struct OwnerQuery {
  std::uint64_t key = 0;  ///< SocketRow::holder_key
  /// The owner of a listener as known; it stays the owner while it holds the socket. 0: none.
  std::uint32_t owner_pid = 0;
  /// Processes that are likely to hold it, the likeliest first: the owner of the listener, owners
  /// of earlier connections to that port.
  std::vector<std::uint32_t> likely_pids;
};

/// Reads the tables, owners and counters of this host and emits them as raw records. It does not
/// interpret the bytes. Implementations are in linux/ and windows/ (through ip_helper/).
class LiveSource {
 public:
  LiveSource() = default;
  LiveSource(const LiveSource&) = delete;
  LiveSource& operator=(const LiveSource&) = delete;
  virtual ~LiveSource() = default;

  /// The sources in use: `trace+sock_diag+notices`, `sock_diag+notices`, `sock_diag`, `procfs` or
  /// `iphlpapi`. Changes when the trace ends.
  [[nodiscard]] virtual std::string name() const = 0;

  /// Why the best source is not in use; empty if it is.
  [[nodiscard]] virtual std::string fallback_reason() const = 0;

  /// True while every state change of a TCP socket is traced. The TCP tables then only audit the
  /// trace.
  [[nodiscard]] virtual bool tracing() const = 0;

  /// False if there is never anything to drain.
  [[nodiscard]] virtual bool drains() const { return true; }

  /// Reads what `plan` names and emits it. A table that cannot be read whole becomes a table_failed
  /// record.
  virtual void sample(const SamplePlan& plan, capture::RecordSink& sink) = 0;

  /// Emits the state changes and the notices of closed sockets that have arrived since the last
  /// call. It is called between samples, too: the time of a notice is known up to the time between
  /// two calls. @return false if the kernel dropped some, so that only a sample shows what changed
  virtual bool drain(capture::RecordSink& sink) = 0;

  /// Emits what drain() would emit later. Called once, when the recording ends.
  virtual void flush(capture::RecordSink& /*sink*/) {}

  /// Looks for the owners of sockets for at most `budget`; the first call looks into every process,
  /// however long that takes. Emits the answers as a holders record, after a process record for
  /// each process in it that is new. A query without an answer may be repeated.
  virtual void find_owners(std::span<const OwnerQuery> questions,
                           std::chrono::nanoseconds budget,
                           capture::RecordSink& sink) = 0;

  /// These sockets are closed. The next sockets are likely to get their descriptors.
  virtual void forget(std::span<const std::uint64_t> keys) = 0;
};

/// Opens the source of this host. Defined in linux/ and in windows/. Errors: why there is none.
Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options);

/// The payload of a RecordKind::session record without interval_ns and sources: name, system,
/// kernel and UTC offset of this host. Defined in linux/ and in windows/.
std::string describe_host();

}  // namespace netlog::source
