// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

namespace netlog::store {

/// Tables whose rows come with the schema or can be rebuilt from other tables, but for the sums of
/// deleted connections.
inline constexpr std::array<std::string_view, 9> kRebuildableTables{"duration_bucket",
                                                                    "flow",
                                                                    "flow_sum",
                                                                    "flow_dwell",
                                                                    "long_dwell",
                                                                    "open_second",
                                                                    "open_minute",
                                                                    "open_hour",
                                                                    "port_use"};

}  // namespace netlog::store
