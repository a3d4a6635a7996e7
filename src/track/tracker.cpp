// SPDX-License-Identifier: MIT
#include "track/tracker.hpp"

#include "track/bounds.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <utility>

namespace netlog::track {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * kOdd;
  return hash ^ (hash >> 32U);
}

Identity identity_of(const SocketRow& row, std::uint64_t netns, bool incarnation_is_unique) {
  return {netns, row.incarnation, incarnation_is_unique ? FiveTuple{} : row.tuple};
}

std::optional<std::uint8_t> code(std::optional<TcpState> state) {
  return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
}

std::optional<std::uint8_t> code(std::optional<Offload> offload) {
  return offload ? std::optional{static_cast<std::uint8_t>(*offload)} : std::nullopt;
}

// How many snapshots of a table are remembered.
constexpr std::size_t kMostRecent = 64;

// No dump takes longer.
constexpr std::int64_t kStaleNs = 5'000'000'000;

// The kernel counts these times in ticks of its timer, 10 ms at most.
constexpr std::int64_t kTimerTickNs = 10'000'000;
constexpr std::int64_t kNsPerMs = 1'000'000;

// A notice is not later than this, also where the kernel's workers and we have to wait.
constexpr std::int64_t kRemainderNs = 1'000'000'000;

constexpr std::int64_t at_most_ago(std::uint32_t ms) {
  return ms == 0 ? 0 : ms * kNsPerMs + kTimerTickNs;
}

constexpr std::array kTableKinds{
    TableKind::tcp4, TableKind::tcp6, TableKind::udp4, TableKind::udp6};

bool listens(const SocketRow& row) {
  return row.state == TcpState::listen ||
         (row.tuple.protocol == Protocol::udp && row.tuple.remote.port == 0);
}

// A socket last seen in these states goes to CLOSED without TIME_WAIT (RFC 9293 §3.3.2); it can
// still have moved on unseen from any other.
bool may_enter_time_wait(const Connection& connection) {
  return connection.state && *connection.state != TcpState::listen &&
         *connection.state != TcpState::close_wait && *connection.state != TcpState::last_ack;
}

// What the kernel keeps of a socket that nobody holds any more: TIME_WAIT, and before it
// FIN_WAIT_2.
bool is_remainder(const SocketRow& row) {
  return row.state == TcpState::time_wait || (row.state == TcpState::fin_wait_2 && row.inode == 0);
}

std::uint32_t local_key(const FiveTuple& tuple) {
  return tuple.local.port;
}
std::uint32_t remote_key(const FiveTuple& tuple) {
  return 0x1'0000U | tuple.remote.port;
}

}  // namespace

std::size_t IdentityHash::operator()(const Identity& identity) const {
  auto hash = mix(mix(0, identity.netns), identity.incarnation);
  if (identity.tuple.local.port != 0 || identity.tuple.remote.port != 0) {
    hash = mix(mix(hash, hash_value(identity.tuple.local)), hash_value(identity.tuple.remote));
  }
  return static_cast<std::size_t>(hash);
}

std::size_t ProcessIdHash::operator()(const ProcessId& process) const {
  return static_cast<std::size_t>(mix(mix(0, process.pid), process.start));
}

void Tracker::expect_notices(std::uint64_t netns, TableSet tables, std::int64_t delay_ns) {
  announced_[netns] = Announced{tables, delay_ns};
}

void Tracker::apply(const Snapshot& snapshot) {
  ++epoch_;
  ending_by_tuple_.clear();
  if (snapshot.covers_time_wait) {
    auto& remainders = remainders_[snapshot.netns];
    if (snapshot.taken.began_ns - remainders.begun_ns >= kRemainderNs) {
      remainders.older = std::exchange(remainders.fresh, {});
      remainders.begun_ns = snapshot.taken.began_ns;
    }
  }
  std::vector<TableScope> tables;
  for (const auto table : kTableKinds) {
    if ((snapshot.tables & table_bit(table)) != 0) {
      const auto scope = scope_index(snapshot.netns, table);
      tables.push_back({scope, expected(scope, snapshot.covers_time_wait)});
    }
  }
  auto fresh = see_rows(snapshot, tables);
  // Listeners first: they tell which of the others were accepted, also of those that are over.
  const auto others = std::stable_partition(
      fresh.begin(), fresh.end(), [](const auto& entry) { return listens(*entry.row); });
  std::for_each(fresh.begin(), others, [&](const auto& entry) {
    open_from(*entry.row, snapshot, entry.identity);
  });
  if (snapshot.covers_time_wait) {
    settle_doubts(snapshot);
  }
  // Before the missing are looked for: such a row is the rest of one of them.
  const auto unknown = std::remove_if(others, fresh.end(), [&](const auto& entry) {
    if (is_remainder(*entry.row)) {
      return adopt_remainder(*entry.row, snapshot, entry.identity);
    }
    return join_half_open(*entry.row, entry.identity) &&
           see(by_identity_.at(entry.identity), *entry.row, snapshot);
  });
  for (const auto& table : tables) {
    if (table.missing > 0) {
      find_missing(snapshot, table.scope);
    }
  }
  std::for_each(
      others, unknown, [&](const auto& entry) { open_from(*entry.row, snapshot, entry.identity); });
  for (const auto& table : tables) {
    remember(scopes_[table.scope], snapshot);
  }
  // Long enough for a notice of what it accepted to arrive.
  constexpr std::int64_t kRememberNs = 60'000'000'000;
  listeners_.forget_closed_before(snapshot.taken.began_ns - kRememberNs);
  const auto stale_ns = snapshot.taken.began_ns - kStaleNs;
  traced_ends_.forget_while([&](std::int64_t ended_ns) { return ended_ns < stale_ns; });
}

