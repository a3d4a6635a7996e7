// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/lookup.hpp"
#include "model/snapshot.hpp"
#include "track/open_counts.hpp"
#include "track/owner_tracker.hpp"
#include "track/trace_history.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace netlog::track {

/// Merges snapshots, destroy notices and traced transitions into the life of each connection. It
/// does no I/O and reads no clock: time comes with the input, in boot-clock ns.
///
/// A snapshot is complete for its tables: a connection that it lacks has ended since the last one.
/// A notice says that one full socket has ended. A transition is a change that the kernel reported
/// as it happened; where changes are traced, a snapshot is an audit of the trace.
///
/// Use: apply the inputs of a tick, answer owner queries, then take the events. Those of one
/// connection come together, with the connection as it is at the end of the tick, so an owner that
/// is found in the same tick costs no event of its own.
///
/// The work is done by parts, one file each: SnapshotDiffer, DestroyNotices, StateTrace,
/// UdpFlowTracker and LookupMatcher apply inputs; Lifecycle, OwnerTracker and RemoteNames write
/// connections; ConnectionTable, PollHistory, TraceHistory, ExpectedNotices, SocketAliases,
/// SocketOwners and Listeners hold what is known; ChangeLog holds what to take.
class Tracker {
 public:
  /// @param first the number of the first new connection
  explicit Tracker(ConnectionId first = 1);
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;
  Tracker(Tracker&& other) noexcept;
  Tracker& operator=(Tracker&& other) noexcept;
  ~Tracker();

  /// Takes over connections of one namespace that an earlier session left open. Call it before the
  /// first snapshot that identifies sockets in the same way. What that snapshot lacks has ended
  /// since then, what it adds was opened since then.
  /// @param connections with numbers below `first`
  /// @param alive the earlier session was running at some moment in it
  /// @param shown_by the namespace, and how its rows identify sockets
  void resume(const std::vector<Connection>& connections,
              const Span& alive,
              const Snapshot& shown_by);

  /// All open connections whose first event has been taken. Not sorted.
  [[nodiscard]] std::vector<Connection> connections() const;

  /// The kernel sends notices for sockets of these tables, at the latest `delay_ns` after their
  /// end. A socket that a snapshot lacks waits that long for its notice, which knows more.
  void expect_notices(std::uint64_t netns, TableSet tables, std::int64_t delay_ns);

  /// From now on, until end_trace(), changes of new TCP sockets are traced.
  void begin_trace();
  void end_trace();

  void apply(const Snapshot& snapshot);
  void apply(const Notice& notice);
  void apply(const Transition& transition);
  void apply(const LastCloser& closer);
  void apply(const UdpSocketCreated& created);
  void apply(const SocketUser& user);
  void apply(const UdpFlow& flow);
  void apply(const UdpFlowsRead& read);

  void apply(const DnsMessage& message);
  /// Messages were lost within this time. Call it before those of that time are applied.
  void lose_dns_messages(const Span& within);
  /// The names in /etc/hosts of this namespace, in the place of those of before.
  void set_hosts(std::uint64_t netns, const std::vector<HostsEntry>& entries);
  /// Lookups that were answered since the last call, and those that had no answer in time.
  std::vector<Lookup> take_lookups();
  /// Questions that are no lookup yet; nothing if there are none.
  [[nodiscard]] std::optional<OpenQuestions> open_questions() const;
  /// Questions that will be no lookup, since the last call: too many waited for their answers.
  std::int64_t take_forgotten_questions();

  /// A UDP flow that was silent for so long has ended.
  void set_udp_timeout(std::int64_t timeout_ns);
  /// Datagrams of UDP peers that have no connection of their own, since the last call.
  std::int64_t take_summed_datagrams();

  /// Closes connections in TIME_WAIT whose namespace is not read any more, and UDP flows that were
  /// silent for long. Ends lookups that have waited long for their answer.
  void expire(std::int64_t now_ns);

  /// By when the connection existed whose holder is searched by this key: the holder that is found
  /// may have executed another program since. Nothing for a listener, or if it is not searched.
  [[nodiscard]] std::optional<std::int64_t> searched_since_ns(std::uint64_t key) const;

  /// The search found the holder of a socket, or why there is none to be found. Unknown keys are
  /// ignored.
  void resolve(std::uint64_t key, const ProcessId& holder, const Moment& at);
  void owner_not_found(std::uint64_t key, UnknownOwner why);

  /// The clock was set back that stamps the sockets and the processes of Windows.
  void note_clock_set_back(const ClockSetBack& set_back);

  /// A process has executed another program: what its listeners accept from now on is of that. What
  /// it has opened before stays with the program before.
  void note_image(const ProcessId& process);

  /// A process has ended: the owners of sockets that it held and that live on are requested again.
  void end_process(const ProcessId& process);

  /// A namespace was created: it was empty at this time.
  void begin_namespace(std::uint64_t netns, std::int64_t at_ns);

  /// A namespace has ended: all its connections ended within the moment.
  void end_namespace(std::uint64_t netns, const Moment& at);

  /// Calls `take` with the events of each connection since the last call, in the order of their
  /// first events. It must not call the tracker.
  void take_events(const std::function<void(ConnectionEvents)>& take);

  /// Connections that changed without an event since the last call (bytes, RTT, how the owner is
  /// known).
  std::vector<Connection> take_refreshes();

  /// Sockets whose holder is wanted, oldest query first, at most `max_count`.
  [[nodiscard]] std::vector<OwnerQuery> owner_queries(std::size_t max_count) const;

  /// What snapshots showed since the last call and the trace had not reported.
  AuditMisses take_audit_misses();

  /// Keys of sockets that lost their holder since the last call.
  std::vector<std::uint64_t> take_released_sockets();

  /// True if a TCP connection is open whose changes are not traced: it is older than the trace.
  [[nodiscard]] bool has_untraced_connections() const;

  /// True if tables without TIME_WAIT rows lack a connection that was traced, or that has ended:
  /// only tables with them show what has become of it.
  [[nodiscard]] bool awaits_time_wait() const;

  [[nodiscard]] std::size_t open_connections() const;
  [[nodiscard]] const OpenCounts& open_counts() const;
  [[nodiscard]] std::size_t time_wait_connections() const;

  /// Gives back the memory that many connections needed, when few of them are left.
  /// @return false if there was nothing to give back
  bool shrink();
  /// Connections that there is memory for.
  [[nodiscard]] std::size_t kept_places() const;

  /// The first invariant of a part that does not hold; empty when all hold. Slow, for tests.
  [[nodiscard]] std::string broken_invariant() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace netlog::track
