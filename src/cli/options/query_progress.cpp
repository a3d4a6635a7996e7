// SPDX-License-Identifier: MIT
#include "cli/options/query_progress.hpp"

#include <fmt/format.h>

namespace netlog::cli {

QueryProgress::QueryProgress()
    : began_{std::chrono::steady_clock::now()}, requests_{os::watch_stop_requests([this] {
        stopped_ = true;
      })} {}

QueryProgress::~QueryProgress() {
  clear();
}

void QueryProgress::watch(store::Reader& reader) {
  reader.on_progress([this] { return go_on(); });
}

bool QueryProgress::go_on() {
  const auto waited =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began_);
  if (waited > shown_) {
    shown_ = waited;
    line_.show({fmt::format("reading the recording, {} s; Ctrl-C stops", waited.count())});
  }
  if (stopped_) {
    clear();
  }
  return !stopped_;
}

void QueryProgress::clear() {
  line_.clear();
}

}  // namespace netlog::cli