/// Updates what is known; returns what is not.
std::vector<Tracker::FreshRow> Tracker::see_rows(const Snapshot& snapshot,
                                                 std::vector<TableScope>& tables) {
  std::vector<FreshRow> fresh;
  for (const auto& row : snapshot.rows) {
    const auto identity = identity_of(row, snapshot.netns, snapshot.incarnation_is_unique);
    const auto known = by_identity_.find(identity);
    if (known == by_identity_.end()) {
      if (!is_over(row, identity, snapshot)) {
        fresh.push_back({&row, identity});
      }
      continue;
    }
    const auto index = known->second;
    auto& mark = marks_[index];
    const bool counted =
        mark.epoch != epoch_ && (snapshot.covers_time_wait || mark.phase == Mark::Phase::active);
    const auto table = std::find_if(tables.begin(), tables.end(), [&](const TableScope& entry) {
      return entry.scope == mark.scope;
    });
    if (counted && table != tables.end()) {
      --table->missing;
    }
    mark.epoch = epoch_;
    if (!see(index, row, snapshot)) {
      fresh.push_back({&row, identity});
    }
  }
  return fresh;
}

/// A row of a socket whose end was told: read before that, or what the kernel keeps of a socket
/// that this table's last walk had missed.
bool Tracker::is_over(const SocketRow& row, const Identity& identity, const Snapshot& snapshot) {
  auto* const ended_ns = traced_ends_.find(identity);
  if (ended_ns == nullptr) {
    return false;
  }
  if (is_remainder(row)) {
    *ended_ns = std::max(*ended_ns, snapshot.taken.ended_ns);
    return true;
  }
  return snapshot.taken.began_ns <= *ended_ns + kTellNs;
}

void Tracker::remember(Scope& scope, const Snapshot& snapshot) {
  scope.first = scope.first.value_or(snapshot.taken);
  scope.last = snapshot.taken;
  scope.recent.push_back(snapshot.taken);
  if (scope.recent.size() > kMostRecent) {
    scope.recent.pop_front();
  }
  if (snapshot.covers_time_wait) {
    scope.last_whole = snapshot.taken;
  }
}

void Tracker::apply(const Notice& notice) {
  const auto& row = notice.row;
  const auto identity = identity_of(row, notice.netns, true);
  if (by_identity_.contains(identity) || join_half_open(row, identity)) {
    return begin_end(by_identity_.at(identity), notice);
  }
  const bool tcp = row.tuple.protocol == Protocol::tcp;
  const bool used = !tcp || row.tuple.remote.port != 0 || (row.delivery && was_used(*row.delivery));
  // Never connected nor bound: no connection to speak of.
  if (row.tuple.local.port != 0 && used && !exhume(notice, identity) && !join_remainder(notice)) {
    open_noticed(notice, identity);
  }
}

/// The end is the first that we hear of it.
void Tracker::open_noticed(const Notice& notice, const Identity& identity) {
  const auto& row = notice.row;
  const auto scope = scope_index(notice.netns, table_of(row.tuple));
  const bool tcp = row.tuple.protocol == Protocol::tcp;
  auto born = row;
  born.inode = 0;  // nobody holds it any more
  born.state = tcp ? std::optional{TcpState::established} : std::nullopt;
  if (tcp && row.tuple.remote.port == 0) {
    born.metrics.reset();  // wiped with its peer
  }
  const auto index = create(identity, born, scope);
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  connection.state.reset();
  slot.evidence = Evidence{};  // its state was a guess
  connection.netns = notice.netns;
  connection.seen_by = SeenBy::notice;
  connection.first_seen_ns = notice.at.at_ns;
  connection.last_seen_ns = notice.at.at_ns;
  // Alive when it last heard of its peer, and not after a reset that its application has not acted
  // on yet; a connect that nobody answered leaves no such trace.
  const auto& at = notice.at;
  auto alive_ns = at.at_ns - at.error_ns;
  auto opened_until_ns = at.at_ns;
  if (row.delivery && was_answered(connection, slot.evidence, *row.delivery)) {
    const auto [newest, oldest] =
        std::minmax({row.delivery->since_sent_ms, row.delivery->since_acked_ms});
    alive_ns -= at_most_ago(newest);
    opened_until_ns -= std::max<std::int64_t>(oldest * kNsPerMs - kTimerTickNs, 0);
  } else if (row.delivery && scopes_[scope].first) {
    alive_ns = scopes_[scope].first->ended_ns;
  }
  auto after_ns = opened_after(scopes_[scope], alive_ns);
  if (const auto* const birth = births_.find(identity)) {
    after_ns = std::max(after_ns.value_or(birth->at_ns), birth->at_ns);
  }
  connection.direction = direction_of(born, notice.netns, !after_ns, after_ns.value_or(0));
  const auto opened = after_ns ? between(*after_ns, std::max(opened_until_ns, *after_ns)) : at;
  slot.seen = {opened.at_ns - opened.error_ns, at.at_ns};
  give_first_owner(index, born, true, slot.seen.began_ns);
  if (after_ns) {
    connection.opened = opened;
  }
  emit(index, after_ns ? EventKind::open : EventKind::present, opened, std::nullopt, std::nullopt);
  begin_end(index, notice);
}

