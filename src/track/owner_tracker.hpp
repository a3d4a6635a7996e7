// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/change_log.hpp"
#include "track/connection_table.hpp"
#include "track/listeners.hpp"
#include "track/owner_queries.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// A socket whose holder is to be searched.
struct OwnerQuery {
  std::uint64_t key = 0;                   ///< SocketRow::holder_key
  std::uint32_t owner_pid = 0;             ///< of a listener: stays the owner while it holds it
  std::vector<std::uint32_t> likely_pids;  ///< processes that may hold it; the likeliest first
};

/// Times that the clock of the system may have shown twice, because it was set back. UTC ns.
struct ClockSetBack {
  std::int64_t from_ns = 0;  ///< the latest time before
  std::int64_t to_ns = 0;    ///< the earliest time after
};

/// How sure it is that a process with this pid, which a table of pids names, made the socket. Pids
/// are used again, and a row keeps the pid of a process that has ended.
/// @param incarnation the create timestamp of the socket; 0 or the pid: there is none
/// @return exact: it was there before the socket; held: the order of the two is not known; unknown:
/// it began after the socket
OwnerSource owner_by_pid(const ProcessId& process,
                         std::uint64_t incarnation,
                         const std::optional<ClockSetBack>& set_back);

/// The owner of a socket after a process has let go of it last. Nobody was seen to use the socket,
/// so this is exact only if the process also accepts at its listener.
Owner owner_by_close(const Owner& known, const LastCloser& closer);

/// Owners: what is searched, found, inherited from listeners and seen in use. The only writer of
/// Connection::owner. Times are boot-clock ns.
class OwnerTracker {
 public:
  OwnerTracker(ConnectionTable& table, ChangeLog& changes, Listeners& listeners)
      : table_{table}, changes_{changes}, listeners_{listeners}, queries_{table} {}

  // The life of an entry.

  /// Gives a new entry the owner that is known at once, or requests it. Its holder key and its
  /// connection are set.
  /// @param alive_after_ns a listener that was open at this time or later may have accepted it
  /// @param traced its owner, where its use or the creation of its socket was traced
  void open(Index index,
            HolderKeys keys,
            std::int64_t alive_after_ns,
            const std::optional<Owner>& traced);
  /// Takes over an entry of an earlier session, with the owner in its connection.
  void resume(Index index);
  /// The connection is closed.
  void close(Index index);

  // What inputs say.

  /// The holder key in a row of a snapshot.
  void see_holder(Index index, const SocketRow& row) {
    const auto& entry = table_[index];
    if (row.holder_key != entry.holder.key) {
      change_holder(index, row);
    } else if (row.holder_key != 0 && entry.connection.owner.source == OwnerSource::unknown &&
               entry.connection.owner.why == UnknownOwner::gone && entry.holder.query == 0 &&
               !entry.holder.key_is_pid) {
      // It is there before and after the search, and no process has it.
      note_without_holder(index);
    }
  }
  /// Requests the owner of a listener again, of a new one at the next look, and then when it was
  /// found long ago: the process can have handed it to a child and closed its own descriptor, and
  /// no table shows that.
  void recheck_listener_owner(Index index, std::int64_t now_ns) {
    auto& entry = table_[index];
    auto& holder = entry.holder;
    const bool is_due =
        (!holder.is_confirmed && holder.rechecked_ns < holder.found_ns) ||
        now_ns - std::max(holder.found_ns, holder.rechecked_ns) >= kListenerOwnerTtlNs;
    if (entry.connection.state == TcpState::listen && entry.connection.owner.process &&
        holder.key != 0 && !holder.key_is_pid && is_due) {
      holder.rechecked_ns = now_ns;
      queries_.add(index);
    }
  }
  /// A process used the socket in a system call.
  void set_user(Index index, const ProcessId& process, const Moment& at);
  /// A process let go of the socket last, which nobody was seen to use.
  void set_closer(Index index, const LastCloser& closer);
  /// The kernel opened the socket for itself.
  void set_of_kernel(Index index);
  /// A flow is of the process that owns its socket.
  void set_socket_owner(Index index, const Owner& owner, const Moment& at) {
    set_owner(index, owner, at);
  }
  /// The connection turned out to be accepted on this listener.
  void inherit(Index index, const Listeners::Found& listener, const Moment& at);

  // The search.

  /// By when the connection existed whose holder is requested by this key. Nothing for a listener,
  /// which is of the program that accepts there now.
  [[nodiscard]] std::optional<std::int64_t> requested_since_ns(std::uint64_t key) const;
  /// The holder of this key was found.
  void owner_found(std::uint64_t key, const ProcessId& holder, const Moment& at);
  void owner_not_found(std::uint64_t key, UnknownOwner why);
  /// The clock that stamps sockets and processes was set back.
  void note_clock_set_back(const ClockSetBack& set_back);
  /// The process has executed another program: what its listeners accept from now on is of that.
  void note_image(const ProcessId& process) { listeners_.executed(process); }
  /// The process has ended: sockets that it held and that live on are requested again.
  void end_process(const ProcessId& process);
  /// Sockets whose holder is wanted, oldest query first, at most `max_count`.
  [[nodiscard]] std::vector<OwnerQuery> queries(std::size_t max_count) const;
  /// Keys of sockets that no process holds any more, since the last call.
  std::vector<std::uint64_t> take_released_sockets();

  /// As ConnectionTable::broken_invariant().
  [[nodiscard]] std::string broken_invariant() const;

 private:
  /// How long the owner of a listener is valid.
  static constexpr std::int64_t kListenerOwnerTtlNs = 2'000'000'000;

  void change_holder(Index index, const SocketRow& row);
  void note_without_holder(Index index);
  void set_owner(Index index, const Owner& owner, const Moment& at);
  void note_user(const Connection& connection, const ProcessId& process);
  void listener_found(Index index, const ProcessId& holder, const Moment& at);
  /// What it says of the owner that this process was found. Unknown: it is not.
  [[nodiscard]] OwnerSource evidence_of(const Entry& entry, const ProcessId& holder) const;
  void set_unknown(Index index, UnknownOwner why);
  void inherit_listener_owner(Index listener, const Moment& at);
  void count_owned(const Owner& owner, bool more);

  ConnectionTable& table_;
  ChangeLog& changes_;
  Listeners& listeners_;
  OwnerQueries queries_;
  /// The process that was last seen using a port, see local_key() and remote_key().
  boost::unordered_flat_map<std::uint32_t, std::uint32_t> last_pid_;
  /// How many open connections each process owns.
  boost::unordered_flat_map<ProcessId, std::size_t, ProcessIdHash> owned_;
  std::vector<std::uint64_t> released_;
  std::optional<ClockSetBack> set_back_;  ///< absent: it was not
};

}  // namespace netlog::track
