// SPDX-License-Identifier: MIT
#include "cli/output/watch_view.hpp"

#include <algorithm>
#include <string_view>

namespace netlog::cli {
namespace {

constexpr std::size_t kMaxTyped = 200;

/// Removes the last character, which may have several bytes.
void erase_last(std::string& text) {
  constexpr unsigned char kMask = 0xC0;
  constexpr unsigned char kFollows = 0x80;
  while (!text.empty()) {
    const auto last = static_cast<unsigned char>(text.back());
    text.pop_back();
    if ((last & kMask) != kFollows) {
      return;
    }
  }
}

WatchEffect type(WatchView& view, const KeyPress& key) {
  switch (key.key) {
    case Key::character:
      if (view.containing.size() < kMaxTyped) {
        view.containing += key.character;
      }
      return WatchEffect::draw;
    case Key::erase:
      erase_last(view.containing);
      return WatchEffect::draw;
    case Key::escape:
      view.containing.clear();
      [[fallthrough]];
    case Key::enter:
      view.is_typing = false;
      return WatchEffect::answer;
    default:
      return WatchEffect::none;
  }
}

/// The column `by` places after the one that is sorted by. Before the first there is none.
std::string next_column(const WatchView& view,
                        const std::vector<std::string>& columns,
                        std::size_t by) {
  const auto found = std::find(columns.begin(), columns.end(), view.sorted);
  const auto now =
      found == columns.end() ? 0 : static_cast<std::size_t>(found - columns.begin()) + 1;
  const auto next = (now + by) % (columns.size() + 1);
  return next == 0 ? std::string{} : columns[next - 1];
}

WatchEffect command(WatchView& view,
                    std::string_view character,
                    const std::vector<std::string>& columns) {
  if (character == "q") {
    return WatchEffect::end;
  }
  if (character == " ") {
    view.is_paused = !view.is_paused;
    return view.is_paused ? WatchEffect::draw : WatchEffect::answer;
  }
  if (character == "/") {
    view.is_typing = true;
    view.containing.clear();
    return WatchEffect::draw;
  }
  if (character == "r") {
    view.is_paused = false;
    view.steps = 0;
    return WatchEffect::answer;
  }
  if (character == ">" || character == "<") {
    view.sorted = next_column(view, columns, character == ">" ? 1 : columns.size());
    return WatchEffect::answer;
  }
  return WatchEffect::none;
}

WatchEffect scroll(WatchView& view, Key key, const WatchLimits& limits) {
  const auto last = limits.lines - std::min(limits.lines, limits.shown);
  const auto page = std::max<std::size_t>(limits.shown, 1);
  const auto before = std::min(view.first_line, last);
  auto first = before;
  switch (key) {
    case Key::up:
      first = before - std::min<std::size_t>(before, 1);
      break;
    case Key::down:
      first = before + 1;
      break;
    case Key::page_up:
      first = before - std::min(before, page);
      break;
    case Key::page_down:
      first = before + page;
      break;
    case Key::home:
      first = 0;
      break;
    case Key::end:
      first = last;
      break;
    default:
      break;
  }
  view.first_line = std::min(first, last);
  return view.first_line == before ? WatchEffect::none : WatchEffect::draw;
}

}  // namespace

WatchEffect press(WatchView& view, const KeyPress& key, const WatchLimits& limits) {
  if (view.is_typing) {
    return type(view, key);
  }
  switch (key.key) {
    case Key::character:
      return command(view, key.character, limits.columns);
    case Key::left:
      --view.steps;
      return WatchEffect::answer;
    case Key::right:
      if (view.steps == 0 && limits.ends_now) {
        return WatchEffect::none;
      }
      ++view.steps;
      return WatchEffect::answer;
    case Key::suspend:
      return WatchEffect::suspend;
    case Key::escape:
      view.containing.clear();
      view.steps = 0;
      return WatchEffect::answer;
    default:
      return scroll(view, key.key, limits);
  }
}

}  // namespace netlog::cli
