// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

struct ScreenSize {
  std::size_t columns = 0;
  std::size_t rows = 0;

  bool operator==(const ScreenSize&) const = default;
};

/// The lines of a text that a screen of this size has place for; one is for the status.
inline std::size_t lines_on(const ScreenSize& size) {
  return size.rows == 0 ? 0 : size.rows - 1;
}

/// What makes a terminal of this size show the lines of a text from `first` on, and a status in its
/// last line: what was shown is overwritten, in one synchronised update where the terminal knows
/// that (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036). How many lines
/// follow comes first in the status.
std::string frame(std::string_view text,
                  std::size_t first,
                  std::vector<std::string> status,
                  const ScreenSize& size);

/// The alternate screen of the terminal behind standard output (ECMA-48 and xterm's control
/// sequences). What the terminal showed before is back when this ends.
class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  /// Shows a text from a line on, as frame() does.
  static void show(std::string_view text, std::size_t first, std::vector<std::string> status);
  /// The size that the terminal has now.
  [[nodiscard]] static ScreenSize size();
};

}  // namespace netlog::cli
