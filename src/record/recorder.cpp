// SPDX-License-Identifier: MIT
#include "record/recorder.hpp"

#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace netlog::record {
namespace {

using capture::RawRecord;
using capture::RecordKind;

constexpr std::int64_t kCoverageWindowNs = 60 * kNsPerSecond;
constexpr std::int64_t kGapQuietNs = kNsPerSecond;
constexpr std::int64_t kGapLongestNs = 10 * kNsPerSecond;
constexpr std::int64_t kHeartbeatNs = kNsPerSecond;
constexpr std::int64_t kRefreshNs = 10 * kNsPerSecond;
// The kernel sends notices from a work item that may have to wait for its turn.
constexpr std::int64_t kNoticeDelayNs = 50 * kNsPerMs;
constexpr std::int64_t kLookAwayNs = 2 * kNsPerSecond;
constexpr std::int64_t kSuspendNs = kNsPerSecond;
constexpr std::size_t kMaxDetail = 300;

std::string_view source_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::sock_diag_part:
    case RecordKind::sock_diag:
      return "sock_diag";
    case RecordKind::notices:
      return "notices";
    case RecordKind::trace:
      return "trace";
    case RecordKind::namespace_found:
      return "namespaces";
    case RecordKind::mib_tables:
    case RecordKind::mib_statistics:
    case RecordKind::mib_modules:
      return "iphlpapi";
    default:
      return "procfs";
  }
}

/// How the kernel's notices and the trace identify sockets.
Snapshot by_cookie(std::uint64_t netns) {
  Snapshot snapshot;
  snapshot.netns = netns;
  snapshot.incarnation_is_unique = true;
  return snapshot;
}

/// A gap in the time that the record is about.
Gap gap_of(const RawRecord& record,
           std::optional<std::uint64_t> netns,
           std::string source,
           std::string reason,
           std::optional<std::int64_t> lost = std::nullopt) {
  return Gap{netns,
             record.asked.began_ns,
             record.asked.ended_ns,
             std::move(source),
             std::move(reason),
             lost,
             std::nullopt};
}

}  // namespace

Recorder::Recorder(store::Writer& writer, std::int64_t interval_ns)
    : writer_{writer},
      interval_ns_{interval_ns},
      stretched_ns_{interval_ns},
      tracker_{static_cast<ConnectionId>(writer.left_open().connections.size()) + 1},
      coverage_{kCoverageWindowNs},
      gaps_{kGapQuietNs, kGapLongestNs} {
  for (const auto& connection : writer.left_open().connections) {
    left_open_[connection.netns].push_back(connection);
  }
}

