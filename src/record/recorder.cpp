// SPDX-License-Identifier: MIT
#include "record/recorder.hpp"

#include "decode/dns.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace netlog::record {
namespace {

using capture::RawRecord;

constexpr std::int64_t kCoverageWindowNs = 60 * kNsPerSecond;
constexpr std::int64_t kFirstCoverageNs = kNsPerSecond;
constexpr std::int64_t kGapQuietNs = kNsPerSecond;
constexpr std::int64_t kMaxGapNs = 10 * kNsPerSecond;
// The kernel sends notices from a work item that may have to wait for its turn.
constexpr std::int64_t kNoticeDelayNs = 50 * kNsPerMs;
// Tables are read in every interval, or once a second.
constexpr std::int64_t kReadPeriodNs = 2 * kNsPerSecond;
// The offset to UTC follows smaller changes slowly (os::UtcOffsetFollower).
constexpr std::int64_t kUtcErrorNs = 20 * kNsPerMs;

/// How the kernel's notices and the trace identify sockets.
Snapshot by_cookie(std::uint64_t netns) {
  Snapshot snapshot;
  snapshot.netns = netns;
  snapshot.incarnation_is_unique = true;
  return snapshot;
}

/// Some moment within the record's time.
Moment moment_of(const RawRecord& record) {
  return {record.asked.ended_ns, record.asked.ended_ns - record.asked.began_ns};
}

/// A gap in the record's time.
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
      tracker_{static_cast<ConnectionId>(writer.left_open().connections.size()) + 1},
      coverage_{kCoverageWindowNs, kFirstCoverageNs},
      gaps_{kGapQuietNs, kMaxGapNs},
      ticks_{interval_ns},
      delivery_{
          [&writer](std::vector<store::Item> items) { return writer.push(std::move(items)); }} {
  for (const auto& connection : writer.left_open().connections) {
    left_open_[connection.netns].push_back(connection);
  }
}

void Recorder::consume(const RawRecord& record) {
  now_ns_ = std::max(now_ns_, record.asked.ended_ns);
  std::visit([&](const auto& payload) { take(record, payload); }, record.payload);
}

Progress Recorder::progress() const {
  const auto ticks = ticks_.counts(now_ns_);
  return {ticks.ticks, ticks.late_ticks, ticks.skipped_ticks, counts_.events(), counts_.all_gaps()};
}

std::optional<std::int64_t> Recorder::last_tick_utc_ns() const {
  return tick_ns_ == 0 ? std::nullopt : std::optional{to_utc(tick_ns_)};
}

void Recorder::note_cut_capture() {
  gaps_.add(Gap{
      std::nullopt, now_ns_, now_ns_, "capture", "file is cut short", std::nullopt, std::nullopt});
}

void Recorder::finish() {
  end_tick();
  for (const auto& connection : tracker_.take_refreshes()) {
    delivery_.add(store::Refresh{connection});
  }
  if (const auto questions = tracker_.open_questions()) {
    gaps_.add(Gap{std::nullopt,
                  questions->since_ns,
                  now_ns_,
                  "dns",
                  "no answer yet",
                  questions->count,
                  std::nullopt});
  }
  deliver_windows();
  delivery_.add(ticks_.counts(now_ns_));
  deliver();
}

// --- ticks and the clock

void Recorder::take(const Record& /*record*/, const capture::SessionText& /*session*/) {}

void Recorder::take(const Record& record, const capture::TickBegin& tick) {
  tick_before_ns_ = std::exchange(tick_ns_, record.asked.began_ns);
  for (const auto& gap : ticks_.begin(record.asked.began_ns, tick)) {
    gaps_.add(gap);
  }
}

void Recorder::take(const Record& /*record*/, const capture::TickEnd& /*tick*/) {
  end_tick();
}

void Recorder::take(const Record& /*record*/, const capture::IntervalChange& change) {
  ticks_.set_interval(change.interval_ns);
}

void Recorder::take(const Record& record, const capture::Stalled& /*stalled*/) {
  gaps_.add(gap_of(record, std::nullopt, "writer", "queue full"));
}

/// What lies across a step of UTC ends there: a row has times of one clock.
void Recorder::take(const Record& record, const capture::UtcOffset& utc) {
  const auto now_ns = record.asked.ended_ns;
  if (utc.step_ns != 0) {
    take_events();
    deliver_windows();
    clock_set_ns_ = now_ns;
  }
  if (utc.step_ns < 0) {
    // At some moment since the tick before, when the clock was read last.
    const auto set_ns = std::min(tick_before_ns_, now_ns);
    tracker_.note_clock_set_back({to_utc(now_ns) + kUtcErrorNs, set_ns + utc.offset_ns});
  }
  if (const auto gap = delivery_.set_utc_offset(now_ns, utc)) {
    counts_.add(*gap);
  }
}

/// The windows of coverage and the gaps that are not over.
void Recorder::deliver_windows() {
  for (const auto& coverage : coverage_.finish()) {
    deliver(coverage);
  }
  add_gaps(gaps_.finish());
}

void Recorder::deliver(const Coverage& coverage) {
  counts_.add(coverage);
  delivery_.add(coverage);
}

void Recorder::take_events() {
  tracker_.take_events([&](ConnectionEvents of) {
    counts_.add(of);
    coverage_.count(of);
    delivery_.add(std::move(of));
  });
}

void Recorder::end_tick() {
  take_events();
  for (auto& counters : decoder_.take_counters()) {
    const bool is_first = !coverage_.is_measuring(counters.netns);
    const auto coverage = coverage_.measure(counters);
    if (!coverage && !is_first) {
      counters.parameters = {};  // they hardly ever change
    }
    delivery_.add(counters);
    if (coverage) {
      deliver(*coverage);
    }
  }
  for (const auto netns : std::exchange(ended_namespaces_, {})) {
    if (const auto coverage = coverage_.end(netns)) {
      deliver(*coverage);
    }
  }
  if (ticks_.refresh_due(now_ns_)) {
    for (const auto& connection : tracker_.take_refreshes()) {
      delivery_.add(store::Refresh{connection});
    }
  }
  if (const auto heartbeat = ticks_.heartbeat(now_ns_)) {
    tracker_.expire(now_ns_);
    delivery_.add(*heartbeat);
  }
  for (auto& lookup : tracker_.take_lookups()) {
    delivery_.add(std::move(lookup));
  }
  add_gaps(gaps_.take(now_ns_));
  deliver();
}

bool Recorder::shrink() {
  const bool has_shrunk = decoder_.shrink();
  return tracker_.shrink() || has_shrunk;
}

void Recorder::add_gaps(std::vector<Gap> gaps) {
  for (auto& gap : gaps) {
    counts_.add(gap);
    delivery_.add(std::move(gap));
  }
}

void Recorder::deliver() {
  note_loss(delivery_.flush(now_ns_));
  if (delivery_.wants_resync()) {
    // The writer may begin a new file with the Resync. The gaps of before belong to the old file.
    add_gaps(gaps_.finish());
    note_loss(delivery_.flush(now_ns_));
    note_loss(delivery_.resync(processes_.running(), tracker_.connections(), now_ns_));
  }
}

/// What the file will never have does not count as recorded, and is a gap.
void Recorder::note_loss(const std::optional<Delivery::Loss>& loss) {
  if (!loss) {
    return;
  }
  for (const auto& events : loss->events) {
    coverage_.uncount(events);
  }
  gaps_.add(loss->gap);
}

// --- tables and counters

void Recorder::take(const Record& record, const capture::SockDiagDump& dump) {
  apply(decoder_.decode(record, dump));
}

void Recorder::take(const Record& record, const capture::ProcfsTable& table) {
  apply(decoder_.decode(record, table));
}

void Recorder::take(const Record& record, const capture::MibTableRead& table) {
  apply(decoder_.decode(record, table));
}

void Recorder::take(const Record& record, const capture::TableFailed& failed) {
  gaps_.add(decoder_.unreadable(record, failed.tables, failed.why));
}

void Recorder::apply(RecordDecoder::TableResult result) {
  if (const auto* const gap = std::get_if<Gap>(&result)) {
    gaps_.add(*gap);
  }
  auto* const table = std::get_if<RecordDecoder::Table>(&result);
  if (table == nullptr) {
    return;
  }
  if (table->unknown) {
    gaps_.add(*table->unknown);
  }
  auto& snapshot = table->snapshot;
  const bool has_incarnations =
      std::any_of(snapshot.rows.begin(), snapshot.rows.end(), [](const SocketRow& row) {
        return row.incarnation != 0;
      });
  if (has_incarnations) {
    resume(snapshot);
  }
  if (snapshot.keys == HolderKeys::pids && clock_set_ns_ <= table->read_before_ns) {
    const auto at_ns = snapshot.taken.ended_ns;
    snapshot.created_offset_ns = to_utc(at_ns) - at_ns + kUtcErrorNs;
  }
  tracker_.apply(snapshot);
  // What the trace missed is a loss, too, though nobody counted it.
  const auto missed = tracker_.take_audit_misses();
  for (const auto& [reason, lost] : {std::pair{"missed opens", missed.opens},
                                     std::pair{"missed state changes", missed.states},
                                     std::pair{"missed closes", missed.ends}}) {
    if (lost > 0) {
      gaps_.add(Gap{snapshot.netns,
                    std::min(table->read_before_ns, missed.since_ns),
                    snapshot.taken.ended_ns,
                    "trace",
                    reason,
                    lost,
                    std::nullopt});
    }
  }
  decoder_.recycle(std::move(snapshot.rows));
}

/// Hands the tracker what an earlier session had left open in this namespace, as soon as a source
/// identifies sockets there.
void Recorder::resume(const Snapshot& shown_by) {
  auto found = left_open_.extract(shown_by.netns);
  if (!found) {
    return;
  }
  const auto& before = writer_.left_open();
  const auto alive_ns = to_boot(before.alive_ns);
  for (auto& connection : found.mapped()) {
    for (auto* const at_ns : {&connection.first_seen_ns, &connection.last_seen_ns}) {
      *at_ns = to_boot(*at_ns);
    }
    for (auto* const moment : {&connection.opened, &connection.closed}) {
      if (*moment) {
        (*moment)->at_ns = to_boot((*moment)->at_ns);
      }
    }
  }
  const Span alive{alive_ns - before.interval_ns - kReadPeriodNs, alive_ns};
  tracker_.resume(found.mapped(), alive, shown_by);
  for (const auto& connection : found.mapped()) {
    delivery_.add(store::Resumed{connection.id});
  }
}

/// Of a time in the file, which is UTC.
std::int64_t Recorder::to_boot(std::int64_t utc_ns) const {
  return delivery_.stamper().timeline().to_boot(utc_ns, now_ns_);
}

void Recorder::take(const Record& record, const capture::Snmp& counters) {
  if (const auto gap = decoder_.decode(record, counters)) {
    gaps_.add(*gap);
  }
}

void Recorder::take(const Record& record, const capture::Snmp6& counters) {
  if (const auto gap = decoder_.decode(record, counters)) {
    gaps_.add(*gap);
  }
}

void Recorder::take(const Record& record, const capture::MibStatisticsRead& counters) {
  if (const auto gap = decoder_.decode(record, counters)) {
    gaps_.add(*gap);
  }
}

void Recorder::take(const Record& record, const capture::MibModulesRead& modules) {
  auto services = decode::decode_mib_modules(modules.sections);
  if (!services) {
    return gaps_.add(decoder_.unreadable(record, 0, services.error().message()));
  }
  for (auto& service : *services) {
    delivery_.add(std::move(service));
  }
}

// --- processes

void Recorder::take(const Record& record, const capture::ProcessRead& read) {
  auto process = decode::decode_process(read.sections, read.start_shift_ns);
  if (!process) {
    return gaps_.add(decoder_.unreadable(record, 0, process.error().message()));
  }
  const auto executed_ns = lives_.read(process->id, record.asked.began_ns);
  if (!process->image_since_ns) {
    process->image_since_ns = executed_ns;
  }
  if (process->started_ns > record.asked.ended_ns + kUtcErrorNs) {
    // Only Windows stamps processes by a clock that can be set; nobody knows when that was.
    tracker_.note_clock_set_back({to_utc(process->started_ns) + kUtcErrorNs, 0});
  }
  const bool has_executed = process->image_since_ns.has_value();
  auto added = processes_.add(std::move(*process));
  if (has_executed) {
    tracker_.note_image(added.id);
  }
  delivery_.add(std::move(added));
}

void Recorder::take(const Record& record, const capture::ProcessExit& exit) {
  tracker_.end_process(exit.id);
  processes_.end(exit.id);
  const auto found = moment_of(record);
  const auto end = lives_.end(exit.id, found);
  if (exit.wait_status) {
    delivery_.add(store::ProcessEnded{exit.id, found, exit.wait_status});
  } else {
    delivery_.add(store::ProcessEnded{exit.id, end.at, end.wait_status});
  }
}

void Recorder::take(const Record& record, const capture::ProcessMessages& messages) {
  const auto events = decode::decode_process_events(messages.messages, messages.clock_shift_ns);
  if (!events) {
    return gaps_.add(decoder_.unreadable(record, 0, events.error().message()));
  }
  for (const auto& event : *events) {
    if (const auto process = processes_.find_running(event.pid, event.at_ns)) {
      lives_.note(*process, event);
    }
  }
}

void Recorder::take(const Record& record, const capture::ProcessMessagesLost& lost) {
  lives_.lose_ends();
  gaps_.add(gap_of(record, std::nullopt, "processes", "receive buffer overrun", lost.count));
}

void Recorder::take(const Record& record, const capture::ExecutableHash& hash) {
  const auto image = processes_.at(hash.process, record.asked.ended_ns);
  const bool is_known = !lives_.has_unread_program(hash.process, record.asked.ended_ns);
  if (is_known && image == processes_.at(hash.process, record.asked.began_ns)) {
    const auto text = hex(hash.sha256);
    processes_.set_hash(image, text);
    delivery_.add(store::ExecutableHashed{image, text});
  }
}

void Recorder::take(const Record& record, const capture::SocketHolders& answers) {
  const auto holders = decode::decode_holders(as_text(answers.text));
  if (!holders) {
    return gaps_.add(decoder_.unreadable(record, 0, holders.error().message()));
  }
  for (const auto& holder : *holders) {
    auto process = holder.pid ? processes_.find(*holder.pid) : std::nullopt;
    if (process) {
      if (const auto since_ns = tracker_.searched_since_ns(holder.key)) {
        process = processes_.at(*process, *since_ns);
      }
      tracker_.resolve(holder.key, *process, moment_of(record));
    } else {
      tracker_.owner_not_found(holder.key, holder.why);
    }
  }
}

/// Gives the caller of an event the image that it had then. It may be a process that was gone
/// before anybody could read more of it.
void Recorder::register_process(Caller& caller, std::int64_t at_ns) {
  if (auto process = processes_.register_process(caller)) {
    delivery_.add(std::move(*process));
  }
  caller.id = processes_.at(caller.id, at_ns);
}

// --- notices, traces, namespaces

void Recorder::take(const Record& record, const capture::DestroyNotices& notices) {
  const auto rows = decode::decode_destroy_notices(notices.messages);
  if (!rows) {
    return gaps_.add(decoder_.unreadable(record, 0, rows.error().message()));
  }
  tracker_.expect_notices(
      record.netns, notices.tables == 0 ? kAllTables : notices.tables, kNoticeDelayNs);
  resume(by_cookie(record.netns));
  // The kernel puts no time on a notice: it came between two drains.
  for (const auto& row : *rows) {
    tracker_.apply(Notice{record.netns, moment_of(record), row});
  }
}

void Recorder::take(const Record& record, const capture::NoticesLost& lost) {
  gaps_.add(gap_of(record, record.netns, "notices", "receive buffer overrun", lost.count));
}

void Recorder::take(const Record& record, const capture::TraceEvents& trace) {
  tracker_.begin_trace();
  while (!left_open_.empty()) {
    resume(by_cookie(left_open_.begin()->first));
  }
  // A decoded event is larger than its bytes: few at once need little memory.
  constexpr std::size_t kAtOnce = 256;
  std::span<const std::byte> left{trace.events};
  while (!left.empty()) {
    const auto part = left.first(std::min(left.size(), kAtOnce * decode::kTraceEventSize));
    left = left.subspan(part.size());
    auto events = decode::decode_trace(part, trace.clock_shift_ns);
    if (!events) {
      return gaps_.add(decoder_.unreadable(record, 0, events.error().message()));
    }
    for (auto& event : *events) {
      std::visit([this](auto& one) { apply(one); }, event);
    }
  }
}

void Recorder::apply(Transition& transition) {
  if (transition.caller) {
    register_process(*transition.caller, transition.at_ns);
  }
  tracker_.apply(transition);
}

void Recorder::apply(LastCloser& closer) {
  register_process(closer.caller, closer.at_ns);
  if (closer.parent) {
    closer.parent = processes_.at(*closer.parent, closer.at_ns);
  }
  tracker_.apply(closer);
}

void Recorder::apply(SocketUser& user) {
  register_process(user.caller, user.at_ns);
  tracker_.apply(user);
}

void Recorder::apply(UdpSocketCreated& created) {
  if (created.caller) {
    register_process(*created.caller, created.at_ns);
  }
  tracker_.apply(created);
}

void Recorder::take(const Record& record, const capture::TraceLost& lost) {
  gaps_.add(gap_of(record, std::nullopt, "trace", "buffer full", lost.count));
}

void Recorder::take(const Record& record, const capture::TraceEnded& ended) {
  tracker_.end_trace();
  auto gap = gap_of(record, std::nullopt, "trace", "trace detached");
  gap.detail = ended.why.substr(0, RecordDecoder::kMaxDetail);
  gaps_.add(gap);
}

void Recorder::take(const Record& record, const capture::UdpFlows& read) {
  const auto flows = decode::decode_udp_flows(read.flows);
  if (!flows) {
    return gaps_.add(decoder_.unreadable(record, 0, flows.error().message()));
  }
  for (const auto& flow : *flows) {
    tracker_.apply(flow);
  }
  if (read.until_ns != 0) {
    tracker_.apply(UdpFlowsRead{read.until_ns});
  }
  for (const auto& [reason, lost] :
       {std::pair{"table full", read.lost},
        std::pair{"too many peers", tracker_.take_summed_datagrams()}}) {
    if (lost > 0) {
      gaps_.add(gap_of(record, std::nullopt, "udp flows", reason, lost));
    }
  }
}

void Recorder::take(const Record& record, const capture::DnsMessages& dns) {
  auto decoded = decode::decode_dns_messages(dns.messages);
  if (!decoded) {
    tracker_.lose_dns_messages(record.asked);
    return gaps_.add(decoder_.unreadable(record, 0, decoded.error().message()));
  }
  if (dns.lost > 0) {
    tracker_.lose_dns_messages(record.asked);
  }
  for (auto& message : decoded->messages) {
    if (message.caller) {
      register_process(*message.caller, message.at_ns);
    }
    tracker_.apply(message);
  }
  for (const auto& [reason, lost] :
       {std::pair{"buffer full", dns.lost},
        std::pair{"unreadable", decoded->unreadable},
        std::pair{"too many questions", tracker_.take_forgotten_questions()}}) {
    if (lost > 0) {
      gaps_.add(gap_of(record, std::nullopt, "dns", reason, lost));
    }
  }
}

void Recorder::take(const Record& record, const capture::Hosts& hosts) {
  tracker_.set_hosts(record.netns, decode::decode_hosts(as_text(hosts.text)));
}

void Recorder::take(const Record& record, const capture::NamespaceFound& /*found*/) {
  tracker_.begin_namespace(record.netns, record.asked.began_ns);
  coverage_.begin(record.netns, record.asked.began_ns);
}

void Recorder::take(const Record& record, const capture::NamespaceGone& /*gone*/) {
  tracker_.end_namespace(record.netns, moment_of(record));
  ended_namespaces_.push_back(record.netns);
}

}  // namespace netlog::record
