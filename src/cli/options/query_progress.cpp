// SPDX-License-Identifier: MIT
#include "cli/options/query_progress.hpp"

#include "report/completeness.hpp"

#include <iostream>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {

QueryProgress::QueryProgress()
    : began_{std::chrono::steady_clock::now()}, requests_{os::watch_stop_requests([this] {
        stopped_ = true;
      })} {}

void warn_of_missing_wal(store::Reader& reader) {
  if (!reader.lacks_wal()) {
    return;
  }
  // Another program that closes the file after the recorder merges the -wal and deletes it.
  const bool ended = report::last_session_has_ended(reader);
  std::cerr << (ended
                    ? "netlog: the recording has no -wal beside it: nothing is missing, unless it "
                      "was copied alone while a later session was recorded\n"
                    : "netlog: the recording has no -wal beside it, though it was being written: "
                      "if it was copied alone, its newest rows are missing; copy its -wal, too, "
                      "or cut a clip instead\n");
}

QueryProgress::~QueryProgress() {
  clear();
}

void QueryProgress::watch(store::Reader& reader) {
  if (!std::exchange(has_warned_, true)) {
    warn_of_missing_wal(reader);
  }
  reader.on_progress([this] { return go_on(); });
}

void QueryProgress::restart() {
  began_ = std::chrono::steady_clock::now();
  shown_ = std::chrono::seconds{0};
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
