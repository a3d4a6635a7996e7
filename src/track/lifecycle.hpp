// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/change_log.hpp"
#include "track/connection_table.hpp"
#include "track/expected_notices.hpp"
#include "track/listeners.hpp"
#include "track/open_counts.hpp"
#include "track/owner_tracker.hpp"
#include "track/socket_aliases.hpp"
#include "util/bounded_map.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace netlog::track {

/// How a connection was first met.
struct Opening {
  SeenBy seen_by = SeenBy::none;  ///< one source
  Span seen;
  std::optional<Moment> opened;            ///< absent: it was there before the recorder
  Moment reported;                         ///< the time of its first event
  std::optional<std::int64_t> max_age_ns;  ///< as of Connection
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;
  Direction direction = Direction::unknown;
  bool is_direction_known = false;
  std::optional<TcpState> state;  ///< in its first event; absent: not known, and for UDP
  HolderKeys keys = HolderKeys::inodes;
  /// A listener that was open at this time or later may have accepted it.
  std::int64_t alive_after_ns = 0;
  std::optional<Owner> owner;  ///< where its use or the creation of its socket was traced
  bool is_flow = false;        ///< of a UDP socket that is not connected: no table shows it
};

/// Opens connections, moves them from state to state and closes them. The only writer of a
/// Connection, except for its owner. On a close it informs OwnerTracker, Listeners, SocketAliases
/// and ChangeLog. Times are boot-clock ns.
class Lifecycle {
 public:
  /// @param first the number of the first connection
  Lifecycle(ConnectionTable& table,
            ChangeLog& changes,
            OwnerTracker& owners,
            Listeners& listeners,
            SocketAliases& aliases,
            const ExpectedNotices& expected_notices,
            ConnectionId first)
      : table_{table},
        changes_{changes},
        owners_{owners},
        listeners_{listeners},
        aliases_{aliases},
        expected_notices_{expected_notices},
        next_id_{first} {}

  /// Opens a connection whose identity is not in the table. Emits its first event.
  Index open(const Identity& identity, const SocketRow& row, const Opening& opening);
  /// Takes over a connection of an earlier session, which has emitted its first event.
  void resume(const Identity& identity, const Connection& connection, const Span& seen);
  /// The same for a flow of a UDP socket that is not connected.
  void resume_flow(const Identity& identity, const Connection& connection, const Span& seen);

  /// Who opened a connection that was not known.
  /// @param is_first true if it may have been there before the recorder
  /// @param alive_after_ns as in Opening
  /// @param listeners_are_known every listener that has closed was reported
  [[nodiscard]] Direction direction_of(const SocketRow& row,
                                       std::uint64_t netns,
                                       bool is_first,
                                       std::int64_t alive_after_ns,
                                       bool listeners_are_known) const;
  /// The row proves who opened the connection, or it does not.
  void see_direction(Index index, const SocketRow& row);

  /// The connection goes on under another identity.
  void rename(Index index, const Identity& identity);
  /// Finds the entry in SYN_RECEIVED whose socket this row shows, and gives it the row's identity.
  /// Absent when there is none.
  std::optional<Index> continue_handshake(const SocketRow& row, const Identity& identity);

  void enter(Index index, TcpState state, const Moment& at);
  /// Emits that the connection came to its state from an unknown one.
  void report_state(Index index, const Moment& at);
  /// The same for its offload.
  void report_offload(Index index, const Moment& at);
  /// @param closed when the full socket ended
  void enter_time_wait(Index index, const Moment& at, const Moment& closed);
  /// The full socket has ended within this; it may be in TIME_WAIT.
  void begin_end(Index index, const Moment& left);
  /// The full socket has ended within this; its state proves that no TIME_WAIT follows.
  void set_left(Index index, const Moment& left) { table_[index].left = left; }
  /// The connection is still there, although it had been found to have ended.
  void undo_end(Index index);
  void close(Index index, const Moment& at);
  /// A socket that exists since this time has the tuple of the connection: the kernel has freed
  /// another one that was in TIME_WAIT with it. @return the identity of that one, if it is known
  std::optional<Identity> end_earlier_use(Index index, std::int64_t since_ns);

  /// A snapshot shows the connection.
  void see_snapshot(Index index, const SocketRow& row, const Snapshot& snapshot, const Moment& at);
  /// A transition of the connection was traced.
  void see_transition(Index index, const Transition& transition, std::int64_t at_ns);
  /// The trace has reported the connection at this time.
  void set_traced(Index index, std::int64_t at_ns);
  /// It is known, or likely, who opened the connection.
  void set_direction(Index index, Direction direction);

  /// Datagrams were exchanged.
  void see_datagrams(Index index, const UdpFlow& flow);

  /// The connection was alive at this time.
  void note_seen(Index index, std::int64_t at_ns);
  /// The connection is in TIME_WAIT, and its full socket also ended within this.
  void narrow_closed(Index index, const Moment& closed);

  /// What the kernel reported of the full socket at its end.
  void apply_destroy_info(Index index, const SocketRow& row);
  /// The same for a connection that has closed. @return false when it is not known any more
  bool apply_late_notice(const Notice& notice);
  /// A process used a connection that has closed. @return false when it is not known any more
  bool apply_late_user(const Identity& identity, const ProcessId& process);
  /// A process let go last of a connection that has closed, if it is still known.
  void apply_late_closer(const Identity& identity, const LastCloser& closer);
  /// More may be reported of this closed connection.
  void remember_closed(Index index);

  /// Gives back memory that is not needed any more.
  void shrink() { recently_closed_.shrink(); }

  [[nodiscard]] const OpenCounts& open_counts() const { return counts_; }

  /// As ConnectionTable::broken_invariant().
  [[nodiscard]] std::string broken_invariant() const;

 private:
  struct ClosedConnection {
    Connection connection;
    Evidence evidence;
  };
  static constexpr std::size_t kMaxClosed = 20'000;

  Index add(const Identity& identity, const SocketRow& row, TableKind table);
  void resume(const Identity& identity,
              const Connection& connection,
              const Span& seen,
              TableKind table);
  /// The connection was seen at this time, with these metrics or without any.
  static void see_at(Entry& entry, const std::optional<Metrics>& read, std::int64_t at_ns);
  static void take_destroy_info(Connection& connection, Evidence& evidence, const SocketRow& row);
  static void set_outcome(Connection& connection, const Evidence& evidence);

  ConnectionTable& table_;
  ChangeLog& changes_;
  OwnerTracker& owners_;
  Listeners& listeners_;
  SocketAliases& aliases_;
  const ExpectedNotices& expected_notices_;
  ConnectionId next_id_;
  OpenCounts counts_;
  /// Closed before their destroy notice or their last holder was reported: an application can keep
  /// a socket that was reset for as long as it likes.
  BoundedMap<Identity, ClosedConnection, IdentityHash> recently_closed_{kMaxClosed};
};

}  // namespace netlog::track
