// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/snapshot.hpp"
#include "track/identity.hpp"
#include "track/outcome.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// The place of an entry in the ConnectionTable. It is used again after the entry was freed.
using Index = std::uint32_t;

/// One table of one network namespace, numbered from 0.
using ScopeIndex = std::uint32_t;

inline constexpr std::array kTableKinds{
    TableKind::tcp4, TableKind::tcp6, TableKind::udp4, TableKind::udp6};

/// What OwnerTracker keeps of an entry.
struct HolderInfo {
  std::uint64_t key = 0;          ///< SocketRow::holder_key; 0: no process holds the socket
  std::int64_t found_ns = 0;      ///< when its holder was found last; 0: never
  std::int64_t rechecked_ns = 0;  ///< when its holder was requested again; 0: never
  std::uint64_t query = 0;        ///< number of its pending owner query; 0: there is none
  bool key_is_pid = false;
  bool owner_ended = false;  ///< its owner has ended and left it to others, if it lives on
  std::optional<ProcessId> ended_user;  ///< the last owner that has ended
  bool is_confirmed = false;            ///< of a listener: what it accepts inherits its holder
};

/// One connection. Lifecycle writes `connection` but for its owner, `seen`, `left` and `closed`;
/// OwnerTracker writes `connection.owner` and `holder`; the parts that apply input add `evidence`.
struct Entry {
  Connection connection;
  Identity identity;
  HolderInfo holder;
  Span seen;  ///< the last snapshot, notice or transition that reported it
  /// When it left the table of full sockets, for TIME_WAIT or for good. Absent: it has not.
  std::optional<Moment> left;
  /// Tables without TIME_WAIT rows have lacked it since it was seen: the ends of the first one and
  /// of the second one. One walk can miss a socket that is there. 0: they have not.
  std::int64_t first_lack_ns = 0;
  std::int64_t second_lack_ns = 0;
  std::int64_t metrics_ns = 0;           ///< when its metrics were read; 0: never
  std::int64_t unanswered_since_ns = 0;  ///< since when the peer has not answered; 0: it has
  std::int64_t traced_ns = 0;            ///< when its last change was traced; 0: it is not traced
  Evidence evidence;
  bool is_direction_known = false;             ///< its direction is proven, or no proof can come
  std::optional<Direction> counted_direction;  ///< by its last row, which was active
  bool named_by_notice = false;  ///< its cookie is that of its notice: its minisock has another one
  bool closed = false;           ///< its close event waits to be taken
  bool reported = false;         ///< ChangeLog: its first event has been taken
  std::optional<std::uint32_t> last_pending;  ///< ChangeLog: the place of its last event there
  bool needs_refresh = false;                 ///< ChangeLog: it changed without an event
};

/// What a snapshot must show.
enum class Phase : std::uint8_t {
  free,       ///< not in the table
  active,     ///< every snapshot of its scope shows it
  ending,     ///< the full socket has ended; it may be in TIME_WAIT
  time_wait,  ///< every snapshot with TIME_WAIT rows shows it
};

/// The entries of all connections that are open, by identity and by scope. It knows nothing of
/// events, owners and time.
///
/// A removed entry keeps its content and its place until it is freed. Entries are in blocks, so
/// that a table that grows copies none and one that shrinks gives memory back.
class ConnectionTable {
 public:
  /// How many members of one scope are in which phase.
  struct Members {
    std::size_t active = 0;
    std::size_t ending = 0;
    std::size_t time_wait = 0;
  };

  /// The number of this table; a new one for a table that was not asked for before.
  ScopeIndex scope(std::uint64_t netns, TableKind table);
  /// The same; absent for a table that was not asked for.
  [[nodiscard]] std::optional<ScopeIndex> find_scope(std::uint64_t netns, TableKind table) const;
  [[nodiscard]] std::size_t scopes() const { return scopes_.size(); }
  [[nodiscard]] std::uint64_t netns_of(ScopeIndex scope) const { return scopes_[scope].netns; }
  [[nodiscard]] TableKind kind_of(ScopeIndex scope) const { return scopes_[scope].table; }
  [[nodiscard]] const Members& members(ScopeIndex scope) const { return scopes_[scope].members; }

  /// A new entry with this identity, which must not be in the table. It counts as seen by the sweep
  /// under way.
  Index add(const Identity& identity, ScopeIndex scope, Phase phase);
  /// Takes an entry out of the indexes; its content stays until free().
  void remove(Index index);
  /// The place of a removed entry may be used again, the lowest place first.
  void free(Index index);
  /// Gives back the memory of blocks that are free, if they are many and more than half of all.
  /// @return false if there was nothing to give back
  bool shrink();
  /// Gives an entry another identity, which must not be in the table. It counts as seen.
  void rename(Index index, const Identity& identity);
  void set_phase(Index index, Phase phase);

