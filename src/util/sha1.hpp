// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace netlog {

/// The SHA-1 of the bytes, 20 bytes in network order. Only for identifiers whose definition asks
/// for it: it does not withstand an attacker. Source: FIPS 180-4 §6.1.
std::array<std::byte, 20> sha1(std::span<const std::byte> bytes);

}  // namespace netlog
