// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

/// Looks for many texts at once in bytes: one pass, whatever their number. Each text is known by a
/// window of six of its bytes, chosen so that few others have it, too.
class TextSearch {
 public:
  static constexpr std::size_t kShortest = 6;

  TextSearch();

  /// What bytes beside it make of a hit. At the very end of the bytes nobody knows what follows: it
  /// is one for `anything` only.
  enum class Bounds : std::uint8_t {
    anything,  ///< a hit wherever it is
    ipv4,      ///< not within a longer dotted quad: 10.0.0.5 is not in 110.0.0.51
    ipv6,      ///< not within a longer group of hexadecimal digits and colons
  };

  /// @returns its number, from 0; nothing happens to a text that is shorter than kShortest.
  std::size_t add(std::string text, Bounds bounds);

  /// Calls `found` with the number of each text at each place where it is; it returns false to
  /// stop.
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
