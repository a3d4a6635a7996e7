// SPDX-License-Identifier: MIT
#include "cli/output/screen.hpp"

#include "cli/output/status_line.hpp"
#include "os/terminal.hpp"

#include <iostream>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::string_view kBeginUpdate = "\x1b[?2026h";
constexpr std::string_view kEndUpdate = "\x1b[?2026l";
constexpr std::string_view kHome = "\x1b[H";
// Before the text: after it, it would clear the last column, where the cursor stays.
constexpr std::string_view kClearLine = "\x1b[0m\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";
// Without wrapping: a line that is too long must not move the others.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kUsualRows = 24;

}  // namespace

std::string frame(std::string_view text,
                  std::size_t first,
                  std::vector<std::string> status,
                  const ScreenSize& size) {
  std::string out{kBeginUpdate};
  out += kHome;
  std::size_t line = 0;
  const auto after = first + lines_on(size);
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    if (line >= first && line < after) {
      out.append(kClearLine).append(text.substr(0, end)).append("\r\n");
    }
    text.remove_prefix(end + 1);
    ++line;
  }
  if (line > after) {
    status.insert(status.begin(), fmt::format("{} more lines", line - after));
  }
  out.append(kClearLine).append(kClearBelow).append(status_text(status, size.columns));
  return out.append(kEndUpdate);
}

Screen::Screen() {
  std::cout << kEnter << std::flush;
}

Screen::~Screen() {
  std::cout << kLeave << std::flush;
}

void Screen::show(std::string_view text, std::size_t first, std::vector<std::string> status) {
  std::cout << frame(text, first, std::move(status), size()) << std::flush;
}

ScreenSize Screen::size() {
  const auto columns = os::terminal_width(os::StandardStream::output);
  const auto rows = os::terminal_height(os::StandardStream::output);
  return {columns == 0 ? kUsualColumns : columns, rows == 0 ? kUsualRows : rows};
}

}  // namespace netlog::cli
