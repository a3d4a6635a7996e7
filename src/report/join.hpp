// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <cstdint>

namespace netlog::report {

/// Joins the two ends of the TCP connections between two hosts, each recorded at its own end: what
/// is local at one end is remote at the other. Tuples that occur once in each recording give the
/// offset between the clocks. With the offset, tuples that occur several times find their other
/// end by time. Loopback connections join only where both recordings are of one host.
/// Tables: `recordings`, `clocks`, `ends`, `mismatches`, `seen_by_one`; at most `limit` rows in
/// each of the last two.
/// @throws StoreError from a reader.
Answer join(store::Reader& a, store::Reader& b, std::int64_t limit);

}  // namespace netlog::report
