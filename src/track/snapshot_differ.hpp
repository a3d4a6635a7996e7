// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "track/expected_notices.hpp"
#include "track/lifecycle.hpp"
#include "track/listeners.hpp"
#include "track/owner_tracker.hpp"
#include "track/poll_history.hpp"
#include "track/socket_aliases.hpp"
#include "track/trace_history.hpp"

#include <cstddef>
#include <vector>

#include <boost/container/static_vector.hpp>

namespace netlog::track {

/// Applies a snapshot: what its tables show, and what they lack. A socket that is missing from a
/// snapshot without TIME_WAIT rows may be in TIME_WAIT; the next snapshot with them decides.
///
/// It keeps nothing between snapshots. Of the other sources of changes it asks three things: has
/// the trace closed the socket of this row already (TraceHistory::has_closed), does the trace cover
/// this connection at the time of this snapshot (TraceHistory::covers), and until when may a
/// destroy notice still come (ExpectedNotices::until).
class SnapshotDiffer {
 public:
  SnapshotDiffer(ConnectionTable& table,
                 PollHistory& polls,
                 TraceHistory& trace,
                 const ExpectedNotices& expected_notices,
                 SocketAliases& aliases,
                 Listeners& listeners,
                 OwnerTracker& owners,
                 Lifecycle& lifecycle)
      : table_{table},
        polls_{polls},
        trace_{trace},
        expected_notices_{expected_notices},
        aliases_{aliases},
        listeners_{listeners},
        owners_{owners},
        lifecycle_{lifecycle} {}

  void apply(const Snapshot& snapshot);

 private:
  /// A table of the snapshot, and how many of its members have not been seen in it yet.
  struct Unseen {
    ScopeIndex scope = 0;
    std::size_t count = 0;
    bool awaits_time_wait = false;  ///< one of them may be in TIME_WAIT
  };
  using UnseenCounts = boost::container::static_vector<Unseen, kTableKinds.size()>;
  struct NewRow {
    const SocketRow* row = nullptr;
    Identity identity;
  };

  [[nodiscard]] bool is_expected(Phase phase, const Snapshot& snapshot) const;
  [[nodiscard]] UnseenCounts count_expected(const Snapshot& snapshot);
  std::vector<NewRow> see_rows(const Snapshot& snapshot, UnseenCounts& unseen);
  static void drop_answered_handshakes(std::vector<NewRow>& rows, const Snapshot& snapshot);
  bool see(Index index, const SocketRow& row, const Snapshot& snapshot);
  bool see_alias(const NewRow& entry, const Snapshot& snapshot);
  void see_state(Index index, TcpState state, const Moment& at);
  void open(const NewRow& entry, const Snapshot& snapshot);
  void reconsider_directions(const Snapshot& snapshot);
  void confirm_close_from_local_peer(const Snapshot& snapshot);
  void close_missing(Index index, const Snapshot& snapshot);
  void remember_end(Index index, const Snapshot& snapshot);
  [[nodiscard]] bool note_lack(Index index, const Snapshot& snapshot);
  [[nodiscard]] bool notice_may_come(const Entry& entry,
                                     const Moment& left,
                                     const Snapshot& snapshot) const;

  ConnectionTable& table_;
  PollHistory& polls_;
  TraceHistory& trace_;
  const ExpectedNotices& expected_notices_;
  SocketAliases& aliases_;
  Listeners& listeners_;
  OwnerTracker& owners_;
  Lifecycle& lifecycle_;
};

}  // namespace netlog::track
