// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

/// Searches bytes for many texts in one pass. Each text is found by a window of six of its bytes,
/// chosen so that few other texts share it.
class TextSearch {
 public:
  static constexpr std::size_t kShortest = 6;

  TextSearch();

  /// Which neighbouring bytes rule out a hit. At the end of the bytes the next byte is unknown, so
  /// only `anything` has hits there.
  enum class Bounds : std::uint8_t {
    anything,  ///< a hit wherever it is
    ipv4,      ///< not within a longer dotted quad: 10.0.0.5 is not in 110.0.0.51
    ipv6,      ///< not within a longer group of hexadecimal digits and colons
  };

  /// @returns the number of the text, from 0. A text shorter than kShortest is never found.
  std::size_t add(std::string text, Bounds bounds);

  /// Calls `found` with the number of a text for each place where it occurs. `found` returns false
  /// to stop.
  void each(std::string_view bytes, const std::function<bool(std::size_t)>& found) const;

  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  struct Text {
    std::string text;
    Bounds bounds = Bounds::anything;
    std::size_t window_at = 0;
    std::int32_t next = -1;  ///< in the same bucket
  };

  static bool is_at(const Text& text, std::string_view bytes, std::size_t at);

  std::vector<Text> texts_;
  std::vector<bool> filter_;
  std::vector<std::int32_t> buckets_;
  std::vector<std::uint32_t> loads_;
  std::size_t longest_ = 0;
};

}  // namespace netlog::store
