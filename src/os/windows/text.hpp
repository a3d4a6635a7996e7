// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace netlog::os {

/// UTF-8 as the wide text that Windows takes.
std::wstring wide(std::string_view utf8);

/// Wide text of Windows as UTF-8, whatever it holds; at most 32 KiB.
std::string narrow(std::wstring_view text);

/// The system's own words for an error code, one line; empty where it has none.
std::string text_of_code(std::uint32_t code);

/// What a call came to: `context: the system's words [win32:code]`.
Error fail_win32(std::uint32_t code, std::string context);

}  // namespace netlog::os
