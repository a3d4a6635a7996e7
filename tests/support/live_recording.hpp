// SPDX-License-Identifier: MIT
#pragma once

#include "os/clock.hpp"
#include "record/recorder.hpp"
#include "source/live_source.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/time.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace netlog::test {

/// A recorder over a live source that polls when poll() is called.
class LiveRecording {
 public:
  explicit LiveRecording(std::unique_ptr<source::LiveSource> source)
      : source_{std::move(source)},
        writer_{scratch_ / "a.db", Session{}},
        recorder_{writer_, 100 * kNsPerMs} {
    mark(capture::UtcOffset{os::measure_utc_offset_ns(), 0});
  }

  void tick() {
    mark(capture::TickBegin{});
    source_->sample(source::SamplePlan{}, recorder_);
    std::vector<source::OwnerQuery> questions;
    for (const auto& question : recorder_.tracker().owner_queries(1000)) {
      questions.push_back({question.key, question.owner_pid, question.likely_pids});
    }
    if (!questions.empty()) {
      source_->find_owners(questions, std::chrono::seconds{1}, recorder_);
    }
    mark(capture::TickEnd{});
  }

  /// What a query finds. Ends the recording.
  std::string rows(const std::string& sql) {
    if (!std::exchange(finished_, true)) {
      recorder_.finish();
      writer_.finish(recorder_.now_utc_ns());
    }
    return test::rows(scratch_ / "a.db", sql);
  }

  [[nodiscard]] const source::LiveSource& source() const { return *source_; }

 private:
  void mark(capture::Payload payload) {
    const auto now_ns = os::read_boot_clock_ns();
    recorder_.consume({0, Span{now_ns, now_ns}, std::move(payload)});
  }

  Scratch scratch_;
  std::unique_ptr<source::LiveSource> source_;
  store::Writer writer_;
  record::Recorder recorder_;
  bool finished_ = false;
};

}  // namespace netlog::test
