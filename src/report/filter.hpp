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

/// Which connections a question is about. Absent members do not restrict. Lists are alternatives.
struct Filter {
  std::vector<std::int64_t> pids;
  std::optional<std::string> process;  ///< name; GLOB pattern when it has `*`, `?` or `[`
  std::optional<std::string> exe;      ///< path, the same
  std::optional<std::string> user;
  std::optional<Protocol> protocol;
  std::optional<std::uint16_t> port;  ///< local or remote
  std::optional<std::uint16_t> local_port;
  std::optional<std::uint16_t> remote_port;
  std::vector<AddressRange> remote;
  std::vector<TcpState> states;          ///< was in one of them (within the window)
  std::optional<std::int64_t> since_ns;  ///< its life reaches to this time or later
  std::optional<std::int64_t> until_ns;  ///< its life began before this time
  /// An earlier window to compare with; only the report `diff` asks for it.
  std::optional<std::pair<std::int64_t, std::int64_t>> before_ns;
};

/// SQL for a WHERE clause (`1` when nothing restricts), and the values it binds.
struct Clause {
  std::string sql;
  store::Parameters parameters;
};

/// Over the views of single connections: `connections`, `connection_flows` and their like. Beside
/// the conditions it names the rows to look at by an index, where the filter allows it.
Clause connection_clause(const Filter& filter);

/// As connection_clause(), of what lived in one of the filter's two windows; for the report `diff`.
Clause both_windows_clause(const Filter& filter);

/// Over the views of sums, `peer_…` and `process_…`: of a filter that names times or states they
/// know nothing.
Clause flow_clause(const Filter& filter);

/// What a question about a whole recording reads. Each later one is larger and tells more.
enum class Basis : std::uint8_t {
  processes,    ///< sums for each process
  peers,        ///< sums for each process and peer
  connections,  ///< every connection by itself
};

/// The smallest that can answer the filter. Of sums, ports are those of services; so where no
/// service has the port, and where there are few connections, it is the connections themselves.
Basis basis_for(store::Reader& reader, const Filter& filter);

}  // namespace netlog::report
