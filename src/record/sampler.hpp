// SPDX-License-Identifier: MIT
#pragma once

#include "capture/capture_file.hpp"
#include "os/clock.hpp"
#include "record/recorder.hpp"
#include "record/tick_schedule.hpp"
#include "source/live_source.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace netlog::record {

/// What decides about the tables with TIME_WAIT rows.
struct KnownTimeWait {
  std::size_t rows = 0;
  /// Only these tables show what has become of a connection.
  bool awaited = false;
};

/// Decides what a tick reads, from what the ticks before it read. Pure.
///
/// A row in TIME_WAIT costs 200 ns. Without a trace these rows are read once a second, and every
/// tick while that takes at most a hundredth of the interval.
///
/// With a trace the TCP tables are read once a second. The trace knows most of what is in
/// TIME_WAIT; its rows show what is over, and what the trace does not know. They are read once a
/// second while that takes at most a thousandth of a processor, and a hundredth while they are
/// awaited. More of them are read as rarely as that takes, and at least every 30 seconds: a socket
/// is in TIME_WAIT for 60.
class SamplePlanner {
 public:
  explicit SamplePlanner(std::int64_t interval_ns) : interval_ns_{interval_ns} {}

  source::SamplePlan plan(std::int64_t now_ns, const KnownTimeWait& known, bool tracing);

 private:
  std::int64_t interval_ns_;
  std::int64_t last_full_ns_ = 0;
  std::int64_t last_time_wait_ns_ = 0;
  bool was_tracing_ = false;
};

/// Reads the live source at every tick, and hands its records to the recorder and to a capture file
/// if there is one.
class Sampler {
 public:
  using OnCaptureFailed = std::function<void(const std::string& why)>;

  /// References must outlive run(). `capture` may be null; once it cannot be written, it is not
  /// used any more and `on_capture_failed` is called. `cpu_budget`: the share of one processor that
  /// ticks may take (0 … 1). Above it the interval is stretched.
  Sampler(boost::asio::io_context& io,
          TickSchedule schedule,
          std::int64_t interval_ns,
          double cpu_budget,
          source::LiveSource& source,
          Recorder& recorder,
          capture::CaptureWriter* capture,
          OnCaptureFailed on_capture_failed);

  /// Ticks until stop(), or until `ends_at`. An exception in a tick ends it.
  boost::asio::awaitable<void> run(TickSchedule::Clock::time_point ends_at);
  /// Drains notices and trace events every 10 ms until stop(). Notices have no time of their own,
  /// so this is their error bound.
  boost::asio::awaitable<void> drain();
  void stop();
  /// From the next tick on; as in the constructor.
  void set_cpu_budget(double budget) { pacer_.set_budget(budget); }
  /// Emits what the source has kept for later. Call it when run() and drain() have ended.
  void flush();
  /// Ends the capture: all of it is in its file, or `on_capture_failed` was called.
  void end_capture();

 private:
  class Tee;

  template <typename Use>
  void use_capture(const Use& use);
  void take_sample(const TickSchedule::Tick& tick, TickSchedule::Clock::duration lateness);
  void read_tables(const source::SamplePlan& plan);

  /// Reports the interval when it has changed.
  void follow_pace();
  /// Reports the offset of UTC, the first time and when it has changed.
  void follow_utc();

  std::shared_ptr<void> fine_timers_;
  TickSchedule schedule_;
  std::int64_t interval_ns_;
  Pacer pacer_;
  std::uint64_t every_ = 1;  ///< periods between two ticks, as recorded
  SamplePlanner planner_;
  source::LiveSource& source_;
  Recorder& recorder_;
  capture::CaptureWriter* capture_;
  OnCaptureFailed on_capture_failed_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer drain_timer_;
  bool has_read_ = false;  ///< the tables were read once
  bool audited_ = false;   ///< the tables were read once more since the last tick
  os::UtcOffsetFollower utc_;
  bool utc_reported_ = false;
  bool stopping_ = false;
  TickSchedule::Clock::time_point shrunk_{};  ///< when memory was given back last
};

}  // namespace netlog::record
