// SPDX-License-Identifier: MIT
#pragma once

#include "capture/sections.hpp"
#include "support/hex.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace netlog::test {

/// Builds tables of the IP Helper API as the documentation lays them out.
class MibBytes {
 public:
  MibBytes& dword(std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes_.push_back(static_cast<std::byte>(value >> shift));
    }
    return *this;
  }
  MibBytes& qword(std::uint64_t value) {
    return dword(static_cast<std::uint32_t>(value)).dword(static_cast<std::uint32_t>(value >> 32U));
  }
  /// Network order in the first two of four bytes; what follows is not always zero.
  MibBytes& port(std::uint16_t value) {
    bytes_.push_back(static_cast<std::byte>(value >> 8U));
    bytes_.push_back(static_cast<std::byte>(value));
    bytes_.push_back(std::byte{0xAD});
    bytes_.push_back(std::byte{0xDE});
    return *this;
  }
  MibBytes& hex(std::string_view digits) {
    const auto more = from_hex(digits);
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  /// OwningModuleInfo[16], of which only the first is used.
  MibBytes& module_info(std::uint64_t tag) {
    qword(tag);
    for (int i = 1; i < 16; ++i) {
      qword(0xFFFF'FFFF'FFFF'FFFF);
    }
    return *this;
  }

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<std::byte> section(capture::MibTable tag, const MibBytes& table) {
  std::vector<std::byte> sections;
  capture::append_section(sections, tag, table.bytes());
  return sections;
}

}  // namespace netlog::test
