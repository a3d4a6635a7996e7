// SPDX-License-Identifier: MIT
#pragma once

#include "render/render.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace netlog::render {

/// `1,234,567`
std::string thousands(std::int64_t value);

/// Two decimals, rounded down: 99.996 is shown as 99.99, since it is not all.
std::string percent_text(double percent);

/// The text with a line break in place of the separator wherever a line would be too long. `width`
/// 0: lines have any length.
std::string wrapped(const std::string& text, std::string_view separator, std::size_t width);

/// Where the port begins in the text of an endpoint, after `:` or ` to port `; npos: there is none.
std::size_t port_position(std::string_view endpoint);

}  // namespace netlog::render
