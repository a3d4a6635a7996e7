// SPDX-License-Identifier: MIT
#pragma once

#include "model/lookup.hpp"
#include "model/snapshot.hpp"
#include "track/change_log.hpp"
#include "track/connection_table.hpp"
#include "util/bounded_map.hpp"
#include "util/time.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// Names of the remote addresses of outbound connections. Times are boot-clock ns.
///
/// The name is the one that the process of the connection looked up last before it was opened, and
/// that leads to the address: within the TTL of the answer and a minute. An answer that comes later
/// counts for ten seconds. Without one it is the name in /etc/hosts, or what another process of the
/// same network namespace looked up last. Loopback and unspecified addresses have no names.
///
/// If answers are lost, nothing says which name a process looked up last before a connect. What it
/// looked up before and while they are lost does not count as its own any more.
class RemoteNames {
 public:
  RemoteNames(ConnectionTable& table, ChangeLog& changes) : table_{table}, changes_{changes} {}

  /// A process has learned the addresses of a name.
  void apply(const Lookup& lookup, const std::vector<IpAddress>& addresses);
  /// Answers were lost within this time. Call it before those of that time are applied.
  void lose_answers(const Span& within);
  /// In the place of all entries of before.
  void set_hosts(std::uint64_t netns, const std::vector<HostsEntry>& entries);

  /// Names the connections whose open event is to be taken. Call it before it is taken.
  void name_opened();

 private:
  struct Place {
    std::uint64_t netns = 0;
    IpAddress address;
    ProcessId process;  ///< without its image; none: whoever asked

    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const;
  };
  struct Answer {
    std::shared_ptr<const std::string> name;  ///< of all its addresses; null: too long to be kept
    std::int64_t from_ns = 0;
    std::int64_t until_ns = 0;  ///< with the grace
  };
  /// Of one address, for one process.
  struct Answers {
    std::vector<Answer> kept;    ///< the newest one is the last one
    bool has_forgotten = false;  ///< there were older ones
  };
  /// Connections that have no name of their process's own.
  struct Unnamed {
    struct One {
      Index index = 0;
      ConnectionId id = 0;
      std::int64_t opened_ns = 0;
    };
    std::vector<One> connections;
    std::int64_t last_ns = 0;  ///< when the last one was opened
  };
  struct Name {
    std::string text;
    NameSource source = NameSource::none;
  };

  static constexpr std::size_t kMaxAddresses = 32'768;
  static constexpr std::size_t kMaxNameBytes = 253;  ///< of a host name (RFC 1035 §2.3.4)
  static constexpr std::size_t kMaxAnswers = 8;
  static constexpr std::int64_t kGraceNs = 60 * kNsPerSecond;
  static constexpr std::int64_t kLateNs = 10 * kNsPerSecond;

  static Place place_of(const Connection& connection, const std::optional<ProcessId>& process);
  static Name name_of(const Answer& answer, NameSource source);
  static void add(Answers& answers, Answer answer);
  static const Answer* pick(const Answers* answers, std::int64_t at_ns, std::int64_t late_ns);

  /// A connection that has not been named yet, and whether another one is older.
  struct Waiting {
    std::int64_t opened_ns = 0;
    Index index = 0;

    bool operator<(const Waiting& other) const { return opened_ns > other.opened_ns; }
  };

  void name_opened_before(std::int64_t at_ns);
  void name_opened(Index index);
  void name_late(const Place& place, const Answer& answer);
  Name find(const Connection& connection);

  ConnectionTable& table_;
  ChangeLog& changes_;
  BoundedMap<Place, Answers, PlaceHash> of_process_{kMaxAddresses};
  BoundedMap<Place, Answers, PlaceHash> of_all_{kMaxAddresses};
  BoundedMap<Place, Unnamed, PlaceHash> unnamed_{kMaxAddresses};
  boost::unordered_flat_map<Place, std::string, PlaceHash> hosts_;
  std::int64_t lost_until_ns_ = std::numeric_limits<std::int64_t>::min();  ///< the last loss
  std::priority_queue<Waiting> waiting_;                                   ///< the oldest first
  std::size_t found_ = 0;  ///< so many of ChangeLog::opened() are waiting or have been named
};

}  // namespace netlog::track
