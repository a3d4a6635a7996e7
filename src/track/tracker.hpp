// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/snapshot.hpp"
#include "track/listeners.hpp"
#include "track/outcome.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include <boost/container/static_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// What identifies a socket from one report to the next. Where the source's incarnation is unique
/// by itself, the tuple stays empty, so that a socket is found whatever happened to its addresses.
struct Identity {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;
  FiveTuple tuple;

  bool operator==(const Identity&) const = default;
};

Identity identity_of(const SocketRow& row, std::uint64_t netns, bool incarnation_is_unique);

struct IdentityHash {
  std::size_t operator()(const Identity& identity) const;
};

struct ProcessIdHash {
  std::size_t operator()(const ProcessId& process) const;
};

/// A socket whose holder is wanted, with who may be it.
struct Question {
  std::uint64_t key = 0;
  std::vector<std::uint32_t> likely_pids;  ///< best first
};

/// Changes that an audit found and that had not been told.
struct AuditMisses {
  std::int64_t opens = 0;
  std::int64_t states = 0;
  std::int64_t ends = 0;

  bool operator==(const AuditMisses&) const = default;
};

/// Merges snapshots, notices and transitions into the life of each connection. No clock, no I/O:
/// time comes with what is applied.
///
/// A snapshot is complete for its tables: what it lacks has ended since the last one. A notice says
/// that one socket is over, but not whether the kernel keeps it in TIME_WAIT; the next snapshot
/// that began after it and could show TIME_WAIT decides. The same holds for a socket that is
/// missing from a snapshot without TIME_WAIT rows. Until then the end is pending.
///
/// A transition is a change that the kernel told as it happened. Where changes are traced, a
/// snapshot is an audit: what it shows otherwise than it was told, and older than a moment, was
/// missed by the trace and is counted as a disagreement.
///
/// Use: apply what a tick brought, resolve owners, then take the events. Events of one tick carry
/// their connection as it is at the tick's end, so an owner found in the same tick costs no event
/// of its own.
class Tracker {
 public:
  /// New connections are numbered from `first`.
  explicit Tracker(ConnectionId first = 1) : next_id_{first} {}

  /// Connections of one namespace that an earlier session, alive at some moment in `alive`, has
  /// left open. Numbered below the tracker's own. Comes before the first snapshot that identifies
  /// sockets as they are identified; what that one lacks has ended since, what it has more was
  /// opened since.
  /// @param shown_by the namespace, and how its rows identify sockets
  void resume(const std::vector<Connection>& connections,
              const Span& alive,
              const Snapshot& shown_by);

  /// All that there are now, once their first event has been taken.
  [[nodiscard]] std::vector<Connection> connections() const;

  /// Ends of sockets of these tables will be announced in this namespace, at the latest `delay_ns`
  /// after them: what a snapshot misses waits so long for its notice, which knows more, and is not
  /// taken for another connection when it comes.
  void expect_notices(std::uint64_t netns, TableSet tables, std::int64_t delay_ns);

  /// From now on changes of new TCP sockets are told as they happen, until the trace ends.
  void begin_trace();
  void end_trace();

  void apply(const Snapshot& snapshot);
  void apply(const Notice& notice);
  void apply(const Transition& transition);
  void apply(const LastCloser& owner);
  void apply(const UdpSocketCreated& birth);

  /// Ends what no table will ever end: TIME_WAIT in a namespace that nobody reads.
  void expire(std::int64_t now_ns);

  /// The search found the holder of a socket, or why there is none to be found. Unknown keys are
  /// ignored.
  void resolve(std::uint64_t key, const ProcessId& holder, const Moment& at);
  void owner_not_found(std::uint64_t key, UnknownOwner why);

  /// A process is over: sockets that it held and that live on are asked for again.
  void end_process(const ProcessId& process);

  /// A namespace has come into use: nothing lived in it at this time.
  void begin_namespace(std::uint64_t netns, std::int64_t at_ns);

  /// A namespace is over: all its connections have ended within the moment.
  void end_namespace(std::uint64_t netns, const Moment& at);

