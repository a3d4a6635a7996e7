// SPDX-License-Identifier: MIT
#include "cli/options/query_progress.hpp"

#include "os/terminal.hpp"

#include <iostream>

#include <fmt/format.h>

namespace netlog::cli {

QueryProgress::QueryProgress()
    : on_terminal_{os::is_terminal(os::StandardStream::error)},
      began_{std::chrono::steady_clock::now()},
      requests_{os::watch_stop_requests([this] { stopped_ = true; })} {}

QueryProgress::~QueryProgress() {
  clear();
}

void QueryProgress::watch(store::Reader& reader) {
  reader.on_progress([this] { return go_on(); });
}

bool QueryProgress::go_on() {
  const auto waited =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began_);
  if (on_terminal_ && waited > shown_) {
    shown_ = waited;
    visible_ = true;
    std::cerr << fmt::format("\rreading the recording, {} s; Ctrl-C stops", waited.count())
              << std::flush;
  }
  if (stopped_) {
    clear();
  }
  return !stopped_;
}

void QueryProgress::clear() {
  if (visible_) {
    std::cerr << "\r\x1b[K" << std::flush;
    visible_ = false;
  }
}

}  // namespace netlog::cli