/// Nobody has seen it, and it was alive at this time: it was opened after this. Nothing when it may
/// have been there before the first snapshot.
std::optional<std::int64_t> Tracker::opened_after(const Scope& scope, std::int64_t alive_ns) {
  const auto before = std::find_if(scope.recent.rbegin(),
                                   scope.recent.rend(),
                                   [&](const Span& span) { return span.ended_ns <= alive_ns; });
  if (before != scope.recent.rend()) {
    return before->began_ns;
  }
  return scope.first && scope.first->ended_ns <= alive_ns ? std::optional{scope.first->began_ns}
                                                          : std::nullopt;
}

void Tracker::bury(const Slot& slot) {
  buried_.put(slot.identity, Buried{slot.connection, slot.evidence});
}

/// The application has let go of what had left the table before: how it ended is known now.
bool Tracker::exhume(const Notice& notice, const Identity& identity) {
  auto* const found = buried_.find(identity);
  if (found == nullptr) {
    return false;
  }
  auto& [connection, evidence] = *found;
  take_announcement(connection, evidence, notice.row);
  conclude(connection, evidence);
  late_.push_back(connection);
  buried_.erase(identity);
  return true;
}

/// What the kernel said at the end of the full socket.
void Tracker::take_announcement(Connection& connection, Evidence& evidence, const SocketRow& row) {
  evidence.noticed = true;
  evidence.delivery = row.delivery;
  // An abort, and a connect that fails, clear the remote port and the counters before the notice.
  evidence.wiped = connection.tuple.protocol == Protocol::tcp &&
                   connection.direction != Direction::listen && row.tuple.remote.port == 0;
  if (!evidence.wiped && row.metrics) {
    connection.metrics = *row.metrics;
  }
  connection.seen_by = connection.seen_by | SeenBy::notice;
}

void Tracker::resolve(std::uint64_t inode, const ProcessId& holder, const Moment& at) {
  const auto [first, last] = asked_.equal_range(inode);
  for (auto entry = first; entry != last; ++entry) {
    const auto index = entry->second;
    auto& slot = slots_[index];
    slot.asked = false;
    set_owner(index,
              Owner{holder, slot.inode == inode ? OwnerSource::exact : OwnerSource::last_seen, {}},
              at);
    learn_holder(index, holder);
    const auto& connection = slot.connection;
    if (connection.direction == Direction::listen) {
      listeners_.owned(connection.netns,
                       connection.tuple.protocol,
                       connection.tuple.local,
                       connection.id,
                       holder);
      bequeath(index, at);
    }
  }
  asked_.erase(first, last);
}

/// What the owner of one connection tells about the owners of others. Who called listen(2) tells
/// nothing: it may have made the listener for its children.
void Tracker::learn_holder(Index index, const ProcessId& holder) {
  const auto& connection = slots_[index].connection;
  last_pid_[local_key(connection.tuple)] = holder.pid;
  if (connection.tuple.remote.port != 0) {
    last_pid_[remote_key(connection.tuple)] = holder.pid;
  }
  if (connection.direction == Direction::inbound) {
    listeners_.served(connection.netns, connection.tuple.protocol, connection.tuple.local, holder);
  }
}

void Tracker::give_up(std::uint64_t inode, UnknownOwner why) {
  const auto [first, last] = asked_.equal_range(inode);
  for (auto entry = first; entry != last; ++entry) {
    auto& slot = slots_[entry->second];
    slot.asked = false;
    if (slot.connection.owner.source == OwnerSource::unknown) {
      slot.connection.owner.why = why;
      touch(entry->second);
    }
  }
  asked_.erase(first, last);
}

void Tracker::end_process(const ProcessId& process) {
  if (!held_.contains(process)) {
    return;
  }
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    if (marks_[index].phase != Mark::Phase::free && slot.inode != 0 &&
        slot.connection.owner.process == process) {
      ask(index);
    }
  }
}

void Tracker::follow_clock(std::int64_t step_ns) {
  const auto shift = [&](Span& span) {
    span.began_ns += step_ns;
    span.ended_ns += step_ns;
  };
  const auto shift_known = [&](std::optional<Span>& span) {
    if (span) {
      shift(*span);
    }
  };
  for (auto& slot : slots_) {
    shift(slot.seen);
    if (slot.gone) {
      slot.gone->at_ns += step_ns;
    }
    if (slot.changed_ns != 0) {
      slot.changed_ns += step_ns;
    }
  }
  // Traced ends and births are soon forgotten; a clock that jumps makes them so at once.
  traced_ends_.clear();
  births_.clear();
  for (auto& scope : scopes_) {
    shift_known(scope.first);
    shift_known(scope.last);
    shift_known(scope.last_whole);
    for (auto& span : scope.recent) {
      shift(span);
    }
  }
  for (auto& [netns, remainders] : remainders_) {
    remainders.begun_ns += step_ns;
  }
}

void Tracker::begin_namespace(std::uint64_t netns, std::int64_t at_ns) {
  Snapshot nothing;
  nothing.netns = netns;
  nothing.taken = Span{at_ns, at_ns};
  for (const auto table : kTableKinds) {
    remember(scopes_[scope_index(netns, table)], nothing);
  }
}

