// SPDX-License-Identifier: MIT
#pragma once

#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <string>

namespace netlog::report {

/// Which family of views a report reads: `process_…`, `peer_…` or `connection_…`. Each later one
/// has more rows and can answer more filters.
enum class Granularity : std::uint8_t {
  processes,    ///< one sum for each process
  peers,        ///< one sum for each process and peer
  connections,  ///< one row for each connection
};

/// Whether a recording has so few connections that single ones are read as fast as sums.
/// @throws StoreError from the reader.
bool is_small(store::Reader& reader);

/// The coarsest granularity that can answer the filter. A state needs connections, and so does a
/// window without whole hours. A peer or a port needs peers, since sums hold the ports of services;
/// a port that no service has needs connections. A small recording of which nothing was deleted is
/// read by connections.
/// @throws StoreError from the reader.
Granularity choose_granularity(store::Reader& reader, const Filter& filter);

/// A report's query names the coarsest views that can answer it. Replaces them by the views of
/// `granularity`, which have the same columns.
void use_finer_views(std::string& sql, Granularity granularity, const Filter& filter);

/// Replaces the views of connections by what they show of a window: connections as they were at its
/// end, and openings within it.
void use_rows_of_window(std::string& sql);

}  // namespace netlog::report
