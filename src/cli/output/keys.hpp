// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

enum class Key : std::uint8_t {
  character,
  up,
  down,
  left,
  right,
  page_up,
  page_down,
  home,
  end,
  enter,
  escape,
  erase,    ///< the last character
  suspend,  ///< Ctrl-Z
};

struct KeyPress {
  Key key = Key::character;
  std::string character;  ///< UTF-8; empty but for Key::character

  bool operator==(const KeyPress&) const = default;
};

/// The keys of what a terminal has sent (ECMA-48 §5.4, and xterm's sequences for PC-style function
/// keys). Those that are not known, and bytes that are not UTF-8, are left out.
std::vector<KeyPress> decode_keys(std::string_view bytes);

}  // namespace netlog::cli
