// SPDX-License-Identifier: MIT
#include "report/granularity.hpp"

#include "report/clause_builder.hpp"
#include "report/sql_text.hpp"
#include "report/whole_hours.hpp"
#include "store/db/sql_macros.hpp"

#include <string_view>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Up to this many connections a report reads single connections as fast as sums, and exactly.
constexpr std::int64_t kMaxSmallRecording = 50'000;

/// The number in the first cell; 0 for NULL.
std::int64_t number(store::Reader& reader,
                    std::string_view sql,
                    const store::Parameters& parameters = {}) {
  const auto rows = reader.query(store::expand_sql(sql), parameters);
  const auto* const value = std::get_if<std::int64_t>(&rows.cells.at(0).at(0));
  return value == nullptr ? 0 : *value;
}

/// Sums hold the ports of services only, on the side that has them.
bool sums_know_ports(store::Reader& reader, const Filter& filter) {
  constexpr const char* kLocal = "SELECT EXISTS (SELECT 1 FROM flow WHERE local_port = :port)";
  constexpr const char* kRemote =
      "SELECT EXISTS (SELECT 1 FROM peer WHERE port = :port AND direction <> $direction.inbound)";
  const auto known = [&](const char* sql, std::optional<std::uint16_t> port) {
    return !port || number(reader, sql, {{"port", static_cast<std::int64_t>(*port)}}) != 0;
  };
  return known(kLocal, filter.local_port) && known(kRemote, filter.remote_port) &&
         (known(kLocal, filter.port) || known(kRemote, filter.port));
}

/// Sums hold the last owner of each connection only.
bool sums_know_owners(store::Reader& reader, const Filter& filter) {
  if (!names_owner(filter)) {
    return true;
  }
  const auto owner = owner_clause(filter);
  return number(reader,
                fmt::format("SELECT EXISTS ({})", formerly_owned(owner.sql, "")),
                owner.parameters) == 0;
}

// What a window shows of single connections: as they were at its end, and opened only if they were
// opened within it. The CASTs give the columns the affinity that those of sums have: only then does
// SQLite look for rows on each side of a UNION ALL of them. A section that has a comment between
// FROM and the view keeps the view.
constexpr std::string_view kFlowsInWindow = R"sql(FROM (
  SELECT
    process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer_id, peer, remote_name,
    iif(coalesce(closed_ns, last_seen_ns) > :until_ns, 'open', outcome) AS outcome,
    iif(coalesce(closed_ns, last_seen_ns) > :until_ns, NULL, outcome_reason) AS outcome_reason,
    owner_reason, connections,
    CAST(opened AND coalesce(opened_ns >= :since_ns, 1) AND coalesce(opened_ns <= :until_ns, 1) AS INTEGER) AS opened,
    closed_by_us, closed_by_peer, syns,
    CAST(iif(closed_ns > :until_ns, NULL, longest_ns) AS INTEGER) AS longest_ns,
    open_error_ns,
    CAST(iif(coalesce(closed_ns, last_seen_ns) > :until_ns, NULL, bytes_sent) AS INTEGER) AS bytes_sent,
    CAST(iif(coalesce(closed_ns, last_seen_ns) > :until_ns, NULL, bytes_received) AS INTEGER) AS bytes_received,
    first_ns, last_ns,
    CAST(iif(closed_ns > :until_ns, NULL, closed_ns) AS INTEGER) AS first_closed_ns,
    CAST(iif(closed_ns > :until_ns, NULL, closed_ns) AS INTEGER) AS last_closed_ns,
    id, opened_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket
  FROM connection_flows
))sql";
constexpr std::string_view kDwellsInWindow = R"sql(FROM (
  SELECT
    process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer_id, peer, remote_name,
    state, dwells,
    CAST(iif(:until_ns IS NULL, still, coalesce(to_ns, iif(still, 9223372036854775807, last_seen_ns)) > :until_ns) AS INTEGER) AS still,
    CAST(iif(coalesce(to_ns, last_seen_ns) > :until_ns, max(0, :until_ns - from_ns - clock_adjust_ns), dwell_ns) AS INTEGER) AS dwell_ns,
    id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket, outcome
  FROM connection_dwells
  WHERE coalesce(from_ns <= :until_ns, 1) AND coalesce(to_ns >= :since_ns, 1)
))sql";
constexpr std::string_view kLifetimesInWindow = R"sql(FROM (
  SELECT * FROM connection_lifetimes WHERE coalesce(closed_ns <= :until_ns, 1)
))sql";
constexpr std::string_view kOutboundOpensInWindow = R"sql(FROM (
  SELECT * FROM connection_outbound_opens WHERE coalesce(opened_ns >= :since_ns, 1) AND coalesce(opened_ns <= :until_ns, 1)
))sql";

}  // namespace

/// The connections are counted, no further than needed: a clip of few connections can have high
/// ids.
bool is_small(store::Reader& reader) {
  return number(reader,
                fmt::format("SELECT count(*) FROM (SELECT 1 FROM connection LIMIT {})",
                            kMaxSmallRecording + 1)) <= kMaxSmallRecording;
}

Granularity choose_granularity(store::Reader& reader, const Filter& filter) {
  const bool has_window = filter.since_ns || filter.until_ns || filter.before_ns;
  if ((has_window && !filter.hours) || !filter.states.empty() || !filter.outcomes.empty() ||
      (is_small(reader) && !lacks_rows(reader)) || !sums_know_ports(reader, filter) ||
      !sums_know_owners(reader, filter)) {
    return Granularity::connections;
  }
  const bool of_peer = filter.netns || filter.port || filter.local_port || filter.remote_port ||
                       names_remote(filter);
  return of_peer ? Granularity::peers : Granularity::processes;
}

void use_finer_views(std::string& sql, Granularity granularity, const Filter& filter) {
  if (granularity != Granularity::processes || filter.protocol) {
    // There is no view of opens by peer, by protocol or by namespace.
    replace_all(sql, "FROM process_opens", "FROM connection_opens");
  }
  if (granularity != Granularity::processes) {
    for (const auto* const view : {"flows", "dwells", "lifetimes"}) {
      replace_all(sql, fmt::format("FROM process_{}", view), fmt::format("FROM peer_{}", view));
    }
  }
  if (granularity == Granularity::connections) {
    for (const auto* const view : {"flows", "dwells", "lifetimes", "outbound_opens"}) {
      replace_all(sql, fmt::format("FROM peer_{}", view), fmt::format("FROM connection_{}", view));
    }
  }
  if (filter.since_ns || filter.until_ns) {
    use_rows_of_window(sql);
  }
  if (filter.hours && granularity != Granularity::connections) {
    use_whole_hours(sql);
  }
}

void use_rows_of_window(std::string& sql) {
  replace_all(sql, "FROM connection_flows", kFlowsInWindow);
  replace_all(sql, "FROM connection_dwells", kDwellsInWindow);
  replace_all(sql, "FROM connection_lifetimes", kLifetimesInWindow);
  replace_all(sql, "FROM connection_outbound_opens", kOutboundOpensInWindow);
}

}  // namespace netlog::report
