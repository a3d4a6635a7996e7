// SPDX-License-Identifier: MIT
#include "record/sampler.hpp"

#include "os/clock.hpp"
#include "os/memory.hpp"
#include "util/error.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace netlog::record {
namespace {

using capture::RawRecord;

constexpr std::chrono::milliseconds kDrainEvery{10};
constexpr std::int64_t kFullEveryNs = kNsPerSecond;
constexpr std::int64_t kTimeWaitRowNs = 200;
constexpr std::int64_t kMaxTimeWaitEveryNs = 30 * kNsPerSecond;
constexpr std::chrono::seconds kShrinkEvery{10};
constexpr std::size_t kMaxOwnerQueries = 20'000;

RawRecord record_at(std::int64_t now_ns, capture::Payload payload) {
  return {0, Span{now_ns, now_ns}, std::move(payload)};
}

}  // namespace

/// Writes each record to the capture before the recorder works on it, so that a crash of the
/// recorder does not lose the record.
class Sampler::Tee final : public capture::RecordSink {
 public:
  explicit Tee(Sampler& sampler) : sampler_{sampler} {}
  void consume(const RawRecord& record) override {
    sampler_.use_capture([&](capture::CaptureWriter& capture) { capture.write(record); });
    sampler_.recorder_.consume(record);
  }

 private:
  Sampler& sampler_;
};

/// A full disk ends the capture, not the recording.
template <typename Use>
void Sampler::use_capture(const Use& use) {
  if (capture_ == nullptr) {
    return;
  }
  try {
    use(*capture_);
  } catch (const CommandFailed& failed) {
    capture_ = nullptr;
    on_capture_failed_(failed.what());
  }
}

void Sampler::flush() {
  Tee tee{*this};
  source_.flush(tee);
}

void Sampler::end_capture() {
  use_capture([](capture::CaptureWriter& capture) { capture.flush(); });
  capture_ = nullptr;
}

source::SamplePlan SamplePlanner::plan(std::int64_t now_ns,
                                       const KnownTimeWait& known,
                                       bool tracing) {
  // Half an interval early is on time: otherwise ticks at whole seconds would miss every other one.
  const auto is_due = [&](std::int64_t last_ns, std::int64_t every_ns) {
    return now_ns - last_ns >= every_ns - interval_ns_ / 2;
  };
  const bool trace_has_ended = std::exchange(was_tracing_, tracing) && !tracing;
  const bool full = trace_has_ended || is_due(last_full_ns_, kFullEveryNs);
  const auto cost_ns = static_cast<std::int64_t>(known.rows) * kTimeWaitRowNs;
  const auto traced_every_ns =
      std::min(cost_ns * (known.awaited ? 100 : 1000), kMaxTimeWaitEveryNs);
  const bool few = cost_ns <= interval_ns_ / 100;
  const bool time_wait =
      tracing ? full && is_due(last_time_wait_ns_, traced_every_ns) : full || few;
  if (full) {
    last_full_ns_ = now_ns;
  }
  if (time_wait) {
    last_time_wait_ns_ = now_ns;
  }
  return {full || !tracing, time_wait, full, full, full, true};
}

Sampler::Sampler(boost::asio::io_context& io,
                 TickSchedule schedule,
                 std::int64_t interval_ns,
                 double cpu_budget,
                 source::LiveSource& source,
                 Recorder& recorder,
                 capture::CaptureWriter* capture,
                 OnCaptureFailed on_capture_failed)
    : fine_timers_{os::make_timers_fine(interval_ns)},
      schedule_{schedule},
      interval_ns_{interval_ns},
      pacer_{std::chrono::nanoseconds{interval_ns}, cpu_budget},
      planner_{interval_ns},
      source_{source},
      recorder_{recorder},
      capture_{capture},
      on_capture_failed_{std::move(on_capture_failed)},
      timer_{io},
      drain_timer_{io} {}

