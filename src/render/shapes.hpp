// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace netlog::render {

constexpr std::size_t kBarWidth = 30;

/// A bar of at most kBarWidth columns, as long as the value's share of `most`. Empty for 0; a value
/// above 0 is never empty. `ascii`: `#` instead of blocks.
std::string bar(std::int64_t value, std::int64_t most, bool ascii);

/// A character for each of the counts, such as `0,3,10`, as high as its share of the largest.
std::string sparkline(std::string_view counts, bool ascii);

}  // namespace netlog::render
