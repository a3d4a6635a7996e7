// SPDX-License-Identifier: MIT
#include "cli/output/keys.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace netlog::cli {
namespace {

constexpr char kEscape = '\x1b';

// After ESC [ or ESC O.
constexpr std::array<std::pair<std::string_view, Key>, 14> kSequences{{
    {"A", Key::up},
    {"B", Key::down},
    {"C", Key::right},
    {"D", Key::left},
    {"H", Key::home},
    {"F", Key::end},
    {"1~", Key::home},
    {"4~", Key::end},
    {"5~", Key::page_up},
    {"6~", Key::page_down},
    {"7~", Key::home},
    {"8~", Key::end},
    {"3~", Key::erase},
    {"M", Key::enter},
}};

/// Takes the rest of a control sequence, up to its final byte.
std::string_view take_sequence(std::string_view& bytes) {
  std::size_t length = 0;
  while (length < bytes.size() && (bytes[length] < '@' || bytes[length] > '~')) {
    ++length;
  }
  length = std::min(length + 1, bytes.size());
  const auto sequence = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return sequence;
}

std::size_t length_of_character(unsigned char lead) {
  constexpr unsigned char kTwo = 0xC0;
  constexpr unsigned char kThree = 0xE0;
  constexpr unsigned char kFour = 0xF0;
  return lead >= kFour ? 4 : lead >= kThree ? 3 : lead >= kTwo ? 2 : 1;
}

}  // namespace

std::vector<KeyPress> decode_keys(std::string_view bytes) {
  std::vector<KeyPress> keys;
  while (!bytes.empty()) {
    const auto first = bytes.front();
    if (first == kEscape && bytes.size() > 1 && (bytes[1] == '[' || bytes[1] == 'O')) {
      bytes.remove_prefix(2);
      const auto sequence = take_sequence(bytes);
      const auto* const known =
          std::find_if(kSequences.begin(), kSequences.end(), [&](const auto& entry) {
            return entry.first == sequence;
          });
      if (known != kSequences.end()) {
        keys.push_back({known->second, {}});
      }
      continue;
    }
    const auto length =
        std::min(length_of_character(static_cast<unsigned char>(first)), bytes.size());
    const auto character = bytes.substr(0, length);
    bytes.remove_prefix(length);
    if (first == kEscape) {
      keys.push_back({Key::escape, {}});
    } else if (first == '\r' || first == '\n') {
      keys.push_back({Key::enter, {}});
    } else if (first == '\x7f' || first == '\b') {
      keys.push_back({Key::erase, {}});
    } else if (first == '\x1a') {
      keys.push_back({Key::suspend, {}});
    } else if (first >= ' ' || first < 0) {
      if (to_utf8(character, character.size()) == character) {
        keys.push_back({Key::character, std::string{character}});
      }
    }
  }
  return keys;
}

}  // namespace netlog::cli