boost::asio::awaitable<void> Sampler::run(TickSchedule::Clock::time_point ends_at) {
  while (!stopping_) {
    const auto tick = schedule_.next(TickSchedule::Clock::now(), every_);
    if (tick.due > ends_at) {
      // Run for the whole duration, also after the last tick.
      timer_.expires_at(ends_at);
      boost::system::error_code cancelled;
      co_await timer_.async_wait(
          boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
      const auto lateness = TickSchedule::Clock::now() - tick.due;
      if (lateness >= TickSchedule::Clock::duration::zero()) {
        take_sample(tick, lateness);  // stopped or starved beyond the end: a gap
      }
      co_return;
    }
    timer_.expires_at(tick.due);
    boost::system::error_code cancelled;
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    const auto lateness = TickSchedule::Clock::now() - tick.due;
    if (stopping_) {
      // We were stopped or starved until we were asked to end: that blind time is a gap, too.
      if (tick.skipped > 0 || lateness >= schedule_.period()) {
        take_sample(tick, lateness);
      }
      co_return;
    }
    const auto before_ns = os::read_thread_cpu_clock_ns();
    take_sample(tick, lateness);
    pacer_.took(std::chrono::nanoseconds{os::read_thread_cpu_clock_ns() - before_ns});
    follow_pace();
  }
}

void Sampler::stop() {
  stopping_ = true;  // covers a timer that had already fired
  timer_.cancel();
  drain_timer_.cancel();
}

boost::asio::awaitable<void> Sampler::drain() {
  Tee tee{*this};
  while (!stopping_) {
    if (source_.drains()) {
      drain_timer_.expires_after(kDrainEvery);
    } else {  // until it is stopped: each wake-up costs a laptop its battery
      drain_timer_.expires_at(TickSchedule::Clock::time_point::max());
    }
    boost::system::error_code cancelled;
    co_await drain_timer_.async_wait(
        boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    if (!stopping_ && !source_.drain(tee) && !std::exchange(audited_, true)) {
      // At once, since what was lost is wrong until the tables are read.
      read_tables(source::SamplePlan{true, true, true, false, false, true});
    }
  }
}

void Sampler::follow_pace() {
  if (std::exchange(every_, pacer_.every()) != every_) {
    const capture::IntervalChange change{interval_ns_ * static_cast<std::int64_t>(every_)};
    Tee{*this}.consume(record_at(os::read_boot_clock_ns(), change));
  }
}

void Sampler::follow_utc() {
  const auto change = utc_.follow();
  if (change.by_ns != 0 || !std::exchange(utc_reported_, true)) {
    const capture::UtcOffset utc{utc_.offset_ns(), change.is_step ? change.by_ns : 0};
    Tee{*this}.consume(record_at(os::read_boot_clock_ns(), utc));
  }
}

void Sampler::take_sample(const TickSchedule::Tick& tick, TickSchedule::Clock::duration lateness) {
  Tee tee{*this};
  const capture::TickBegin begin{
      static_cast<std::int64_t>(tick.index),
      static_cast<std::int64_t>(tick.skipped),
      std::chrono::duration_cast<std::chrono::nanoseconds>(lateness).count()};
  tee.consume(record_at(os::read_boot_clock_ns(), begin));
  audited_ = false;
  const auto& tracker = recorder_.tracker();
  auto plan = planner_.plan(tick.due.time_since_epoch().count(),
                            {tracker.time_wait_connections(), tracker.awaits_time_wait()},
                            source_.tracing());
  plan.has_untraced = !has_read_ || !plan.changes || tracker.has_untraced_connections();
  has_read_ = true;
  read_tables(plan);
  const auto now = TickSchedule::Clock::now();
  if (now - shrunk_ >= kShrinkEvery) {
    shrunk_ = now;
    if (recorder_.shrink()) {
      os::return_free_memory();
    }
  }
}

void Sampler::read_tables(const source::SamplePlan& plan) {
  Tee tee{*this};
  follow_utc();
  const auto& tracker = recorder_.tracker();
  source_.sample(plan, tee);
  source_.forget(recorder_.take_released_sockets());
  std::vector<source::OwnerQuery> queries;
  for (auto& query : tracker.owner_queries(kMaxOwnerQueries)) {
    queries.push_back(source::OwnerQuery{query.key, query.owner_pid, std::move(query.likely_pids)});
  }
  if (!queries.empty()) {
    const auto budget = std::clamp(interval_ns_ / 4, kNsPerMs, 50 * kNsPerMs);
    source_.find_owners(queries, std::chrono::nanoseconds{budget}, tee);
  }
  tee.consume(record_at(os::read_boot_clock_ns(), capture::TickEnd{}));
  const auto blocked_ns = recorder_.take_blocked_ns();
  if (blocked_ns > interval_ns_ / 2) {
    const auto now_ns = os::read_boot_clock_ns();
    tee.consume({0, Span{now_ns - blocked_ns, now_ns}, capture::Stalled{blocked_ns}});
  }
}

}  // namespace netlog::record
