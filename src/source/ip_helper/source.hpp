// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"
#include "source/live_source.hpp"
#include "util/error.hpp"

#include <memory>

namespace netlog::source::ip_helper {

/// Makes the live source of Windows. It reads each table in the class with the most details that
/// works at the start. It keeps that class, because rows of different classes have different
/// identities. A table that fails later becomes a table_failed record. Errors: the IPv4 TCP table
/// cannot be read; `choice` is neither `automatic` nor `poll`.
Result<std::unique_ptr<LiveSource>> make_source(std::unique_ptr<Api> api, SourceChoice choice);

}  // namespace netlog::source::ip_helper
