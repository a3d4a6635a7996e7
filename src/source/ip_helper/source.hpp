// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"
#include "source/live_source.hpp"
#include "util/error.hpp"

#include <memory>

namespace netlog::source::ip_helper {

/// The live source over the calls of Windows. Each table is read in the richest class that the
/// system gives when the source is made; a class stays for the whole run, since it decides what
/// identifies a row. Every table that fails later is a table_failed record.
///
/// Errors: no TCP table can be read; a choice other than `automatic` and `poll` is asked for.
Result<std::unique_ptr<LiveSource>> make_source(std::unique_ptr<Api> api, SourceChoice choice);

}  // namespace netlog::source::ip_helper
