// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace netlog::decode {

/// Sizes of names in messages, with the bytes that are lengths (RFC 1035 §2.3.4).
inline constexpr std::size_t kMaxLabelBytes = 63;
inline constexpr std::size_t kMaxNameBytes = 255;

/// Reads a DNS message in order; integers are in network order. Fails once and stays failed: reads
/// after the end give zeros and empty texts. Source: RFC 1035 §4.1.
class DnsReader {
 public:
  /// @param at where the first read is, from the begin of the message
  explicit DnsReader(std::span<const std::byte> message, std::size_t at = 0);

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t remaining() const { return message_.size() - at_; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return integer(4); }

  /// The next `size` bytes, or an empty span (and failure) when there are fewer.
  std::span<const std::byte> take(std::size_t size);
  void skip(std::size_t size) { take(size); }

  /// A name as in Lookup, of at most 1003 bytes. It may be compressed (§4.1.4). Fails if a label is
  /// longer than 63 bytes, the name longer than 255, or a pointer leads to itself, forward or into
  /// the header.
  std::string name();

 private:
  std::uint32_t integer(std::size_t size);
  /// Goes to where a pointer leads; fails unless that is behind the header and before `before`.
  void move_back(std::size_t to, std::size_t before);
  void stop();

  std::span<const std::byte> message_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// Adds one byte of a text: `\DDD` (§5.1) if it is not printable ASCII, or is a backslash.
void append_escaped(std::string& text, std::byte byte);

/// The first `most` bytes of an escaped text, cut at the end of a byte's form.
std::string cut_escaped(std::string_view text, std::size_t most);

}  // namespace netlog::decode