void Tracker::end_namespace(std::uint64_t netns, const Moment& at) {
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    // What is traced goes on without a process to hold it, and is told.
    const bool to_be_told = slot.changed_ns != 0 && marks_[index].phase == Mark::Phase::active;
    if (marks_[index].phase != Mark::Phase::free && !slot.closed && !to_be_told &&
        slot.connection.netns == netns) {
      close(index, slot.gone.value_or(between(slot.seen.began_ns, at.at_ns)));
    }
  }
  for (auto& scope : scopes_) {
    if (scope.netns == netns) {
      scope.first.reset();
      scope.last.reset();
      scope.last_whole.reset();
      scope.recent.clear();
    }
  }
  remainders_.erase(netns);
  announced_.erase(netns);
}

std::vector<Event> Tracker::take_events() {
  std::vector<Event> events;
  events.reserve(pending_.size());
  for (const auto& pending : pending_) {
    auto& slot = slots_[pending.slot];
    events.push_back(Event{pending.kind,
                           pending.at,
                           pending.old_code,
                           pending.new_code,
                           pending.old_owner,
                           slot.connection,
                           slot.brought});
    slot.announced = true;
    slot.brought = true;
    slot.dirty = false;
  }
  for (const auto& pending : pending_) {
    slots_[pending.slot].brought = false;
    if (pending.kind == EventKind::close) {
      release(pending.slot);
    }
  }
  pending_.clear();
  return events;
}

std::vector<Connection> Tracker::take_refreshes() {
  auto connections = std::exchange(late_, {});
  for (const auto index : std::exchange(dirty_, {})) {
    auto& slot = slots_[index];
    // A slot can have been freed, and used again, since it was marked.
    if (slot.dirty && slot.announced) {
      slot.dirty = false;
      connections.push_back(slot.connection);
    }
  }
  return connections;
}