  /// Calls `take` with each event since the last call, in the order in which they were found. It
  /// must not call us.
  void take_events(const std::function<void(const Event&)>& take);
  std::vector<Event> take_events();

  /// Connections that changed without an event since the last call (bytes, RTT, how the owner is
  /// known).
  std::vector<Connection> take_refreshes();

  /// Sockets whose holder is wanted, oldest first, at most `most`.
  [[nodiscard]] std::vector<Question> questions(std::size_t most) const;

  /// What audits have found since the last call that the trace had not told.
  AuditMisses take_audit_misses();

  /// Keys of sockets that lost their holder since the last call.
  std::vector<std::uint64_t> take_released_sockets();

  [[nodiscard]] std::size_t open_connections() const { return by_identity_.size(); }
  [[nodiscard]] std::size_t time_wait_connections() const;

 private:
  using Index = std::uint32_t;

  static constexpr std::array kTableKinds{
      TableKind::tcp4, TableKind::tcp6, TableKind::udp4, TableKind::udp6};
  static constexpr std::size_t kMaxRemembered = 20'000;
  /// A change is told just before the kernel makes it, and a table may be read in between.
  static constexpr std::int64_t kTellNs = 10'000'000;
  /// How long a listener's holder is believed: it may close its copy and live on.
  static constexpr std::int64_t kListenerOwnerTtlNs = 2'000'000'000;

  /// One table of one namespace.
  struct Scope {
    std::uint64_t netns = 0;
    TableKind table = TableKind::tcp4;
    std::optional<Span> first;
    std::optional<Span> last;
    std::optional<Span> last_whole;  ///< the last one with TIME_WAIT rows
    std::deque<Span> recent;         ///< the last ones, in order
    std::size_t active = 0;  ///< members that every snapshot shows: not TIME_WAIT, no end pending
    std::size_t time_wait = 0;
    std::size_t ending = 0;  ///< members whose end is pending
  };

  /// What the scan for missing members reads; apart from the rest for the cache's sake.
  struct Mark {
    std::uint64_t epoch = 0;  ///< of the last snapshot that showed it
    std::uint32_t scope = 0;
    enum class Phase : std::uint8_t { free, active, ending, time_wait } phase = Phase::free;
    Index next = 0;  ///< the member whose row followed last time
  };

  struct Slot {
    Connection connection;
    Identity identity;
    std::uint64_t holder_key = 0;
    std::int64_t held_ns = 0;     ///< when its holder was found last; 0: never
    std::int64_t doubted_ns = 0;  ///< when its holder was asked for again
    bool key_is_pid = false;
    Span seen;  ///< the last snapshot or notice that reported it
    std::optional<Moment>
        gone;  ///< left the table of full sockets within this; TIME_WAIT or the end
    std::int64_t changed_ns = 0;  ///< when its last change was traced; 0: it is not traced
    Evidence evidence;
    bool announced = false;  ///< its first event has been taken
    bool brought = false;    ///< by an event of the batch that is being taken
    bool dirty = false;
    bool asked = false;
    bool closed = false;  ///< to be freed when its events are taken
  };

  struct Pending {
    EventKind kind = EventKind::present;
    Moment at;
    std::optional<std::uint8_t> old_code;
    std::optional<std::uint8_t> new_code;
    std::optional<ProcessId> old_owner;
    Index slot = 0;
  };

