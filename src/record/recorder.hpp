// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/recording.hpp"
#include "record/delivery.hpp"
#include "record/process_lives.hpp"
#include "record/process_registry.hpp"
#include "record/record_decoder.hpp"
#include "record/recording_counts.hpp"
#include "record/tick_monitor.hpp"
#include "store/write/writer.hpp"
#include "track/coverage.hpp"
#include "track/gap_ledger.hpp"
#include "track/tracker.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netlog::record {

/// The counts of a status line.
struct Progress {
  std::int64_t ticks = 0;
  std::int64_t late_ticks = 0;  ///< began more than a tenth of the interval after their time
  std::int64_t skipped_ticks = 0;
  std::int64_t events = 0;
  std::int64_t gaps = 0;
};

/// Turns what the sources report into rows: decodes each record, applies it to the tracker, and
/// queues what a tick brought at its end. A function of the records alone, so that a capture
/// replays to the same rows.
class Recorder final : public capture::RecordSink {
 public:
  Recorder(store::Writer& writer, std::int64_t interval_ns);

  void consume(const capture::RawRecord& record) override;

  /// A UDP flow that was silent for so long has ended.
  void set_udp_timeout(std::int64_t timeout_ns) { tracker_.set_udp_timeout(timeout_ns); }

  /// The capture that is being replayed ends in the middle of a record.
  void note_cut_capture();

  /// Queues what waits for its time: bytes and owners that changed without an event, the last
  /// windows of coverage, open gaps.
  void finish();

  [[nodiscard]] const track::Tracker& tracker() const { return tracker_; }
  /// Gives back memory that was needed only for a while. Call it between two ticks.
  /// @return false if there was nothing to give back
  bool shrink();
  std::vector<std::uint64_t> take_released_sockets() { return tracker_.take_released_sockets(); }
  /// How long the writer's full queue has blocked us since the last call.
  std::int64_t take_blocked_ns() { return delivery_.take_blocked_ns(); }
  [[nodiscard]] Progress progress() const;
  [[nodiscard]] const RecordingCounts& counts() const { return counts_; }
  /// When the last tick began, UTC ns by the wall clock of now; absent: there was none.
  [[nodiscard]] std::optional<std::int64_t> last_tick_utc_ns() const;
  /// UTC of a boot-clock time, by the wall clock of now.
  [[nodiscard]] std::int64_t to_utc(std::int64_t boot_ns) const {
    return delivery_.stamper().to_utc(boot_ns);
  }
  /// When the last record was made, UTC ns.
  [[nodiscard]] std::int64_t now_utc_ns() const { return to_utc(now_ns_); }

 private:
  using Record = capture::RawRecord;

  void take(const Record& record, const capture::SessionText& session);
  void take(const Record& record, const capture::TickBegin& tick);
  void take(const Record& record, const capture::TickEnd& tick);
  void take(const Record& record, const capture::IntervalChange& change);
  void take(const Record& record, const capture::Stalled& stalled);
  void take(const Record& record, const capture::UtcOffset& utc);
  void take(const Record& record, const capture::TableFailed& failed);
  void take(const Record& record, const capture::MibModulesRead& modules);
  void take(const Record& record, const capture::SocketHolders& answers);
  void take(const Record& record, const capture::ProcessRead& read);
  void take(const Record& record, const capture::ProcessExit& exit);
  void take(const Record& record, const capture::ExecutableHash& hash);
  void take(const Record& record, const capture::ProcessMessages& messages);
  void take(const Record& record, const capture::ProcessMessagesLost& lost);
  void take(const Record& record, const capture::DestroyNotices& notices);
  void take(const Record& record, const capture::NoticesLost& lost);
  void take(const Record& record, const capture::NamespaceFound& found);
  void take(const Record& record, const capture::NamespaceGone& gone);
  void take(const Record& record, const capture::TraceEvents& trace);
  void take(const Record& record, const capture::TraceLost& lost);
  void take(const Record& record, const capture::TraceEnded& ended);
  void take(const Record& record, const capture::UdpFlows& read);
  void take(const Record& record, const capture::DnsMessages& dns);
  void take(const Record& record, const capture::Hosts& hosts);
  void take(const Record& record, const capture::SockDiagDump& dump);
  void take(const Record& record, const capture::ProcfsTable& table);
  void take(const Record& record, const capture::MibTableRead& table);
  void take(const Record& record, const capture::Snmp& counters);
  void take(const Record& record, const capture::Snmp6& counters);
  void take(const Record& record, const capture::MibStatisticsRead& counters);

  void apply(RecordDecoder::TableResult result);
  void apply(Transition& transition);
  void apply(LastCloser& closer);
  void apply(SocketUser& user);
  void apply(UdpSocketCreated& created);
  void register_process(Caller& caller, std::int64_t at_ns);
  void take_events();
  void end_tick();
  void deliver_windows();
  void deliver(const Coverage& coverage);
  void add_gaps(std::vector<Gap> gaps);
  void deliver();
  void resume(const Snapshot& shown_by);
  [[nodiscard]] std::int64_t to_boot(std::int64_t utc_ns) const;
  void note_loss(const std::optional<Delivery::Loss>& loss);

  store::Writer& writer_;
  track::Tracker tracker_;
  /// By an earlier session, by namespace, and not looked for yet; in UTC times.
  std::map<std::uint64_t, std::vector<Connection>> left_open_;
  track::CoverageMeter coverage_;
  track::GapLedger gaps_;
  RecordDecoder decoder_;
  ProcessRegistry processes_;
  ProcessLives lives_;
  TickMonitor ticks_;
  Delivery delivery_;
  std::vector<std::uint64_t> ended_namespaces_;  ///< in this tick
  std::int64_t now_ns_ = 0;
  std::int64_t tick_ns_ = 0;         ///< when the last tick began
  std::int64_t tick_before_ns_ = 0;  ///< and the one before
  std::int64_t clock_set_ns_ = 0;    ///< when UTC was found to have been set
  RecordingCounts counts_;
};

}  // namespace netlog::record
