// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netlog {

/// The whole text as one integer that fits T; no blanks, no `+`, `-` only where T is signed.
template <std::integral T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return value;
}

/// The whole text as a decimal fraction such as `1.5`; no exponent.
std::optional<double> parse_fraction(std::string_view text);

/// Splits at every `separator`; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

/// Splits at runs of blanks and tabs; no empty pieces.
std::vector<std::string_view> words(std::string_view text);

std::string_view trim(std::string_view text);

/// Only the letters of ASCII change.
std::string lower(std::string_view text);
std::string upper(std::string_view text);

/// The bytes as lower-case hexadecimal digits.
std::string hex(std::span<const std::byte> bytes);

/// A copy of hostile bytes as valid UTF-8 of at most `most` bytes, cut at a character's end: every
/// byte that is not part of a well-formed sequence becomes U+FFFD. Control characters stay;
/// renderers escape them.
std::string to_utf8(std::string_view bytes, std::size_t most);

/// UTF-16 as UTF-8 of at most `most` bytes, cut at a character's end: a surrogate without its other
/// half becomes U+FFFD.
std::string utf8_from_utf16(std::u16string_view text, std::size_t most);

/// Between a path and UTF-8, whatever the system's own form of paths is.
std::string utf8(const std::filesystem::path& path);
std::filesystem::path path_from_utf8(std::string_view text);
/// The path of a file that stands beside it: `x.db`, `-wal`.
std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix);

/// What a library says, for an error message: on one line, without control characters, and cut at
/// 200 bytes.
std::string one_line(std::string_view text);

/// Quotes text for an error message: escaped, and cut at 80 characters.
std::string quote(std::string_view text);

/// The code point that starts at `at` and its length in bytes; length 0 where the bytes are not
/// UTF-8.
struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;
};
CodePoint code_point_at(std::string_view text, std::size_t at);

/// The candidate nearest to `text` by edit distance, if it is near enough to be meant.
std::optional<std::string> nearest(std::string_view text,
                                   const std::vector<std::string>& candidates);

}  // namespace netlog
