// SPDX-License-Identifier: MIT
#include "model/community_id.hpp"

#include "util/sha1.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog {
namespace {

/// RFC 4648 §4, with padding.
std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = (group << 8U) | (i < count ? std::to_integer<std::uint32_t>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= count ? kDigits[(group >> (18 - 6 * i)) & 0x3FU] : '=';
    }
  }
  return text;
}

void add_u16(std::vector<std::byte>& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::byte>(value >> 8U));
  bytes.push_back(static_cast<std::byte>(value & 0xFFU));
}

void add_address(std::vector<std::byte>& bytes, const IpAddress& address) {
  for (std::size_t i = 0; i < address.size(); ++i) {
    bytes.push_back(static_cast<std::byte>(address.bytes.at(i)));
  }
}

/// As in the packets.
Endpoint on_the_wire(const Endpoint& endpoint) {
  auto address = ipv4_if_mapped(endpoint.address);
  address.scope = 0;
  return {address, endpoint.port};
}

}  // namespace

std::string community_id(Protocol protocol, const Endpoint& one, const Endpoint& other) {
  constexpr std::uint16_t kSeed = 0;
  constexpr std::uint8_t kTcp = 6;
  constexpr std::uint8_t kUdp = 17;
  auto first = on_the_wire(one);
  auto second = on_the_wire(other);
  if (std::pair{second.address.bytes, second.port} < std::pair{first.address.bytes, first.port}) {
    std::swap(first, second);
  }
  std::vector<std::byte> bytes;
  add_u16(bytes, kSeed);
  add_address(bytes, first.address);
  add_address(bytes, second.address);
  bytes.push_back(std::byte{protocol == Protocol::tcp ? kTcp : kUdp});
  bytes.push_back(std::byte{0});
  add_u16(bytes, first.port);
  add_u16(bytes, second.port);
  return "1:" + base64(sha1(bytes));
}

}  // namespace netlog