std::vector<Question> Tracker::questions(std::size_t most) const {
  std::vector<Question> questions;
  for (const auto& [inode, index] : asked_) {
    if (questions.size() == most) {
      break;
    }
    const auto& connection = slots_[index].connection;
    Question question{inode, {}};
    const auto add = [&](std::uint32_t pid) {
      if (std::find(question.likely_pids.begin(), question.likely_pids.end(), pid) ==
          question.likely_pids.end()) {
        question.likely_pids.push_back(pid);
      }
    };
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, 0);
    for (const auto key : {local_key(connection.tuple), remote_key(connection.tuple)}) {
      if (const auto last = last_pid_.find(key); last != last_pid_.end()) {
        add(last->second);
      }
    }
    if (listener && listener->owner) {
      add(listener->owner->pid);
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

std::vector<std::uint64_t> Tracker::take_vacated() {
  return std::exchange(vacated_, {});
}

std::size_t Tracker::time_wait_connections() const {
  std::size_t total = 0;
  for (const auto& scope : scopes_) {
    total += scope.time_wait;
  }
  return total;
}

std::uint32_t Tracker::scope_index(std::uint64_t netns, TableKind table) {
  for (std::uint32_t i = 0; i < scopes_.size(); ++i) {
    if (scopes_[i].netns == netns && scopes_[i].table == table) {
      return i;
    }
  }
  auto& scope = scopes_.emplace_back();
  scope.netns = netns;
  scope.table = table;
  return static_cast<std::uint32_t>(scopes_.size() - 1);
}

std::size_t Tracker::expected(std::uint32_t scope, bool covers_time_wait) const {
  const auto& members = scopes_[scope];
  return members.active + (covers_time_wait ? members.time_wait + members.ending : 0);
}

Tracker::Index Tracker::create(const Identity& identity,
                               const SocketRow& row,
                               std::uint32_t scope) {
  Index index = 0;
  if (free_.empty()) {
    index = static_cast<Index>(slots_.size());
    slots_.emplace_back();
    marks_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    slots_[index] = Slot{};
  }
  marks_[index] = Mark{epoch_, scope, Mark::Phase::free};
  auto& slot = slots_[index];
  slot.identity = identity;
  slot.connection.id = next_id_++;
  slot.connection.tuple = row.tuple;
  slot.connection.state = row.state;
  slot.connection.offload = row.offload;
  slot.connection.uid = row.uid;
  slot.connection.metrics = row.metrics.value_or(Metrics{});
  if (row.state) {
    slot.evidence.add(*row.state);
  }
  by_identity_.emplace(identity, index);
  if (row.state == TcpState::syn_received) {
    half_open_[Identity{identity.netns, 0, row.tuple}] = index;
  }
  set_phase(index, row.state == TcpState::time_wait ? Mark::Phase::time_wait : Mark::Phase::active);
  return index;
}

void Tracker::set_phase(Index index, Mark::Phase phase) {
  auto& mark = marks_[index];
  auto& scope = scopes_[mark.scope];
  const auto count = [&](Mark::Phase of) -> std::size_t* {
    switch (of) {
      case Mark::Phase::active:
        return &scope.active;
      case Mark::Phase::ending:
        return &scope.ending;
      case Mark::Phase::time_wait:
        return &scope.time_wait;
      case Mark::Phase::free:
        break;
    }
    return nullptr;
  };
  if (auto* const before = count(mark.phase)) {
    --*before;
  }
  mark.phase = phase;
  if (auto* const after = count(phase)) {
    ++*after;
  }
}

void Tracker::release(Index index) {
  slots_[index].dirty = false;
  slots_[index].closed = false;
  free_.push_back(index);
}

void Tracker::emit(Index index,
                   EventKind kind,
                   const Moment& at,
                   std::optional<std::uint8_t> old_code,
                   std::optional<std::uint8_t> new_code) {
  pending_.push_back(Pending{kind, at, old_code, new_code, std::nullopt, index});
}

void Tracker::touch(Index index) {
  auto& slot = slots_[index];
  if (!slot.dirty) {
    slot.dirty = true;
    dirty_.push_back(index);
  }
}

/// False when the row is another use of the same identity: what was known has been closed, the row
/// is new.
bool Tracker::see(Index index, const SocketRow& row, const Snapshot& snapshot) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  const auto at = between(slot.seen.began_ns, snapshot.taken.ended_ns);
  // Read before the kernel announced the end, delivered after it.
  const bool stale =
      slot.evidence.noticed && slot.gone && snapshot.taken.began_ns < slot.gone->at_ns;
  if (stale) {
    return true;
  }
  if (may_be_newer(slot, snapshot)) {
    return true;
  }
  const bool other_use = connection.tuple != row.tuple ||
                         (slot.inode != 0 && row.inode != 0 && slot.inode != row.inode);
  if (other_use) {
    close(index, slot.gone.value_or(at));
    return false;
  }
  connection.seen_by = connection.seen_by | SeenBy::snapshot;
  connection.last_seen_ns = snapshot.taken.ended_ns;
  const bool traced = slot.changed_ns != 0;
  if (row.state && row.state != connection.state) {
    if (traced && !slot.gone) {
      ++disagreements_.states;
    }
    const auto ended = std::exchange(slot.gone, std::nullopt);
    if (ended && row.state == TcpState::time_wait) {
      // What a notice ended may have been in TIME_WAIT since then; the rest of a traced socket came
      // there later, but its process was done with it.
      enter(index, *row.state, traced ? between(ended->at_ns, at.at_ns) : *ended);
      connection.closed = ended;
    } else {
      enter(index, *row.state, at);
    }
  } else if (slot.gone && !traced && row.state != TcpState::time_wait) {
    // Still there although it was missed or announced dead: FIN_WAIT_2 goes on as a timewait
    // minisock.
    slot.gone.reset();
    set_phase(index, Mark::Phase::active);
  }
  slot.seen = snapshot.taken;
  update_descriptor(index, row);
  update_offload(index, row, at);
  update_metrics(index, row);
  return true;
}

void Tracker::open_from(const SocketRow& row, const Snapshot& snapshot, const Identity& identity) {
  if (by_identity_.contains(identity)) {
    return;  // listed twice in one dump, it moved while the kernel walked
  }
  const auto scope = scope_index(snapshot.netns, table_of(row.tuple));
  // A TIME_WAIT row can have begun and ended unseen since TIME_WAIT was last shown.
  const auto before =
      row.state == TcpState::time_wait ? scopes_[scope].last_whole : scopes_[scope].last;
  const auto alive_after_ns = before ? before->began_ns : 0;
  const auto index = create(identity, row, scope);
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  slot.seen = snapshot.taken;
  slot.inode = row.inode;
  connection.netns = snapshot.netns;
  connection.seen_by = SeenBy::snapshot;
  connection.first_seen_ns = snapshot.taken.ended_ns;
  connection.last_seen_ns = snapshot.taken.ended_ns;
  connection.direction = direction_of(row, snapshot.netns, !before, alive_after_ns);
  auto at = between(before ? before->began_ns : snapshot.taken.began_ns, snapshot.taken.ended_ns);
  const auto* const birth = births_.find(identity);
  if (birth != nullptr) {
    at = between(std::max(birth->at_ns, at.at_ns - at.error_ns), at.at_ns);
  }
  if (before || birth != nullptr) {
    connection.opened = at;
  }
  // A handshake of a peer is never told, a connect not by every trace.
  const bool half_open = row.state == TcpState::syn_received || row.state == TcpState::syn_sent;
  if (tracing_ && before && row.tuple.protocol == Protocol::tcp && !half_open) {
    ++disagreements_.opens;
  }
  if (is_remainder(row)) {
    remainders_[snapshot.netns].fresh.emplace(Identity{snapshot.netns, 0, row.tuple}, index);
  }
  if (row.state == TcpState::time_wait) {
    connection.closed = connection.opened;
    conclude(connection, slot.evidence);
  }
  if (connection.direction == Direction::listen) {
    listeners_.opened(snapshot.netns, row.tuple.protocol, row.tuple.local, connection.id);
  }
  give_first_owner(index, row, snapshot.names_owners, alive_after_ns);
  emit(index,
       connection.opened ? EventKind::open : EventKind::present,
       at,
       std::nullopt,
       code(row.state));
  if (row.offload && row.offload != Offload::in_host) {
    emit(index, EventKind::offload, at, std::nullopt, code(row.offload));
  }
}

/// A TIME_WAIT row, or what is left in FIN_WAIT_2, whose socket we know by another cookie: the
/// kernel gives it one of its own when nobody had asked for the socket's before. True when it
/// joined the connection that it came from.
bool Tracker::adopt_remainder(const SocketRow& row,
                              const Snapshot& snapshot,
                              const Identity& identity) {
  const auto scope = scope_index(snapshot.netns, table_of(row.tuple));
  if (scopes_[scope].ending == 0) {
    return false;
  }
  if (ending_by_tuple_.empty()) {
    for (Index index = 0; index < slots_.size(); ++index) {
      const auto& slot = slots_[index];
      // The rest of a socket that a snapshot has shown keeps the cookie that the snapshot asked
      // for.
      if (marks_[index].phase == Mark::Phase::ending && slot.gone &&
          slot.connection.seen_by == SeenBy::notice) {
        auto& latest =
            ending_by_tuple_
                .emplace(Identity{slot.connection.netns, 0, slot.connection.tuple}, index)
                .first->second;
        if (slots_[latest].gone->at_ns < slot.gone->at_ns) {
          latest = index;
        }
      }
    }
  }
  const auto found = ending_by_tuple_.find(Identity{snapshot.netns, 0, row.tuple});
  if (found == ending_by_tuple_.end() || marks_[found->second].phase != Mark::Phase::ending) {
    return false;
  }
  const auto index = found->second;
  rename(index, identity);
  return see(index, row, snapshot);
}

void Tracker::rename(Index index, const Identity& identity) {
  by_identity_.erase(slots_[index].identity);
  slots_[index].identity = identity;
  by_identity_.emplace(identity, index);
  marks_[index].epoch = epoch_;
}

/// The child of a handshake that we know by another cookie: the kernel gave the child one of its
/// own when nobody had asked for the request's before.
bool Tracker::join_half_open(const SocketRow& row, const Identity& identity) {
  const auto found = half_open_.find(Identity{identity.netns, 0, row.tuple});
  if (found == half_open_.end() || row.state == TcpState::syn_received) {
    return false;
  }
  const auto index = found->second;
  half_open_.erase(found);
  rename(index, identity);
  return true;
}

/// A peer of this host that is in TIME_WAIT has sent a FIN and has seen ours: the other end of it
/// was orderly, too.
void Tracker::settle_doubts(const Snapshot& snapshot) {
  boost::unordered_flat_map<Identity, Index, IdentityHash> doubtful;
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    if (marks_[index].phase != Mark::Phase::ending || slot.connection.netns != snapshot.netns) {
      continue;
    }
    reconsider_direction(index, snapshot);
    if (fin_acknowledged(slot.connection, slot.evidence)) {
      const auto& tuple = slot.connection.tuple;
      doubtful.emplace(
          Identity{snapshot.netns, 0, FiveTuple{tuple.protocol, tuple.remote, tuple.local}}, index);
    }
  }
  if (doubtful.empty()) {
    return;
  }
  for (const auto& row : snapshot.rows) {
    if (row.state == TcpState::time_wait) {
      const auto found = doubtful.find(Identity{snapshot.netns, 0, row.tuple});
      if (found != doubtful.end()) {
        slots_[found->second].evidence.received_fin = true;
      }
    }
  }
}