void Recorder::consume(const RawRecord& record) {
  now_ns_ = std::max(now_ns_, record.asked.ended_ns);
  switch (record.kind) {
    case RecordKind::session:
      break;
    case RecordKind::tick:
      return begin_tick(record);
    case RecordKind::sock_diag_part:
    case RecordKind::sock_diag:
      return take_dump(record);
    case RecordKind::procfs_tcp:
      return take_procfs(record, Protocol::tcp, Family::ipv4);
    case RecordKind::procfs_tcp6:
      return take_procfs(record, Protocol::tcp, Family::ipv6);
    case RecordKind::procfs_udp:
      return take_procfs(record, Protocol::udp, Family::ipv4);
    case RecordKind::procfs_udp6:
      return take_procfs(record, Protocol::udp, Family::ipv6);
    case RecordKind::mib_tables:
      return take_mib_tables(record);
    case RecordKind::mib_statistics:
      return take_mib_statistics(record);
    case RecordKind::mib_modules:
      return take_mib_modules(record);
    case RecordKind::table_failed:
      return unreadable(
          record, static_cast<TableSet>(record.a), std::string{as_text(record.payload)});
    case RecordKind::snmp:
    case RecordKind::snmp6:
      return take_counters(record);
    case RecordKind::process:
      return take_process(record);
    case RecordKind::holders:
      return take_holders(record);
    case RecordKind::process_ended: {
      const ProcessId id{static_cast<std::uint32_t>(record.a),
                         static_cast<std::uint64_t>(record.b)};
      tracker_.end_process(id);
      alive_.erase(id);
      items_.emplace_back(store::ProcessEnded{
          id, Moment{record.asked.ended_ns, record.asked.ended_ns - record.asked.began_ns}});
      return;
    }
    case RecordKind::notices:
      return take_notices(record);
    case RecordKind::trace:
      return take_trace(record);
    case RecordKind::trace_lost:
      return add_gap(gap_of(record, std::nullopt, "trace", "buffer full", record.a));
    case RecordKind::trace_ended: {
      tracker_.end_trace();
      auto gap = gap_of(record, std::nullopt, "trace", "trace detached");
      gap.detail = std::string{as_text(record.payload).substr(0, kMaxDetail)};
      return add_gap(gap);
    }
    case RecordKind::notices_lost:
      return add_gap(gap_of(record,
                            record.netns,
                            "notices",
                            "receive buffer overrun",
                            record.a < 0 ? std::nullopt : std::optional{record.a}));
    case RecordKind::clock_step:
      follow_clock(record);
      return add_gap(Gap{std::nullopt,
                         std::min(record.asked.ended_ns, record.asked.ended_ns - record.a),
                         std::max(record.asked.ended_ns, record.asked.ended_ns - record.a),
                         "clock",
                         record.a > 0 ? "clock stepped forwards" : "clock stepped backwards",
                         std::nullopt,
                         (record.a > 0 ? "by " : "by -") + format_duration(std::abs(record.a))});
    case RecordKind::namespace_found:
      tracker_.begin_namespace(record.netns, record.asked.began_ns);
      return coverage_.begin(record.netns, record.asked.began_ns);
    case RecordKind::namespace_gone:
      return end_namespace(record);
    case RecordKind::stalled:
      return add_gap(gap_of(record, std::nullopt, "writer", "queue full"));
    case RecordKind::interval:
      stretched_ns_ = std::max(record.a, interval_ns_);
      return;
    case RecordKind::tick_end:
      return end_tick();
  }
}

/// From here on everything is stamped by the stepped clock.
void Recorder::follow_clock(const RawRecord& record) {
  take_events();
  const auto step_ns = record.a;
  items_.emplace_back(ClockStep{record.asked.ended_ns, step_ns});
  if (step_ns < 0) {
    now_ns_ += step_ns;
    last_heartbeat_ns_ += step_ns;
    last_refresh_ns_ += step_ns;
  }
  if (lost_since_ns_) {
    *lost_since_ns_ += step_ns;
  }
  for (auto& [table, read_ns] : last_read_ns_) {
    read_ns += step_ns;
  }
  if (last_tick_) {  // the clock is looked at within a tick, after its beginning
    last_tick_->began_ns += step_ns;
    last_tick_->ended_ns += step_ns;
  }
  tracker_.follow_clock(step_ns);
}

void Recorder::end_namespace(const RawRecord& record) {
  tracker_.end_namespace(
      record.netns, Moment{record.asked.ended_ns, record.asked.ended_ns - record.asked.began_ns});
  ended_namespaces_.push_back(record.netns);
}

void Recorder::begin_tick(const RawRecord& record) {
  const auto skipped = record.b;
  ++progress_.ticks;
  progress_.skipped_ticks += skipped;
  if (record.c > interval_ns_ / 10) {
    ++progress_.late_ticks;
  }
  if (last_tick_) {
    const auto from = last_tick_->began_ns;
    const auto to = record.asked.began_ns;
    const auto expected = stretched_ns_ + interval_ns_ * skipped + record.c;
    if (to - from - expected > kSuspendNs) {
      add_gap(Gap{std::nullopt, from, to, "tick", "suspended", std::nullopt, std::nullopt});
    } else if (skipped > 0) {
      add_gap(Gap{std::nullopt, from, to, "tick", "skipped ticks", skipped, std::nullopt});
    }
    if (stretched_ns_ > interval_ns_) {
      add_gap(Gap{std::nullopt,
                  from,
                  to,
                  "tick",
                  "interval stretched",
                  std::nullopt,
                  "to " + format_duration(stretched_ns_)});
    }
  }
  last_tick_ = record.asked;
}

void Recorder::take_events() {
  tracker_.take_events([&](const Event& event) {
    ++progress_.events;
    coverage_.count(event);
    items_.emplace_back(event);
  });
}

