// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

/// `first | second | …` in less than `width` columns; 0: any number. Parts that do not fit are left
/// out, the last ones first; the first part is cut if need be.
std::string status_text(const std::vector<std::string>& parts, std::size_t width);

/// One line of a terminal behind standard error that is written again and again.
class StatusLine {
 public:
  /// Writes the line, or removes it.
  using Write = std::function<void(std::string text, bool is_removed)>;

  /// Without a terminal nothing is shown. Without `write` it is written at once, which blocks where
  /// the terminal is held up.
  explicit StatusLine(Write write = {});

  /// Replaces the line, in the terminal's width of this moment.
  void show(const std::vector<std::string>& parts);
  /// Removes the line, so that something else can be written.
  void clear();

 private:
  void write(std::string_view text);

  const Write write_;
  const bool terminal_;
  const bool escapes_;
  std::size_t shown_ = 0;  ///< columns of the line on the terminal
};

}  // namespace netlog::cli