/// Whether a slot that was first met as the rest of a socket is that still, and of this one.
bool Tracker::still_remains(Index index, const Notice& notice) const {
  const auto& slot = slots_[index];
  const auto phase = marks_[index].phase;
  return (phase == Mark::Phase::time_wait || phase == Mark::Phase::active) &&
         !slot.evidence.noticed && slot.connection.netns == notice.netns &&
         slot.connection.tuple == notice.row.tuple;
}

/// The other order: the row was read before the notice of the socket that it came from.
bool Tracker::join_remainder(const Notice& notice) {
  const Identity key{notice.netns, 0, notice.row.tuple};
  auto& remainders = remainders_[notice.netns];
  for (auto* const recent : {&remainders.fresh, &remainders.older}) {
    const auto found = recent->find(key);
    if (found == recent->end() || !still_remains(found->second, notice)) {
      continue;
    }
    const auto index = found->second;
    auto& slot = slots_[index];
    take_announcement(slot.connection, slot.evidence, notice.row);
    touch(index);
    if (slot.connection.closed) {
      slot.connection.closed = both(*slot.connection.closed, end_of(slot, notice));
    }
    recent->erase(found);
    return true;
  }
  return false;
}

void Tracker::find_missing(const Snapshot& snapshot, std::uint32_t scope) {
  for (Index index = 0; index < marks_.size(); ++index) {
    const auto& mark = marks_[index];
    if (mark.scope != scope || mark.epoch == epoch_ || mark.phase == Mark::Phase::free) {
      continue;
    }
    if (mark.phase == Mark::Phase::active || snapshot.covers_time_wait) {
      miss(index, snapshot);
    }
  }
}

void Tracker::miss(Index index, const Snapshot& snapshot) {
  auto& slot = slots_[index];
  if (may_be_newer(slot, snapshot)) {
    return;
  }
  if (slot.changed_ns != 0) {
    disagreements_.ends += marks_[index].phase == Mark::Phase::active ? 1 : 0;
    traced_ends_.put(slot.identity, snapshot.taken.ended_ns);
  }
  // A dump that began before the announced end proves nothing about what follows it.
  if (slot.evidence.noticed && slot.gone && snapshot.taken.began_ns < slot.gone->at_ns) {
    return;
  }
  const auto left = slot.gone.value_or(between(slot.seen.began_ns, snapshot.taken.ended_ns));
  const bool in_time_wait_perhaps =
      !snapshot.covers_time_wait && may_enter_time_wait(slot.connection);
  if (in_time_wait_perhaps || awaits_notice(slot, left, snapshot)) {
    slot.gone = left;
    set_phase(index, Mark::Phase::ending);
  } else {
    close(index, left);
  }
}