  /// A table of the snapshot under way, and how many of its members have not been seen in it yet.
  struct TableScope {
    std::uint32_t scope = 0;
    std::size_t missing = 0;
  };
  using TableScopes = boost::container::static_vector<TableScope, kTableKinds.size()>;
  /// Whose ends the kernel announces, and how late.
  struct Announced {
    TableSet tables = 0;
    std::int64_t delay_ns = 0;
  };
  /// What was closed before the kernel had announced it: an application can keep a socket that was
  /// reset for as long as it likes.
  struct ClosedConnection {
    Connection connection;
    Evidence evidence;
  };
  /// Connections, by tuple, of which a namespace's last whole snapshots showed only the rest of the
  /// socket: their notice, under another cookie, may be on its way.
  struct MinisockIndex {
    std::int64_t begun_ns = 0;  ///< of `fresh`
    boost::unordered_flat_map<Identity, Index, IdentityHash> fresh;
    boost::unordered_flat_map<Identity, Index, IdentityHash> older;
  };
  /// What is kept only to know it again, bounded: the oldest goes first.
  template <typename Value>
  class Recent {
   public:
    explicit Recent(std::size_t most) : most_{most} {}
    Value* find(const Identity& identity) {
      const auto found = values_.find(identity);
      return found == values_.end() ? nullptr : &found->second;
    }
    void put(const Identity& identity, Value value) {
      if (!values_.insert_or_assign(identity, std::move(value)).second) {
        return;
      }
      order_.push_back(identity);
      if (order_.size() > most_) {
        values_.erase(order_.front());
        order_.pop_front();
      }
    }
    void erase(const Identity& identity) { values_.erase(identity); }
    /// The oldest are no longer wanted, as far as `over(value)` says so.
    template <typename Over>
    void forget_while(Over&& over) {
      while (!order_.empty()) {
        const auto* const oldest = find(order_.front());
        if (oldest != nullptr && !over(*oldest)) {
          return;
        }
        values_.erase(order_.front());
        order_.pop_front();
      }
    }
    void clear() {
      values_.clear();
      order_.clear();
    }

   private:
    std::size_t most_;
    boost::unordered_flat_map<Identity, Value, IdentityHash> values_;
    std::deque<Identity> order_;
  };
  struct FreshRow {
    const SocketRow* row = nullptr;
    Identity identity;
  };

  std::uint32_t scope_index(std::uint64_t netns, TableKind table);
  /// Members of a scope that a snapshot with or without TIME_WAIT rows must show.
  [[nodiscard]] std::size_t expected(std::uint32_t scope, bool covers_time_wait) const;

  Index create(const Identity& identity, const SocketRow& row, std::uint32_t scope);
  void set_phase(Index index, Mark::Phase phase);
  void release(Index index);
  void emit(Index index,
            EventKind kind,
            const Moment& at,
            std::optional<std::uint8_t> old_code,
            std::optional<std::uint8_t> new_code);
  void touch(Index index);

  [[nodiscard]] std::optional<Index> find_after(std::optional<Index> before,
                                                const Identity& identity) const;
  std::vector<FreshRow> see_rows(const Snapshot& snapshot, TableScopes& tables);
  static void remember(Scope& scope, const Snapshot& snapshot);
  bool see(Index index, const SocketRow& row, const Snapshot& snapshot);
  void open_from(const SocketRow& row, const Snapshot& snapshot, const Identity& identity);
  void rename(Index index, const Identity& identity);
  [[nodiscard]] bool still_remains(Index index, const Notice& notice) const;
  bool join_remainder(const Notice& notice);
  bool join_half_open(const SocketRow& row, const Identity& identity);
  bool match_minisock(const SocketRow& row, const Snapshot& snapshot, const Identity& identity);
  bool adopt_unstamped(const SocketRow& row, const Snapshot& snapshot, const Identity& identity);
  void confirm_close_from_local_peer(const Snapshot& snapshot);
  [[nodiscard]] static std::optional<std::int64_t> opened_after(const Scope& scope,
                                                                std::int64_t alive_ns);
  void open_traced(const Transition& transition, const Identity& identity);
  void advance(Index index, const Transition& transition);
  void end_traced(Index index, const Transition& transition, std::int64_t known_ns);
  bool is_over(const SocketRow& row, const Identity& identity, const Snapshot& snapshot);
  void finish_rest(Index index, TcpState peer_state, const Moment& at);
  void take_caller(Index index, const Transition& transition);
  [[nodiscard]] static bool may_be_newer(const Slot& slot, const Snapshot& snapshot);
  void remember_closed(const Slot& slot);
  bool apply_late_notice(const Notice& notice, const Identity& identity);
  void open_noticed(const Notice& notice, const Identity& identity);
  void find_missing(const Snapshot& snapshot, std::uint32_t scope);
  void miss(Index index, const Snapshot& snapshot);
  [[nodiscard]] std::optional<std::int64_t> notice_delay_ns(const Connection& connection) const;
  [[nodiscard]] bool awaits_notice(const Slot& slot,
                                   const Moment& left,
                                   const Snapshot& snapshot) const;
  void reconsider_directions(const Snapshot& snapshot);
  [[nodiscard]] static Moment end_of(const Slot& slot, const Notice& notice);
  void begin_end(Index index, const Notice& notice);
  static void apply_destroy_info(Connection& connection, Evidence& evidence, const SocketRow& row);
  static void set_outcome(Connection& connection, const Evidence& evidence);
  void enter(Index index, TcpState state, const Moment& at);
  void close(Index index, const Moment& at);
  void update_descriptor(Index index, const SocketRow& row);
  void recheck_listener_owner(Index index, std::int64_t now_ns);
  void update_offload(Index index, const SocketRow& row, const Moment& at);
  void update_metrics(Index index, const SocketRow& row);
  void ask(Index index);
  void drop_question(Index index);
  void count_held(const Owner& owner, bool more);
  void give_first_owner(Index index,
                        const SocketRow& row,
                        HolderKeys keys,
                        std::int64_t alive_after_ns);
  void learn_holder(Index index, const ProcessId& holder);
  void inherit_listener_owner(Index listener, const Moment& at);
  void set_owner(Index index, const Owner& owner, const Moment& at);
  [[nodiscard]] Direction direction_of(const SocketRow& row,
                                       std::uint64_t netns,
                                       bool present,
                                       std::int64_t alive_after_ns) const;

