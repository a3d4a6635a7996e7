// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/connection.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netlog::report {

/// Hours since 1970 in UTC, `to` not included.
struct Hours {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// Selects connections. A connection must match every member that is given, and one value of each
/// list that is not empty.
struct Filter {
  std::vector<std::int64_t> pids;
  /// Name, or the script of an interpreter; GLOB pattern when it has `*`, `?` or `[`.
  std::optional<std::string> process;
  std::optional<std::string> exe;  ///< path, the same
  std::optional<std::string> user;
  std::optional<Protocol> protocol;
  std::optional<std::uint16_t> port;  ///< local or remote
  std::optional<std::uint16_t> local_port;
  std::optional<std::uint16_t> remote_port;
  std::optional<std::int64_t> netns;  ///< the number of its network namespace
  std::vector<AddressRange> remote;
  /// Name of the remote address, in lower case; `*` stands for any text.
  std::optional<std::string> remote_name;
  std::vector<TcpState> states;          ///< was in one of them (within the window)
  std::vector<std::string> outcomes;     ///< names of outcomes
  std::optional<std::int64_t> since_ns;  ///< its life reaches to this time or later
  std::optional<std::int64_t> until_ns;  ///< its life began before this time
  /// The moment that was asked for, where since_ns and until_ns are the last sign of life of the
  /// recorder before it.
  std::optional<std::int64_t> asked_ns;
  /// The time of the question. With it an answer says since when nobody writes the recording.
  std::optional<std::int64_t> now_ns;
  /// The hours of the window that sums answer for. See answer_from_whole_hours().
  std::optional<Hours> hours;
  /// An earlier window to compare with; only the report `diff` uses it.
  std::optional<std::pair<std::int64_t, std::int64_t>> before_ns;
};

/// SQL for a WHERE clause (`1` without a condition), and the values that it binds.
struct Clause {
  std::string sql;
  store::Parameters parameters;
};

/// Over the views that have a row for each connection: `connections`, `connection_flows` and the
/// like. Where the filter allows it, the clause also names the rows to look at by an index.
Clause connection_clause(const Filter& filter);
/// The same for a report, with outcomes as they were at the end of the window: what ended later was
/// open.
Clause window_connection_clause(const Filter& filter);
/// The same without connections that stood in TIME_WAIT for the whole window: they had ended.
Clause living_connection_clause(const Filter& filter);

/// The same condition on a row of `connections` that was found by its id.
Clause known_connection_clause(const Filter& filter);

/// As connection_clause(), for what lived in one of the filter's two windows; for the report
/// `diff`.
Clause both_windows_clause(const Filter& filter);

/// Over the views of sums, `peer_…` and `process_…`. Sums have no times and no states, so those of
/// the filter are left out.
Clause sums_clause(const Filter& filter);

/// Over the view `lookups`: the owner, the network namespace, the time and, as `remote_name`, the
/// name that was asked for.
Clause lookups_clause(const Filter& filter);

/// Whether it restricts what a lookup does not have: the protocol, ports, addresses, states or
/// outcomes.
bool is_of_connections_only(const Filter& filter);

}  // namespace netlog::report
