// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/port_use.hpp"
#include "store/write/connection_rows.hpp"
#include "store/write/event_rows.hpp"
#include "store/write/items.hpp"
#include "store/write/reference_rows.hpp"
#include "store/write/session_start.hpp"
#include "store/write/thinning.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Writes the items of one session as rows. Used on the writer thread, inside its transactions.
/// Must be destroyed before the database, and after a rollback: its caches may not match the file
/// then. Keeps pointers to the items that it is given until end_batch().
class ItemWriter {
 public:
  /// `start` must outlive it.
  ItemWriter(SQLite::Database& database, SessionStart& start);

  /// From now on, whole connections may get no row: see Thinning.
  void set_detail(Detail detail) { detail_ = detail; }

  void operator()(const ConnectionEvents& of);
  void operator()(const Refresh& refresh);
  void operator()(const Process& process);
  void operator()(const ProcessEnded& ended);
  void operator()(const ExecutableHashed& hashed);
  void operator()(const ServiceName& service);
  void operator()(const Gap& gap);
  void operator()(const ClockStep& step);
  void operator()(const Counters& counters);
  void operator()(const Coverage& coverage);
  void operator()(const Heartbeat& heartbeat);
  void operator()(const Resumed& resumed);
  void operator()(const Resync& resync);
  void operator()(const Lookup& lookup);

  /// Writes what was buffered since the last call. To be called before each commit.
  void end_batch();

  /// Clears the caches. To be called when rows were deleted.
  void forget();
  Flows& flows() { return flows_; }

 private:
  [[nodiscard]] std::int64_t row_of(ConnectionId id) const { return start_.row_of(id); }
  [[nodiscard]] StoredEvent stored(const Connection& connection, const Event& event);
  void count_without_row(const ConnectionEvents& of);
  void take_port(const Connection& connection);
  void reconcile(const Connection& connection, const Moment& changed);
  void close_missing(const std::vector<std::int64_t>& listed, const Moment& ended);
  void close_left_open(const Resync& resync);
  void open(const Connection& connection);
  bool update(const Connection& connection);

  SQLite::Database& database_;
  SessionStart& start_;
  ReferenceRows references_;
  Flows flows_;
  EventRows events_;
  ConnectionRows connections_;
  PortUse port_use_;
  Thinning thinning_;
  Detail detail_ = Detail::whole;

  SQLite::Statement find_connection_;
  SQLite::Statement resume_connection_;
  SQLite::Statement end_process_;
  SQLite::Statement hash_process_;
  SQLite::Statement insert_service_;
  SQLite::Statement insert_gap_;
  SQLite::Statement insert_clock_step_;
  SQLite::Statement step_open_;
  SQLite::Statement insert_counters_;
  SQLite::Statement insert_coverage_;
  SQLite::Statement insert_lookup_;
  SQLite::Statement heartbeat_;
};

}  // namespace netlog::store
