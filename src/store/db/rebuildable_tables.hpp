// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string_view>

namespace netlog::store {

/// Tables that come with the schema, or are made anew from the rows of others.
inline constexpr std::array<std::string_view, 9> kDerived{"code_name",
                                                          "duration_bucket",
                                                          "flow",
                                                          "flow_sum",
                                                          "flow_dwell",
                                                          "long_dwell",
                                                          "open_second",
                                                          "open_minute",
                                                          "port_use"};

}  // namespace netlog::store