void Recorder::end_tick() {
  take_events();
  for (const auto& [netns, counters] : std::exchange(counters_, {})) {
    items_.emplace_back(counters);
    if (const auto coverage = coverage_.measure(counters)) {
      items_.emplace_back(*coverage);
    }
  }
  for (const auto netns : std::exchange(ended_namespaces_, {})) {
    if (const auto coverage = coverage_.end(netns)) {
      items_.emplace_back(*coverage);
    }
  }
  if (now_ns_ - last_refresh_ns_ >= kRefreshNs) {
    last_refresh_ns_ = now_ns_;
    for (const auto& connection : tracker_.take_refreshes()) {
      items_.emplace_back(store::Refresh{connection});
    }
  }
  if (now_ns_ - last_heartbeat_ns_ >= kHeartbeatNs) {
    last_heartbeat_ns_ = now_ns_;
    tracker_.expire(now_ns_);
    items_.emplace_back(
        Heartbeat{now_ns_, progress_.ticks, progress_.late_ticks, progress_.skipped_ticks});
  }
  for (auto& gap : gaps_.take(now_ns_)) {
    ++progress_.gaps;
    items_.emplace_back(std::move(gap));
  }
  if (!items_.empty()) {
    deliver();
  }
}

/// All of a tick at once: its events tell of connections as they are at its end.
void Recorder::deliver() {
  const auto pushed = writer_.push(std::exchange(items_, {}));
  blocked_ns_ += pushed.blocked.count();
  note_dropped(pushed);
  if (pushed.wants_census) {
    std::vector<store::Item> known;
    known.reserve(alive_.size() + 1);
    for (const auto& [id, process] : alive_) {
      known.emplace_back(process);
    }
    const auto since_ns = std::min(std::exchange(lost_since_ns_, {}).value_or(now_ns_), now_ns_);
    known.emplace_back(store::Resync{since_ns, now_ns_, tracker_.connections()});
    note_dropped(writer_.push(std::move(known)));
  }
}

/// What the file will never have was not recorded: neither for the coverage nor without a gap.
void Recorder::note_dropped(const store::Pushed& pushed) {
  std::int64_t events = 0;
  std::int64_t from_ns = now_ns_;
  for (const auto& item : pushed.dropped) {
    if (const auto* const event = std::get_if<Event>(&item)) {
      coverage_.uncount(*event);
      ++events;
      from_ns = std::min(from_ns, event->at.at_ns);
    } else if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      from_ns = std::min(from_ns, heartbeat->at_ns);
    }
  }
  if (!pushed.dropped.empty()) {
    lost_since_ns_ = std::min(lost_since_ns_.value_or(from_ns), from_ns);
    add_gap(Gap{std::nullopt, from_ns, now_ns_, "writer", pushed.why, events, pushed.detail});
  }
}

/// What an earlier session had left open in this namespace, as soon as a source tells sockets apart
/// there.
void Recorder::resume(const Snapshot& shown_by) {
  const auto found = left_open_.extract(shown_by.netns);
  if (!found) {
    return;
  }
  // Tables are read in every interval, or once a second.
  const auto& before = writer_.left_open();
  const Span alive{before.alive_ns - before.interval_ns - kLookAwayNs, before.alive_ns};
  tracker_.resume(found.mapped(), alive, shown_by);
  for (const auto& connection : found.mapped()) {
    items_.emplace_back(store::Resumed{connection.id});
  }
}

void Recorder::finish() {
  end_tick();
  for (const auto& connection : tracker_.take_refreshes()) {
    items_.emplace_back(store::Refresh{connection});
  }
  for (const auto& coverage : coverage_.finish()) {
    items_.emplace_back(coverage);
  }
  for (auto& gap : gaps_.finish()) {
    items_.emplace_back(std::move(gap));
  }
  items_.emplace_back(
      Heartbeat{now_ns_, progress_.ticks, progress_.late_ticks, progress_.skipped_ticks});
  deliver();
}

void Recorder::note_cut_capture() {
  add_gap(Gap{
      std::nullopt, now_ns_, now_ns_, "capture", "file is cut short", std::nullopt, std::nullopt});
}

