// SPDX-License-Identifier: MIT
#include "render/shapes.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace netlog::render {
namespace {

/// One of the eight blocks of a row of Unicode's Block Elements, U+2580 to U+258F. `first` is the
/// one for `eighths` = 1; only the last byte differs.
std::string block(std::string_view first, std::size_t eighths) {
  std::string text{first};
  text.back() = static_cast<char>(text.back() + static_cast<char>(eighths - 1));
  return text;
}

}  // namespace

std::string bar(std::int64_t value, std::int64_t most, bool ascii) {
  if (value <= 0) {
    return {};
  }
  const auto share = static_cast<double>(value) / static_cast<double>(std::max(most, value));
  if (ascii) {
    std::string text;
    text.append(static_cast<std::size_t>(std::ceil(share * kBarWidth)), '#');
    return text;
  }
  const auto eighths = static_cast<std::size_t>(std::ceil(share * kBarWidth * 8));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) {
    text += "█";
  }
  // U+258F is one eighth, U+2589 seven.
  return eighths % 8 == 0 ? text : text + block("▉", 8 - eighths % 8);
}

std::string sparkline(std::string_view counts, bool ascii) {
  constexpr std::string_view kAscii = ".:-=+*%#@";
  std::vector<std::int64_t> values;
  for (const auto part : split(counts, ',')) {
    values.push_back(parse_number<std::int64_t>(part).value_or(0));
  }
  const auto most = *std::max_element(values.begin(), values.end());
  std::string text;
  for (const auto value : values) {
    const auto level = most > 0 && value > 0
                           ? static_cast<std::size_t>(std::ceil(8.0 * static_cast<double>(value) /
                                                                static_cast<double>(most)))
                           : 0;
    text += ascii ? std::string{kAscii[level]} : level == 0 ? std::string{"·"} : block("▁", level);
  }
  return text;
}

}  // namespace netlog::render
