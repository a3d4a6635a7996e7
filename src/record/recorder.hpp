// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/recording.hpp"
#include "store/write/writer.hpp"
#include "track/coverage.hpp"
#include "track/gap_ledger.hpp"
#include "track/tracker.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace netlog::record {

/// What a status line tells.
struct Progress {
  std::int64_t ticks = 0;
  std::int64_t late_ticks = 0;  ///< began more than a tenth of the interval after their time
  std::int64_t skipped_ticks = 0;
  std::int64_t events = 0;
  std::int64_t gaps = 0;
};

/// Turns what the sources say into rows: decodes, tracks, and queues what a tick brought at its
/// end. A function of the records alone, so that a capture replays to the same rows.
class Recorder final : public capture::RecordSink {
 public:
  Recorder(store::Writer& writer, std::int64_t interval_ns);

  void consume(const capture::RawRecord& record) override;

  /// The capture that is being replayed ends in the middle of a record.
  void note_cut_capture();

  /// Queues what waits for its time: bytes and owners that changed without an event, the last
  /// windows of coverage, open gaps.
  void finish();

  [[nodiscard]] const track::Tracker& tracker() const { return tracker_; }
  std::vector<std::uint64_t> take_released_sockets() { return tracker_.take_released_sockets(); }
  /// How long the writer's full queue has held us up since the last call.
  std::int64_t take_blocked_ns() { return std::exchange(blocked_ns_, 0); }
  [[nodiscard]] Progress progress() const { return progress_; }
  /// When the last record was made, UTC ns.
  [[nodiscard]] std::int64_t now_ns() const { return now_ns_; }

 private:
  struct TableKey {
    std::uint64_t netns = 0;
    TableSet tables = 0;
    auto operator<=>(const TableKey&) const = default;
  };

  void begin_tick(const capture::RawRecord& record);
  void end_tick();
  void take_dump(const capture::RawRecord& record);
  void take_procfs(const capture::RawRecord& record, Protocol protocol, Family family);
  void take_rows(Result<std::vector<SocketRow>> rows,
                 Snapshot snapshot,
                 const capture::RawRecord& record);
  void take_mib_tables(const capture::RawRecord& record);
  void take_counters(const capture::RawRecord& record);
  void take_mib_statistics(const capture::RawRecord& record);
  void take_mib_modules(const capture::RawRecord& record);
  void take_process(const capture::RawRecord& record);
  void take_holders(const capture::RawRecord& record);
  void take_events();
  void follow_clock(const capture::RawRecord& record);
  void end_namespace(const capture::RawRecord& record);
  void take_notices(const capture::RawRecord& record);
  void take_trace(const capture::RawRecord& record);
  void know(const Caller& caller);
  void take_traced(const Transition& transition);
  void take_traced(const LastCloser& owner);
  void take_traced(const UdpSocketCreated& birth);
  void note_disagreements(const capture::RawRecord& record, std::int64_t before_ns);
  void add_gap(const Gap& gap);
  void resume(const Snapshot& shown_by);
  void deliver();
  void note_dropped(const store::Pushed& pushed);
  void unreadable(const capture::RawRecord& record, TableSet tables, std::string why);

  store::Writer& writer_;
  std::int64_t interval_ns_;
  std::int64_t stretched_ns_;  ///< the interval in force
  track::Tracker tracker_;
  std::map<std::uint64_t, std::vector<Connection>> left_open_;  ///< not looked for yet
  std::optional<std::int64_t> lost_since_ns_;  ///< the file lacks events since then
  track::CoverageMeter coverage_;
  track::GapLedger gaps_;
  std::vector<store::Item> items_;
  std::vector<SocketRow> rows_;            ///< of the dump under way; its memory is used again
  std::optional<std::int64_t> next_part_;  ///< of that dump; absent: it could not be read
  std::map<std::uint32_t, ProcessId> processes_;  ///< the incarnation that last had each pid
  std::map<ProcessId, Process> alive_;            ///< as they were told, for a file that lacks them
  std::map<TableKey, std::int64_t> last_read_ns_;
  std::map<std::uint64_t, Counters> counters_;   ///< of this tick, by namespace
  std::vector<std::uint64_t> ended_namespaces_;  ///< in this tick
  std::optional<Span> last_tick_;
  std::int64_t last_heartbeat_ns_ = 0;
  std::int64_t last_refresh_ns_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t blocked_ns_ = 0;
  Progress progress_;
};

}  // namespace netlog::record
