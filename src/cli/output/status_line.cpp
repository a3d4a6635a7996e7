// SPDX-License-Identifier: MIT
#include "cli/output/status_line.hpp"

#include "os/terminal.hpp"
#include "render/render.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

namespace netlog::cli {

std::string status_text(const std::vector<std::string>& parts, std::size_t width) {
  constexpr std::string_view kBetween = " | ";
  // A terminal may go on to the next line after a character in its last column.
  const auto most = width == 0 ? std::string::npos : width - 1;
  std::string text;
  for (const auto& part : parts) {
    const auto wanted = part.size() + (text.empty() ? 0 : kBetween.size());
    if (text.empty()) {
      text = part.substr(0, most);
    } else if (text.size() + wanted <= most) {
      text.append(kBetween).append(part);
    } else {
      break;
    }
  }
  return text;
}

StatusLine::StatusLine(Write write)
    : write_{std::move(write)},
      terminal_{os::is_terminal(os::StandardStream::error)},
      escapes_{os::understands_escapes(os::StandardStream::error)} {}

void StatusLine::show(const std::vector<std::string>& parts) {
  constexpr std::size_t kUsualWidth = 80;
  if (!terminal_) {
    return;
  }
  const auto width = os::terminal_width(os::StandardStream::error);
  write(status_text(parts, width == 0 ? kUsualWidth : width));
}

void StatusLine::clear() {
  if (shown_ > 0) {
    write("");
  }
}

void StatusLine::write(std::string_view text) {
  std::string line{"\r"};
  if (escapes_) {
    line += "\x1b[K";
  } else {
    line += std::string(shown_, ' ') + "\r";
  }
  line += text;
  shown_ = text.size();
  if (write_) {
    write_(std::move(line), text.empty());
  } else {
    std::cerr << line << std::flush;
  }
}

}  // namespace netlog::cli
