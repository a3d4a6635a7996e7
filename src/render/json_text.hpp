// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <string>
#include <string_view>

namespace netlog::render {

/// A JSON string (RFC 8259 §7). Bytes that are not UTF-8 become U+FFFD; characters that could
/// change a terminal are escapes.
std::string json_text(std::string_view text);

/// Any cell as JSON; unknown is `null`.
std::string json_value(const Cell& cell);

}  // namespace netlog::render
