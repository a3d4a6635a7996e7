// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace netlog::ship {

/// The bytes as a gzip file of one member (RFC 1952), compressed fast rather than small.
std::string gzip(std::string_view bytes);

}  // namespace netlog::ship
