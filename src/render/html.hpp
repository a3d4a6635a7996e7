// SPDX-License-Identifier: MIT
#pragma once

#include "model/incident.hpp"

#include <string>
#include <string_view>

namespace netlog::render {

/// What this build lacks for pages, such as `no dygraphs, no zlib`; empty: nothing.
std::string_view html_missing();

/// A page that shows the incident: one file without references to others. Its scripts and its style
/// are those of the program, and the hashes in its Content-Security-Policy allow no others; what
/// processes and peers may choose is in the data only. Empty where html_missing() names something.
std::string html_page(const Incident& incident);

}  // namespace netlog::render
