// SPDX-License-Identifier: MIT
#pragma once

#include "cli/output/keys.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace netlog::cli {

/// What a watched report shows, by the keys that were pressed.
struct WatchView {
  std::size_t first_line = 0;
  std::int64_t steps = 0;  ///< forwards in time; negative: back
  std::string sorted;      ///< the column with the largest values first; empty: none
  std::string containing;  ///< only rows with this text; empty: all
  bool is_paused = false;
  bool is_typing = false;  ///< keys change `containing`
};

/// What a key asks for.
enum class WatchEffect : std::uint8_t { none, draw, answer, suspend, end };

/// What the keys work on.
struct WatchLimits {
  std::size_t lines = 0;             ///< of the text
  std::size_t shown = 0;             ///< of them on the screen
  std::vector<std::string> columns;  ///< that can be sorted by
  bool ends_now = false;             ///< nothing is later than what is shown
};

/// Changes the view by a key: `q` ends; blank pauses; `r` goes on, with what is there now; `/`
/// begins a text, Enter ends it; `<` and `>` take another column to sort by; left and right step in
/// time; Escape goes back to all and now; Ctrl-Z suspends; the others scroll.
WatchEffect press(WatchView& view, const KeyPress& key, const WatchLimits& limits);

}  // namespace netlog::cli