  boost::unordered_flat_map<Identity, Index, IdentityHash> by_identity_;
  std::unordered_multimap<std::uint64_t, Index>
      asked_;  ///< by holder key; MPTCP subflows share an inode
  std::vector<Slot> slots_;
  std::vector<Mark> marks_;
  std::vector<Index> free_;
  std::vector<Scope> scopes_;
  Listeners listeners_;
  boost::unordered_flat_map<std::uint32_t, std::uint32_t>
      last_pid_;  ///< by local or remote port, see port_key()
  boost::unordered_flat_map<ProcessId, std::size_t, ProcessIdHash> held_;
  /// Made when the first unknown TIME_WAIT row of a snapshot asks for it.
  boost::unordered_flat_map<Identity, Index, IdentityHash> ending_by_tuple_;
  /// Not in the snapshot under way, as far as it has been seen. Made when it is asked for.
  std::optional<boost::unordered_flat_map<Identity, Index, IdentityHash>> missing_by_tuple_;
  /// Handshakes of peers that are not complete: the socket that follows can have another cookie.
  boost::unordered_flat_map<Identity, Index, IdentityHash> half_open_;
  boost::unordered_flat_map<std::uint64_t, MinisockIndex> remainders_;  ///< by namespace
  boost::unordered_flat_map<std::uint64_t, Announced> announced_;       ///< by namespace
  Recent<ClosedConnection> recently_closed_{kMaxRemembered};
  Recent<std::int64_t> traced_ends_{10 * kMaxRemembered};  ///< when: a row can be older
  /// By tuple, when the socket that follows a peer's handshake was told: a row can be older.
  Recent<std::int64_t> completed_{kMaxRemembered};
  Recent<UdpSocketCreated> births_{kMaxRemembered};
  /// Traced sockets of which the kernel keeps the rest in FIN_WAIT_2, by tuple.
  boost::unordered_flat_map<Identity, Index, IdentityHash> orphaned_fin_wait2_;
  bool tracing_ = false;
  AuditMisses audit_misses_;
  std::vector<Connection> late_;  ///< buried connections of which more is known now
  std::vector<Pending> pending_;
  std::vector<Index> dirty_;
  std::vector<std::uint64_t> released_sockets_;
  std::uint64_t epoch_ = 0;
  ConnectionId next_id_;
  std::int64_t resumed_ns_ = 0;  ///< until then an earlier session has looked
};

}  // namespace netlog::track
