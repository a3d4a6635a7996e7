// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace netlog::platform {

/// UTC ns of a moment on the boot clock, by the offset that was measured last.
std::int64_t boot_to_utc_ns(std::int64_t boot_ns);

/// Measures the offset between the boot clock and UTC again; returns by how many ns it has moved.
std::int64_t measure_utc_offset();

}  // namespace netlog::platform
