// SPDX-License-Identifier: MIT
#pragma once

#include "model/incident.hpp"

#include <string>
#include <string_view>

namespace netlog::render {

/// A JSON string that can stand in a `<script>` element: as in JSON Lines, and `<` and the line
/// separators U+2028 and U+2029 as escapes.
std::string script_string(std::string_view text);

/// The data of a page in one JSON object, without its reports: tables by columns, texts by
/// dictionaries, times as offsets from `base_ns` (docs/topics/pages.md).
std::string incident_json(const Incident& incident);

/// The reports of a page in one JSON object. Their times are offsets from the same `base_ns`.
std::string reports_json(const Incident& incident);

}  // namespace netlog::render