/// What was only announced can have been accepted on a listener that this snapshot is the first to
/// show.
void Tracker::reconsider_direction(Index index, const Snapshot& snapshot) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  if (connection.seen_by != SeenBy::notice || connection.direction != Direction::outbound) {
    return;
  }
  const auto listener = listeners_.accepting(
      connection.netns, connection.tuple.protocol, connection.tuple.local, slot.seen.began_ns);
  if (listener) {
    connection.direction = Direction::inbound;
    touch(index);
    if (listener->owner) {
      set_owner(index,
                Owner{listener->owner, OwnerSource::inherited, {}},
                between(snapshot.taken.began_ns, snapshot.taken.ended_ns));
    }
  }
}

/// How long after its end the kernel announces a socket; nothing when it does not.
std::optional<std::int64_t> Tracker::notice_delay_ns(const Connection& connection) const {
  const auto announced = announced_.find(connection.netns);
  const bool will_be = announced != announced_.end() &&
                       (announced->second.tables & table_bit(table_of(connection.tuple))) != 0;
  return will_be ? std::optional{announced->second.delay_ns} : std::nullopt;
}

bool Tracker::awaits_notice(const Slot& slot, const Moment& left, const Snapshot& snapshot) const {
  // TIME_WAIT ends without a notice: its socket has had one.
  const auto delay_ns = slot.evidence.noticed || slot.connection.state == TcpState::time_wait
                            ? std::nullopt
                            : notice_delay_ns(slot.connection);
  return delay_ns && snapshot.taken.began_ns < left.at_ns + *delay_ns;
}

/// When the socket ended: after its peer was heard of last. The announcement comes later, by more
/// where the kernel's worker has to wait, or an application keeps a socket that was reset.
Moment Tracker::end_of(const Slot& slot, const Notice& notice) {
  const auto& at = notice.at;
  const auto& delivery = slot.evidence.delivery;
  if (!delivery || slot.evidence.wiped ||
      !was_answered(slot.connection, slot.evidence, *delivery)) {
    return at;
  }
  return {at.at_ns, at.error_ns + at_most_ago(delivery->since_acked_ms)};
}

/// The kernel has announced the end of the full socket.
void Tracker::begin_end(Index index, const Notice& notice) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  take_announcement(connection, slot.evidence, notice.row);
  touch(index);
  connection.last_seen_ns = std::max(connection.last_seen_ns, notice.at.at_ns);
  if (marks_[index].phase == Mark::Phase::time_wait) {
    return;
  }
  auto ended = end_of(slot, notice);
  ended = between(std::max(ended.at_ns - ended.error_ns, slot.seen.began_ns), ended.at_ns);
  slot.gone = slot.gone ? both(*slot.gone, ended) : ended;
  const bool unseen_state = !connection.state && connection.tuple.protocol == Protocol::tcp;
  if (unseen_state || may_enter_time_wait(connection)) {
    set_phase(index, Mark::Phase::ending);
  }
}

void Tracker::conclude(Connection& connection, const Evidence& evidence) {
  const auto verdict = judge(connection, evidence);
  connection.outcome = verdict.outcome;
  connection.outcome_why = verdict.why;
  connection.syns = verdict.syns;
  // Where we closed first the announcement may have come before the peer's FIN.
  auto& received = connection.metrics.bytes_received;
  if (evidence.delivery && !evidence.wiped && !evidence.finished && fin_received(evidence) &&
      received.value_or(0) > 0) {
    --*received;
  }
}

void Tracker::enter(Index index, TcpState state, const Moment& at) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  emit(index, EventKind::state, at, code(connection.state), code(std::optional{state}));
  if (connection.state == TcpState::syn_received) {
    half_open_.erase(Identity{connection.netns, 0, connection.tuple});
  }
  connection.state = state;
  slot.evidence.add(state);
  if (state == TcpState::time_wait) {
    connection.closed = at;
    conclude(connection, slot.evidence);
  }
  slot.gone.reset();
  set_phase(index, state == TcpState::time_wait ? Mark::Phase::time_wait : Mark::Phase::active);
}

void Tracker::close(Index index, const Moment& at) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  const bool tcp = connection.tuple.protocol == Protocol::tcp;
  emit(index,
       EventKind::close,
       at,
       code(connection.state),
       tcp ? code(std::optional{TcpState::closed}) : std::nullopt);
  if (connection.direction == Direction::listen) {
    listeners_.closed(connection.netns,
                      connection.tuple.protocol,
                      connection.tuple.local,
                      connection.id,
                      at.at_ns);
  }
  if (connection.outcome == Outcome::open) {
    connection.closed = at;
    conclude(connection, slot.evidence);
  }
  connection.gone = true;
  const bool to_be_announced = connection.state != TcpState::time_wait && !slot.evidence.noticed &&
                               notice_delay_ns(connection).has_value();
  if (tcp) {
    connection.state = TcpState::closed;
  }
  if (to_be_announced) {
    bury(slot);
  }
  if (slot.inode != 0) {
    vacated_.push_back(slot.inode);
  }
  count_held(connection.owner, false);
  const auto half_open = half_open_.find(Identity{connection.netns, 0, connection.tuple});
  if (half_open != half_open_.end() && half_open->second == index) {
    half_open_.erase(half_open);
  }
  const auto rest = rests_.find(Identity{connection.netns, 0, connection.tuple});
  if (rest != rests_.end() && rest->second == index) {
    rests_.erase(rest);
  }
  slot.closed = true;
  drop_question(index);
  by_identity_.erase(slot.identity);
  set_phase(index, Mark::Phase::free);
}