void Recorder::take_dump(const RawRecord& record) {
  Snapshot snapshot;
  snapshot.tables = static_cast<TableSet>(record.a);
  snapshot.incarnation_is_unique = true;
  constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
  const auto protocol = (snapshot.tables & kTcp) != 0 ? Protocol::tcp : Protocol::udp;
  // There is no TIME_WAIT that a UDP table could lack.
  snapshot.covers_time_wait = protocol == Protocol::udp || (record.b & capture::kWithTimeWait) != 0;
  if (record.c == 0) {
    rows_.clear();
    next_part_ = 0;
  }
  if (!next_part_) {
    return;  // a part before it could not be read
  }
  const auto part = std::exchange(next_part_, std::nullopt);
  if (record.c != part) {
    return unreadable(record, snapshot.tables, "part of a sock_diag dump is missing");
  }
  if (record.kind == RecordKind::sock_diag_part) {
    if (const auto read = decode::decode_sock_diag_part(record.payload, protocol, rows_); !read) {
      return unreadable(record, snapshot.tables, read.error().message());
    }
    next_part_ = record.c + 1;
    return;
  }
  if (const auto end = decode::decode_sock_diag_end(record.payload, protocol, rows_); !end) {
    return unreadable(record, snapshot.tables, end.error().message());
  }
  take_rows(std::exchange(rows_, {}), std::move(snapshot), record);
}

void Recorder::take_procfs(const RawRecord& record, Protocol protocol, Family family) {
  Snapshot snapshot;
  IpAddress any;
  any.family = family;
  snapshot.tables = table_bit(table_of(FiveTuple{protocol, Endpoint{any, 0}, {}}));
  take_rows(decode::decode_procfs_net(as_text(record.payload), protocol, family),
            std::move(snapshot),
            record);
}

void Recorder::take_mib_tables(const RawRecord& record) {
  Snapshot snapshot;
  snapshot.tables = static_cast<TableSet>(record.a);
  constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
  constexpr TableSet kIpv6 = table_bit(TableKind::tcp6) | table_bit(TableKind::udp6);
  auto table =
      decode::decode_mib_tables(record.payload,
                                (snapshot.tables & kTcp) != 0 ? Protocol::tcp : Protocol::udp,
                                (snapshot.tables & kIpv6) != 0 ? Family::ipv6 : Family::ipv4);
  if (!table) {
    return unreadable(record, snapshot.tables, table.error().message());
  }
  snapshot.keys = table->keys;
  take_rows(std::move(table->rows), std::move(snapshot), record);
}

void Recorder::take_rows(Result<std::vector<SocketRow>> rows,
                         Snapshot snapshot,
                         const RawRecord& record) {
  if (!rows) {
    return unreadable(record, snapshot.tables, rows.error().message());
  }
  snapshot.netns = record.netns;
  snapshot.taken = record.asked;
  snapshot.rows = std::move(*rows);
  const bool tells_apart = std::any_of(snapshot.rows.begin(),
                                       snapshot.rows.end(),
                                       [](const SocketRow& row) { return row.incarnation != 0; });
  if (tells_apart) {
    resume(snapshot);
  }
  const auto before =
      std::exchange(last_read_ns_[TableKey{record.netns, snapshot.tables}], record.asked.ended_ns);
  tracker_.apply(snapshot);
  rows_ = std::move(snapshot.rows);
  note_disagreements(record, before);
}

void Recorder::unreadable(const RawRecord& record, TableSet tables, std::string why) {
  const auto last = last_read_ns_.find(TableKey{record.netns, tables});
  const auto from = last == last_read_ns_.end() ? record.asked.began_ns : last->second;
  why.resize(std::min(why.size(), kMaxDetail));
  const auto failed =
      record.kind == RecordKind::table_failed ? static_cast<RecordKind>(record.b) : record.kind;
  add_gap(Gap{record.netns,
              from,
              record.asked.ended_ns,
              std::string{source_of(failed)},
              "unreadable",
              std::nullopt,
              std::move(why)});
}

void Recorder::take_counters(const RawRecord& record) {
  const auto text = as_text(record.payload);
  if (record.kind == RecordKind::snmp6) {
    const auto counters = counters_.find(record.netns);
    if (counters != counters_.end()) {
      if (const auto added = decode::add_snmp6(text, counters->second); !added) {
        unreadable(record, 0, added.error().message());
      }
    }
    return;
  }
  auto counters = decode::decode_snmp(text);
  if (!counters) {
    return unreadable(record, 0, counters.error().message());
  }
  counters->netns = record.netns;
  counters->at_ns = record.asked.ended_ns;
  counters_[record.netns] = *counters;
}

