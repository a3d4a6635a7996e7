// SPDX-License-Identifier: MIT
#pragma once

#include "model/incident.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog::report {

/// What is in an incident.
struct IncidentOptions {
  std::int64_t max_connections = 0;  ///< the worst are kept: those that failed, then …
  /// Names, in this order. Absent: all that say something about any window, if it has few enough
  /// connections that they take no longer than the rest; else none.
  std::optional<std::vector<std::string>> reports;
  std::int64_t max_rows = 0;  ///< of each table of a report
  std::string section;        ///< only this table of the reports; empty: all
  std::string sort;           ///< as in run_report()
};

/// The names of the reports that say something about any window with this filter.
std::vector<std::string> incident_reports(const Filter& filter);

/// Reads everything that a page about the window of the filter shows. The time series count all
/// connections that the filter selects; the tables of connections and their events have the worst.
/// @throws UsageError for the name of a report, and for a window of more than 95 years; StoreError
/// from the reader.
Incident read_incident(store::Reader& reader, const Filter& filter, const IncidentOptions& options);

/// Reads the tables of connections and their events again, with at most so many connections.
/// @throws StoreError from the reader.
void read_connections(store::Reader& reader,
                      const Filter& filter,
                      std::int64_t max_connections,
                      Incident& incident);

}  // namespace netlog::report
