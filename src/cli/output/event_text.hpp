// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "render/render.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

/// Writes events as text, one a line: time, kind, what happened, process and addresses.
///
/// Without a terminal every line has all of it. On a terminal a line fits its width. What repeats
/// is left out: the date has a line of its own when it changes, and an address of our own is shown
/// by its port.
class EventText {
 public:
  /// @param columns of the events
  EventText(std::vector<Column> columns, render::TextStyle style);

  /// One line, or two where the date has changed.
  std::string lines(const std::vector<Cell>& event);

 private:
  [[nodiscard]] const Cell& cell(const std::vector<Cell>& event, std::string_view name) const;
  [[nodiscard]] std::string text(const std::vector<Cell>& event, std::string_view name) const;
  [[nodiscard]] std::string time_text(const std::vector<Cell>& event) const;
  [[nodiscard]] std::string change_text(const std::vector<Cell>& event) const;
  [[nodiscard]] std::vector<std::string> end_texts(const std::vector<Cell>& event) const;
  [[nodiscard]] std::string owner_text(const std::vector<Cell>& event, std::size_t width) const;
  std::string date_line(const std::vector<Cell>& event);

  std::vector<Column> columns_;
  render::TextStyle style_;
  std::string date_;  ///< the last one that was shown
};

}  // namespace netlog::cli
