// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"
#include "store/flows.hpp"
#include "store/port_use.hpp"
#include "store/session_start.hpp"
#include "store/writer.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

class Run;

struct AddressHash {
  std::size_t operator()(const IpAddress& address) const {
    return hash_value(Endpoint{address, 0});
  }
};

/// Whom connections are with: a row of the table peer.
struct Peer {
  Direction direction = Direction::unknown;
  Protocol protocol = Protocol::tcp;
  std::int64_t remote_address = 0;
  std::optional<std::int64_t> port;

  auto operator<=>(const Peer&) const = default;
};

/// Writes the rows of one session. Lives on the writer's thread, inside its transactions; must die
/// before the database, and with a transaction that was rolled back: what it remembers of the file
/// may be wrong then.
class Inserts {
 public:
  Inserts(SQLite::Database& database, const SessionStart& start);

  void operator()(const Event& event);
  void operator()(const Refresh& refresh);
  void operator()(const Process& process);
  void operator()(const ProcessEnded& ended);
  void operator()(const ServiceName& service);
  void operator()(const Gap& gap);
  void operator()(const ClockStep& step);
  void operator()(const Counters& counters);
  void operator()(const Coverage& coverage);
  void operator()(const Heartbeat& heartbeat);
  void operator()(const Resumed& resumed);
  void operator()(const Census& census);

  /// Before the commit: what is summed up over the items since the last time.
  void end_batch();

  /// Rows that it remembers may have been deleted.
  void forget();
  Flows& flows() { return flows_; }

 private:
  [[nodiscard]] std::int64_t row_of(ConnectionId id) const { return start_.row_of(id); }
  void insert_event(std::int64_t connection,
                    EventKind kind,
                    const Moment& at,
                    std::optional<std::int64_t> from,
                    std::optional<std::int64_t> to);
  void take_up(const Connection& connection, const Moment& changed);
  void end_unlisted(const std::vector<std::int64_t>& listed, const Moment& ended);
  void insert_connection(const Connection& connection);
  bool is_there(std::int64_t connection);
  bool update_connection(const Connection& connection);
  void with_changing(Run& run, const Connection& connection);
  std::int64_t address_id(const IpAddress& address);
  std::optional<std::int64_t> peer_id(const Connection& connection);
  std::optional<std::int64_t> process_row(const std::optional<ProcessId>& process);

  SQLite::Database& database_;
  const SessionStart& start_;
  std::map<ProcessId, std::int64_t> processes_;
  boost::unordered_flat_map<IpAddress, std::int64_t, AddressHash> addresses_;
  std::map<Peer, std::int64_t> peers_;
  std::vector<std::int64_t> ended_;  ///< connections that are to be summed up
  Flows flows_;
  PortUse port_use_;

  SQLite::Statement insert_address_;
  SQLite::Statement find_address_;
  SQLite::Statement insert_peer_;
  SQLite::Statement find_peer_;
  SQLite::Statement insert_connection_;
  SQLite::Statement update_connection_;
  SQLite::Statement find_connection_;
  SQLite::Statement resume_connection_;
  SQLite::Statement insert_event_;
  SQLite::Statement insert_process_;
  SQLite::Statement find_process_;
  SQLite::Statement end_process_;
  SQLite::Statement insert_service_;
  SQLite::Statement insert_gap_;
  SQLite::Statement insert_clock_step_;
  SQLite::Statement step_open_;
  SQLite::Statement insert_counters_;
  SQLite::Statement insert_coverage_;
  SQLite::Statement heartbeat_;
};

}  // namespace netlog::store
