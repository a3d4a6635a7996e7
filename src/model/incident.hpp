// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace netlog {

/// A window of a recording, as one page shows it (docs/topics/pages.md).
struct Incident {
  std::string host;              ///< of the last session in the window; empty without one
  std::string filters;           ///< as words of a command line; empty: none
  Completeness completeness;     ///< with the window
  std::int64_t connections = 0;  ///< in the window; the table of connections has the worst of them
  std::int64_t bucket_ns = 1;    ///< width of a row of the time series, which begin at `from_ns`
  /// `sessions`, `gaps`, `connections`, `events`, `open` and `rates`, each with its columns. The
  /// rows of `events` are those of the first connection, then those of the second, …
  std::vector<Table> tables;
  std::vector<Answer> reports;
  std::vector<std::string> left_out;  ///< names of reports that would take long
};

}  // namespace netlog
