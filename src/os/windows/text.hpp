// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace netlog::os {

/// UTF-8 as the UTF-16 that Windows uses.
std::wstring wide(std::string_view utf8);

/// UTF-16 as UTF-8, at most 32 KiB. Invalid text becomes U+FFFD.
std::string narrow(std::wstring_view text);

/// The system's message for an error code, one line; empty if it has none.
std::string text_of_code(std::uint32_t code);

/// The error of a failed call: `context: the system's message [win32:code]`.
Error fail_win32(std::uint32_t code, std::string context);

}  // namespace netlog::os
