// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace netlog {

/// Reads integers from bytes in order. Fails once and stays failed: reads after the end give zeros,
/// so one `ok()` at the end of a layout covers every read before it.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_{bytes} {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

  std::uint8_t u8() { return host<std::uint8_t>(); }
  /// Host order, as the kernel of the machine that was recorded wrote it (x86-64 and arm64:
  /// little-endian).
  std::uint16_t u16() { return host<std::uint16_t>(); }
  std::uint32_t u32() { return host<std::uint32_t>(); }
  std::uint64_t u64() { return host<std::uint64_t>(); }
  /// Network order.
  std::uint16_t u16_be() {
    const auto bytes = take(2);
    return bytes.empty() ? std::uint16_t{0}
                         : static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[0]) << 8U |
                                                      std::to_integer<unsigned>(bytes[1]));
  }

  /// The next `size` bytes, or an empty span (and failure) when there are fewer.
  std::span<const std::byte> take(std::size_t size) {
    if (!ok_ || rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  void skip(std::size_t size) { take(size); }

 private:
  template <typename T>
  T host() {
    const auto bytes = take(sizeof(T));
    T value{};
    if (!bytes.empty()) {
      std::memcpy(&value, bytes.data(), sizeof(T));
    }
    return value;
  }

  std::span<const std::byte> rest_;
  bool ok_ = true;
};

/// The bytes of a text, for decoders; valid as long as the text.
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}
/// A copy of the bytes of a text.
inline std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}
/// The text of some bytes; valid as long as the bytes.
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace netlog