  [[nodiscard]] std::optional<Index> find(const Identity& identity) const;
  [[nodiscard]] bool contains(const Identity& identity) const {
    return by_identity_.contains(identity);
  }
  /// Of a place that is kept.
  Entry& operator[](Index index) { return blocks_[index / kBlock]->entries[index % kBlock]; }
  const Entry& operator[](Index index) const {
    return blocks_[index / kBlock]->entries[index % kBlock];
  }
  /// False if the memory of this place was given back; what held it was freed before.
  [[nodiscard]] bool is_kept(Index index) const {
    return index < capacity() && blocks_[index / kBlock] != nullptr;
  }
  /// Phase::free for a place that is not kept.
  [[nodiscard]] Phase phase(Index index) const {
    return index < marks_.size() ? marks_[index].phase : Phase::free;
  }
  [[nodiscard]] ScopeIndex scope_of(Index index) const { return marks_[index].scope; }

  /// Open connections.
  [[nodiscard]] std::size_t size() const { return by_identity_.size(); }
  /// All indexes are below this one, those of free entries, too.
  [[nodiscard]] Index capacity() const { return static_cast<Index>(marks_.size()); }
  /// Entries that there is memory for.
  [[nodiscard]] std::size_t kept() const {
    return kBlock *
           static_cast<std::size_t>(std::count_if(
               blocks_.begin(), blocks_.end(), [](const auto& block) { return block != nullptr; }));
  }
  /// Entries of one block. A block is large enough to be returned to the system when it is freed.
  static constexpr std::size_t kBlock = 1'024;
  static constexpr std::size_t kAlwaysKept = 2'048;

  /// Calls `visit(index)` for each open connection. `visit` may remove the entry that it is called
  /// for, and must not add one.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (Index index = 0; index < marks_.size(); ++index) {
      if (marks_[index].phase != Phase::free) {
        visit(index);
      }
    }
  }

  /// Begins to go through the rows of a snapshot: no entry has been seen in it yet.
  void begin_sweep() { ++sweep_; }
  [[nodiscard]] bool is_seen(Index index) const { return marks_[index].sweep == sweep_; }
  void set_seen(Index index) { marks_[index].sweep = sweep_; }
  /// Finds the entry of a row. The kernel walks its tables in the same order every time, so the
  /// entry that followed `before` last time is tried first.
  [[nodiscard]] std::optional<Index> find_after(std::optional<Index> before,
                                                const Identity& identity) const;
  void set_next(Index index, Index next) { marks_[index].next = next; }
  /// As for_each, for the members of one scope that this sweep has not seen.
  template <typename Visit>
  void for_each_unseen(ScopeIndex scope, Visit&& visit) const {
    for (Index index = 0; index < marks_.size(); ++index) {
      const auto& mark = marks_[index];
      if (mark.scope == scope && mark.sweep != sweep_ && mark.phase != Phase::free) {
        visit(index);
      }
    }
  }

  /// The first invariant that does not hold; empty when all hold. Slow, for tests.
  [[nodiscard]] std::string broken_invariant() const;

 private:
  /// What a sweep reads of each entry; apart from the rest for the cache's sake.
  struct Mark {
    std::uint64_t sweep = 0;  ///< the last sweep that saw it
    ScopeIndex scope = 0;
    Phase phase = Phase::free;
    Index next = 0;  ///< the entry whose row followed last time
  };
  struct Block {
    std::array<Entry, kBlock> entries;
    std::size_t used = 0;  ///< entries that are not free
  };
  struct Scope {
    std::uint64_t netns = 0;
    TableKind table = TableKind::tcp4;
    Members members;
  };
  /// Null for Phase::free.
  static std::size_t* count_of(Members& members, Phase phase);
  /// As broken_invariant(), of the entries and of their blocks.
  [[nodiscard]] std::string broken_entry() const;
  [[nodiscard]] std::string broken_block() const;

  boost::unordered_flat_map<Identity, Index, IdentityHash> by_identity_;
  std::vector<std::unique_ptr<Block>> blocks_;  ///< null: all of it is free
  std::vector<Mark> marks_;                     ///< one for each entry
  std::vector<Index> free_;                     ///< a heap, the lowest first
  std::vector<Scope> scopes_;
  std::uint64_t sweep_ = 0;
};

}  // namespace netlog::track