void Recorder::take_mib_statistics(const RawRecord& record) {
  auto counters = decode::decode_mib_statistics(record.payload);
  if (!counters) {
    return unreadable(record, 0, counters.error().message());
  }
  counters->at_ns = record.asked.ended_ns;
  counters_[record.netns] = *counters;
}

void Recorder::take_mib_modules(const RawRecord& record) {
  auto services = decode::decode_mib_modules(record.payload);
  if (!services) {
    return unreadable(record, 0, services.error().message());
  }
  for (auto& service : *services) {
    items_.emplace_back(std::move(service));
  }
}

void Recorder::take_process(const RawRecord& record) {
  auto process = decode::decode_process(record.payload);
  if (!process) {
    return unreadable(record, 0, process.error().message());
  }
  processes_[process->id.pid] = process->id;
  alive_.insert_or_assign(process->id, *process);
  items_.emplace_back(std::move(*process));
}

void Recorder::take_holders(const RawRecord& record) {
  const auto holders = decode::decode_holders(as_text(record.payload));
  if (!holders) {
    return unreadable(record, 0, holders.error().message());
  }
  const Moment at{record.asked.ended_ns, record.asked.ended_ns - record.asked.began_ns};
  for (const auto& holder : *holders) {
    const auto process = holder.pid ? processes_.find(*holder.pid) : processes_.end();
    if (process != processes_.end()) {
      tracker_.resolve(holder.key, process->second, at);
    } else {
      tracker_.owner_not_found(holder.key, holder.why);
    }
  }
}

void Recorder::take_notices(const RawRecord& record) {
  const auto rows = decode::decode_destroy_notices(record.payload);
  if (!rows) {
    return unreadable(record, 0, rows.error().message());
  }
  const auto tables = record.a == 0 ? kAllTables : static_cast<TableSet>(record.a);
  tracker_.expect_notices(record.netns, tables, kNoticeDelayNs);
  resume(by_cookie(record.netns));
  // The kernel puts no time on a notice: it came between two drains.
  const Moment at{record.asked.ended_ns, record.asked.ended_ns - record.asked.began_ns};
  for (const auto& row : *rows) {
    tracker_.apply(Notice{record.netns, at, row});
  }
}

void Recorder::take_trace(const RawRecord& record) {
  tracker_.begin_trace();
  while (!left_open_.empty()) {
    resume(by_cookie(left_open_.begin()->first));
  }
  const auto all = decode::decode_trace(record.payload, record.a);
  if (!all) {
    return unreadable(record, 0, all.error().message());
  }
  for (const auto& told : *all) {
    std::visit([this](const auto& one) { take_traced(one); }, told);
  }
}

void Recorder::take_traced(const Transition& transition) {
  if (transition.caller) {
    know(*transition.caller);
  }
  tracker_.apply(transition);
}

void Recorder::take_traced(const LastCloser& owner) {
  know(owner.caller);
  tracker_.apply(owner);
}

void Recorder::take_traced(const UdpSocketCreated& birth) {
  if (birth.caller) {
    know(*birth.caller);
  }
  tracker_.apply(birth);
}

/// A process that was gone before anybody could read what the system tells of it.
void Recorder::know(const Caller& caller) {
  auto& known = processes_[caller.id.pid];
  if (known != caller.id) {
    // An event can be older than the process that has the pid by now.
    known = std::max(known, caller.id);
    Process process;
    process.id = caller.id;
    process.started_ns = caller.started_ns;
    process.name = caller.name;
    items_.emplace_back(std::move(process));
  }
}

/// What an audit found that the trace had not told: a loss, too, though nobody counted it.
void Recorder::note_disagreements(const RawRecord& record, std::int64_t before_ns) {
  const auto found = tracker_.take_audit_misses();
  for (const auto& [reason, missed] : {std::pair{"missed opens", found.opens},
                                       std::pair{"missed state changes", found.states},
                                       std::pair{"missed closes", found.ends}}) {
    if (missed > 0) {
      add_gap(Gap{
          record.netns, before_ns, record.asked.ended_ns, "trace", reason, missed, std::nullopt});
    }
  }
}

void Recorder::add_gap(const Gap& gap) {
  gaps_.add(gap);
}

}  // namespace netlog::record
