// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "util/bounded_map.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// Finds a connection that the kernel shows under another cookie than before. That happens to the
/// socket that follows a handshake (SYN_RECEIVED), and to minisocks in TIME_WAIT and FIN_WAIT_2:
/// the kernel gives them a new cookie when nobody has asked for the first one.
///
/// It answers which entry it is; the caller gives the entry its new identity.
class SocketAliases {
 public:
  explicit SocketAliases(const ConnectionTable& table) : table_{table} {}

  // Handshakes of peers.

  /// An entry in SYN_RECEIVED.
  void add_handshake(std::uint64_t netns, const FiveTuple& tuple, Index index) {
    handshakes_[tuple_key(netns, tuple)] = index;
  }
  /// The entry has left SYN_RECEIVED.
  void end_handshake(std::uint64_t netns, const FiveTuple& tuple) {
    handshakes_.erase(tuple_key(netns, tuple));
  }
  /// The handshake that the socket of this row follows, once.
  std::optional<Index> take_handshake(const SocketRow& row, std::uint64_t netns);

  /// The socket that follows a handshake was reported at this time.
  void add_accepted(std::uint64_t netns, const FiveTuple& tuple, std::int64_t at_ns) {
    accepted_.put(tuple_key(netns, tuple), at_ns);
  }
  /// True if the row shows a handshake whose socket has been reported already.
  [[nodiscard]] bool is_stale_handshake(const SocketRow& row, const Snapshot& snapshot);

  // Minisocks whose full socket is known.

  /// A snapshot begins: what was found for the last one is forgotten.
  void begin_snapshot();
  /// The entry whose minisock this row shows: it has ended, or this snapshot lacks it.
  /// @param identity of the row
  std::optional<Index> match_minisock(const SocketRow& row,
                                      const Snapshot& snapshot,
                                      const Identity& identity);

  // Minisocks that were shown before the destroy notice of their full socket.

  void add_minisock(std::uint64_t netns, const FiveTuple& tuple, Index index) {
    minisocks_[tuple_key(netns, tuple)] = index;
  }
  /// True if the entry is such a minisock.
  [[nodiscard]] bool awaits_notice(Index index) const;
  /// The entry that was opened for the minisock of this socket, once.
  std::optional<Index> take_minisock(const Notice& notice);

  // Minisocks that a snapshot lacked although they were there: while the kernel walks its table, a
  // socket that goes can move another one out of the walk's way.

  /// A snapshot with TIME_WAIT rows lacks this entry and its minisock.
  void add_ended(Index index, std::int64_t at_ns);
  /// True if the row is such a minisock.
  /// @param identity of the row
  /// @param before the last poll of its table with TIME_WAIT rows
  bool has_ended(const Identity& identity,
                 const SocketRow& row,
                 const Snapshot& snapshot,
                 const std::optional<Span>& before);

  // Traced orphans in FIN_WAIT_2, which wait for the FIN of their peer.

  void add_orphan(std::uint64_t netns, const FiveTuple& tuple, Index index) {
    orphaned_fin_wait2_[tuple_key(netns, tuple)] = index;
  }
  /// The orphan with this tuple, once.
  std::optional<Index> take_orphan(std::uint64_t netns, const FiveTuple& tuple);

  // Connections in TIME_WAIT. The kernel frees one for a new socket with the same tuple.

  void add_time_wait(std::uint64_t netns, const FiveTuple& tuple, Index index) {
    time_wait_[hash_of(netns, tuple)] = index;
  }
  /// The entry with this tuple.
  [[nodiscard]] std::optional<Index> find_time_wait(std::uint64_t netns,
                                                    const FiveTuple& tuple) const;

  /// The entry is closed.
  void forget(Index index);
  /// Forgets what no snapshot that begins at this time or later can show.
  void forget_before(std::int64_t snapshot_began_ns);
  /// Gives back memory that is not needed any more.
  void shrink();

 private:
  using ByTuple = boost::unordered_flat_map<Identity, Index, IdentityHash>;

  static std::size_t hash_of(std::uint64_t netns, const FiveTuple& tuple) {
    return IdentityHash{}(tuple_key(netns, tuple));
  }
  [[nodiscard]] bool is_ending(Index index) const;
  [[nodiscard]] ByTuple index_ending() const;
  std::optional<Index> match_without_timestamp(const Snapshot& snapshot, const Identity& identity);

  static constexpr std::size_t kMaxAccepted = 20'000;
  static constexpr std::size_t kMaxEnded = 50'000;

  const ConnectionTable& table_;
  ByTuple handshakes_;
  BoundedMap<Identity, std::int64_t, IdentityHash> accepted_{kMaxAccepted};
  ByTuple minisocks_;
  BoundedMap<Identity, std::int64_t, IdentityHash> ended_{kMaxEnded};
  ByTuple orphaned_fin_wait2_;
  /// By hash_of(): there can be a hundred thousand. An entry may have left TIME_WAIT since.
  boost::unordered_flat_map<std::size_t, Index> time_wait_;
  /// Ended entries whose minisock may have another cookie; made for a snapshot's first unknown
  /// minisock.
  std::optional<ByTuple> ending_;
  /// Entries that this snapshot has not shown; made for its first minisock without a timestamp.
  std::optional<ByTuple> unseen_;
};

}  // namespace netlog::track