void Tracker::update_descriptor(Index index, const SocketRow& row) {
  auto& slot = slots_[index];
  auto& owner = slot.connection.owner;
  if (row.inode == slot.inode) {
    return;
  }
  if (row.inode != 0) {
    slot.inode = row.inode;
    // Who made a listener may have handed it over since.
    if (owner.source != OwnerSource::exact ||
        slots_[index].connection.direction == Direction::listen) {
      ask(index);
    }
    return;
  }
  drop_question(index);
  vacated_.push_back(std::exchange(slot.inode, 0));
  if (owner.source == OwnerSource::exact && slot.changed_ns == 0) {
    owner.source = OwnerSource::last_seen;
  } else if (owner.source == OwnerSource::unknown) {
    owner.why = UnknownOwner::gone;
  }
  touch(index);
}

void Tracker::update_offload(Index index, const SocketRow& row, const Moment& at) {
  auto& connection = slots_[index].connection;
  if (!row.offload || row.offload == connection.offload) {
    return;
  }
  const bool first_reading = !connection.offload && row.offload == Offload::in_host;
  if (!first_reading) {
    emit(index, EventKind::offload, at, code(connection.offload), code(row.offload));
  }
  connection.offload = row.offload;
  touch(index);
}

void Tracker::update_metrics(Index index, const SocketRow& row) {
  auto& connection = slots_[index].connection;
  if (row.metrics && *row.metrics != connection.metrics) {
    connection.metrics = *row.metrics;
    touch(index);
  }
}

void Tracker::ask(Index index) {
  auto& slot = slots_[index];
  if (!slot.asked) {
    slot.asked = true;
    asked_.emplace(slot.inode, index);
  }
}

void Tracker::drop_question(Index index) {
  auto& slot = slots_[index];
  if (slot.asked) {
    const auto [first, last] = asked_.equal_range(slot.inode);
    const auto ours =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == index; });
    if (ours != last) {
      asked_.erase(ours);
    }
    slot.asked = false;
  }
}

/// What is known of the owner before anybody searched.
void Tracker::give_first_owner(Index index,
                               const SocketRow& row,
                               bool names_owners,
                               std::int64_t alive_after_ns) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  if (connection.direction == Direction::inbound) {
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, alive_after_ns);
    if (listener && listener->owner) {
      connection.owner = Owner{listener->owner, OwnerSource::inherited, {}};
      count_held(connection.owner, true);
    }
  }
  const auto* const birth = births_.find(slot.identity);
  if (birth != nullptr && birth->caller) {
    count_held(connection.owner, false);
    connection.owner = Owner{birth->caller->id, OwnerSource::exact, {}};
    count_held(connection.owner, true);
    births_.erase(slot.identity);
  } else if (!names_owners) {
    connection.owner.why = UnknownOwner::no_source;
  } else if (row.inode != 0) {
    ask(index);
  } else if (connection.owner.source == OwnerSource::unknown) {
    connection.owner.why =
        connection.seen_by == SeenBy::notice ? UnknownOwner::gone : UnknownOwner::kernel;
  }
}

void Tracker::set_owner(Index index, const Owner& owner, const Moment& at) {
  auto& slot = slots_[index];
  const auto before = std::exchange(slot.connection.owner, owner);
  if (before == owner) {
    return;
  }
  if (!slot.closed) {
    count_held(before, false);
    count_held(owner, true);
  }
  if (slot.announced && before.process != owner.process) {
    emit(index, EventKind::owner, at, std::nullopt, std::nullopt);
    pending_.back().old_owner = before.process;
  } else {
    touch(index);
  }
}

/// What was accepted on a listener before its owner was known.
void Tracker::bequeath(Index listener, const Moment& at) {
  const auto& from = slots_[listener].connection;
  const auto& bound = from.tuple.local.address;
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& to = slots_[index].connection;
    const auto& local = to.tuple.local;
    // What has closed in this tick, too: its events have not been taken.
    const bool exists = marks_[index].phase != Mark::Phase::free || slots_[index].closed;
    const bool orphan =
        exists && to.direction == Direction::inbound && to.owner.source == OwnerSource::unknown;
    const bool accepted = to.netns == from.netns && to.tuple.protocol == from.tuple.protocol &&
                          local.port == from.tuple.local.port &&
                          local.address.family == bound.family &&
                          (bound.is_unspecified() || bound == local.address);
    if (orphan && accepted) {
      set_owner(index, Owner{from.owner.process, OwnerSource::inherited, {}}, at);
    }
  }
}

void Tracker::count_held(const Owner& owner, bool more) {
  if (!owner.process) {
    return;
  }
  auto& held = held_[*owner.process];
  held = more ? held + 1 : held - 1;
  if (held == 0) {
    held_.erase(*owner.process);
  }
}

Direction Tracker::direction_of(const SocketRow& row,
                                std::uint64_t netns,
                                bool present,
                                std::int64_t alive_after_ns) const {
  if (listens(row)) {
    return Direction::listen;
  }
  if (row.state == TcpState::syn_sent) {
    return Direction::outbound;
  }
  const bool accepted =
      row.state == TcpState::syn_received ||
      listeners_.accepting(netns, row.tuple.protocol, row.tuple.local, alive_after_ns).has_value();
  if (accepted) {
    return Direction::inbound;
  }
  // Its listener may have closed before we came.
  return present ? Direction::unknown : Direction::outbound;
}

}  // namespace netlog::track
