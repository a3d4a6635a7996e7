// SPDX-License-Identifier: MIT
#pragma once

#include "util/byte_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace netlog {

/// A netlink message without its header. Source: linux/netlink.h.
struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::span<const std::byte> payload;
};

/// Takes the first message off bytes that are not empty. Integers are in host order.
/// @return nothing if it is cut; the bytes stay then
inline std::optional<NetlinkMessage> take_netlink_message(std::span<const std::byte>& bytes) {
  constexpr std::size_t kHeaderBytes = 16;
  constexpr std::size_t kAlignment = 4;
  ByteReader in{bytes};
  const std::size_t length = in.u32();
  NetlinkMessage message{in.u16(), in.u16(), {}};
  if (!in.ok() || length < kHeaderBytes || length > bytes.size()) {
    return std::nullopt;
  }
  message.payload = bytes.subspan(kHeaderBytes, length - kHeaderBytes);
  const auto aligned = (length + kAlignment - 1) / kAlignment * kAlignment;
  bytes = bytes.subspan(std::min(aligned, bytes.size()));
  return message;
}

}  // namespace netlog
