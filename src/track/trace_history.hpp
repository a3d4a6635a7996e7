// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "util/bounded_map.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace netlog::track {

/// Changes that snapshots showed and the trace had not reported.
struct AuditMisses {
  std::int64_t opens = 0;
  std::int64_t states = 0;
  std::int64_t ends = 0;
  /// The earliest of them happened after this time; later than all times if there are none.
  std::int64_t since_ns = INT64_MAX;

  bool operator==(const AuditMisses&) const = default;
};

/// What the trace has reported, as far as it says how to read a snapshot. Where changes are traced,
/// a snapshot is an audit: what it shows and the trace has not reported is counted as missed.
/// Times are boot-clock ns.
class TraceHistory {
 public:
  /// From now on the changes of new TCP sockets are traced.
  void begin() { tracing_ = true; }
  void end() { tracing_ = false; }
  [[nodiscard]] bool is_tracing() const { return tracing_; }
  /// Until this time an earlier session has looked: audits of it do not count.
  void set_resumed(std::int64_t at_ns) { resumed_ns_ = at_ns; }

  /// The trace, or the audit of it, has closed this socket at this time.
  void add_close(const Identity& identity, std::int64_t at_ns) { closed_.put(identity, at_ns); }
  /// The same for a socket that the next tables with TIME_WAIT rows may still show.
  void add_ended_minisock(const Identity& identity, std::int64_t at_ns) {
    ended_minisocks_.put(identity, at_ns);
  }
  /// True if the socket was closed at this time or later: what is reported of it now was held up.
  [[nodiscard]] bool has_closed_since(const Identity& identity, std::int64_t at_ns) {
    const auto* const closed_ns = find_close(identity);
    return closed_ns != nullptr && at_ns <= *closed_ns;
  }
  /// The socket is in use again.
  void forget_close(const Identity& identity) {
    closed_.erase(identity);
    ended_minisocks_.erase(identity);
  }
  /// True if the trace has already closed the socket of this row: the row is stale, or is the
  /// socket's minisock.
  [[nodiscard]] bool has_closed(const SocketRow& row,
                                const Identity& identity,
                                const Snapshot& snapshot);
  /// True if the trace may have reported changes of this connection that the snapshot does not show
  /// yet.
  [[nodiscard]] static bool covers(const Entry& entry, const Snapshot& snapshot) {
    return entry.traced_ns != 0 && entry.traced_ns + kReportLeadNs >= snapshot.taken.began_ns;
  }

  void add_created(const UdpSocketCreated& created);
  /// When and by whom the socket was created; absent when that was not traced. A caller is given
  /// out once.
  std::optional<UdpSocketCreated> take_created(const Identity& identity);

  /// A socket that is not known yet has this user.
  void add_user(const Identity& identity, const ProcessId& user) { users_.put(identity, user); }
  /// The owner of a socket that is now known: its user, else the process that created it, which may
  /// have done so for a child. It is given out once.
  std::optional<Owner> take_owner(const Identity& identity,
                                  const std::optional<UdpSocketCreated>& created);

  /// A snapshot shows a socket that was not known.
  /// @param before the last poll of its table
  void audit_open(const SocketRow& row, const std::optional<Span>& before);
  /// It shows a state that was not known, or lacks a socket: that happened after this time.
  void audit_state(std::int64_t after_ns) { count(misses_.states, after_ns); }
  void audit_end(std::int64_t after_ns) { count(misses_.ends, after_ns); }
  /// What was counted since the last call.
  AuditMisses take_audit_misses();

  /// Forgets what no snapshot that begins at this time or later can show.
  void forget_before(std::int64_t snapshot_began_ns);
  /// Gives back memory that is not needed any more.
  void shrink() {
    closed_.shrink();
    ended_minisocks_.shrink();
    created_.shrink();
    users_.shrink();
  }

  /// The trace reports a change just before the kernel makes it. A table may be read in between.
  static constexpr std::int64_t kReportLeadNs = 10'000'000;
  /// No dump takes longer.
  static constexpr std::int64_t kMaxDumpNs = 5'000'000'000;
  /// TCP_TIMEWAIT_LEN (include/net/tcp.h): a minisock lives no longer, unless its peer sends again.
  static constexpr std::int64_t kMinisockNs = 60'000'000'000;

 private:
  static constexpr std::size_t kMaxCreated = 20'000;
  static constexpr std::size_t kMaxClosed = 200'000;
  static constexpr std::size_t kMaxMinisocks = 50'000;

  [[nodiscard]] std::int64_t* find_close(const Identity& identity) {
    auto* const minisock = ended_minisocks_.find(identity);
    return minisock != nullptr ? minisock : closed_.find(identity);
  }
  void count(std::int64_t& misses, std::int64_t after_ns) {
    ++misses;
    misses_.since_ns = std::min(misses_.since_ns, after_ns);
  }

  bool tracing_ = false;
  std::int64_t resumed_ns_ = INT64_MIN;
  BoundedMap<Identity, std::int64_t, IdentityHash> closed_{kMaxClosed};
  BoundedMap<Identity, std::int64_t, IdentityHash> ended_minisocks_{kMaxMinisocks};
  BoundedMap<Identity, UdpSocketCreated, IdentityHash> created_{kMaxCreated};
  BoundedMap<Identity, ProcessId, IdentityHash> users_{kMaxCreated};
  AuditMisses misses_;
};

}  // namespace netlog::track
