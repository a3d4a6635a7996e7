// SPDX-License-Identifier: MIT
#include "support/load.hpp"

#include "report/check.hpp"
#include "store/read/reader.hpp"
#include "support/connection_event.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <iterator>
#include <variant>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog::test {
namespace {

constexpr std::int64_t kEpochNs = 1'795'000'000'000'000'000;
constexpr std::int64_t kSessionNs = 1'000'000'000'000;
constexpr std::int64_t kEventNs = 1'000;
constexpr std::uint32_t kProcesses = 7;

std::optional<std::uint8_t> code(std::optional<TcpState> state) {
  return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
}

ProcessId process_id(std::uint64_t n) {
  return {static_cast<std::uint32_t>(100 + n), 1'000 + n};
}

std::vector<store::Item> processes(std::int64_t began_ns) {
  std::vector<store::Item> items;
  for (std::uint32_t n = 0; n < kProcesses; ++n) {
    Process process;
    process.id = process_id(n);
    process.started_ns = began_ns;
    process.name = fmt::format("program{}", n);
    process.cmdline = fmt::format("program{} {}", n, std::string(n * 100, 'x'));
    items.emplace_back(process);
  }
  return items;
}

/// What has given the connection its name.
Lookup lookup_of(const Connection& connection, std::int64_t at_ns) {
  Lookup lookup;
  lookup.netns = connection.netns;
  lookup.process = connection.owner.process;
  lookup.at_ns = at_ns;
  lookup.name = connection.remote_name;
  lookup.type = 28;
  lookup.rcode = 0;
  lookup.answers = {to_string(connection.tuple.remote.address)};
  lookup.ttl_s = 60;
  lookup.latency_ns = 2'000'000;
  lookup.server = {*parse_address("192.0.2.53"), 53};
  return lookup;
}

/// RFC 9293 figure 5: who closes first goes one way, the other another.
std::optional<TcpState> after(TcpState state, std::mt19937_64& random) {
  using enum TcpState;
  switch (state) {
    case established:
      return random() % 2 == 0 ? close_wait : fin_wait_1;
    case close_wait:
      return last_ack;
    case fin_wait_1:
      return time_wait;
    default:
      return std::nullopt;
  }
}

}  // namespace

Load::Load(std::uint64_t seed, std::int64_t session)
    : random_{seed * 1'000'003 + static_cast<std::uint64_t>(session)},
      began_ns_{kEpochNs + session * kSessionNs} {}

Session Load::session() const {
  return {"host1", "Debian", "6.1", "0.1.0", "boot-a", 3600, 100'000'000, "sock_diag", began_ns_};
}

std::int64_t Load::now_ns() const {
  return began_ns_ + (events_ + 1) * kEventNs;
}

ConnectionEvent Load::next(EventKind kind, Connection& connection, std::optional<TcpState> to) {
  ++events_;
  const Moment at{began_ns_ + events_ * kEventNs, 0};
  const auto from = kind == EventKind::open ? std::nullopt : connection.state;
  connection.state = to;
  connection.last_seen_ns = at.at_ns;
  if (kind == EventKind::open) {
    connection.opened = at;
    connection.first_seen_ns = at.at_ns;
  }
  if (kind == EventKind::close) {
    connection.closed = at;
    connection.gone = true;
    connection.outcome = Outcome::closed;
    connection.metrics.bytes_sent = random_() % 100'000;
  }
  return {kind, at, code(from), code(to), std::nullopt, connection};
}

std::vector<store::Item> Load::batch(std::size_t opens) {
  std::vector<store::Item> items;
  if (connections_ == 0) {
    items = processes(began_ns_);
  }
  for (std::size_t i = 0; i < opens; ++i) {
    Connection made;
    made.id = ++connections_;
    made.netns = 4026531840;
    const auto host = random_() % 4'000;
    made.tuple = {
        Protocol::tcp,
        {*parse_address("192.0.2.1"), static_cast<std::uint16_t>(1024 + random_() % 60'000)},
        {*parse_address(fmt::format("2001:db8::{:x}", host)), 443}};
    made.direction = Direction::outbound;
    made.seen_by = SeenBy::notice;
    made.owner = {process_id(random_() % kProcesses), OwnerSource::exact, {}};
    if (host % 3 == 0) {
      made.remote_name = fmt::format("h{:x}.example", host / 9);
      made.name_source = host % 2 == 0 ? NameSource::asked : NameSource::seen;
      items.emplace_back(lookup_of(made, began_ns_ + events_ * kEventNs));
    }
    items.emplace_back(next(EventKind::open, made, TcpState::established));
    open_.emplace(made.id, made);
  }
  // About as many as begin go on or end.
  const auto steps = std::min(open_.size(), 3 * opens);
  for (std::size_t i = 0; i < steps && !open_.empty(); ++i) {
    auto entry = open_.lower_bound(
        1 + static_cast<ConnectionId>(random_() % static_cast<std::uint64_t>(connections_)));
    if (entry == open_.end()) {
      entry = open_.begin();
    }
    auto& connection = entry->second;
    if (const auto to = after(*connection.state, random_)) {
      items.emplace_back(next(EventKind::state, connection, to));
    } else {
      items.emplace_back(next(EventKind::close, connection, TcpState::closed));
      open_.erase(entry);
    }
  }
  const auto at_ns = now_ns() - kEventNs;
  items.emplace_back(
      Counters{4026531840, at_ns, 10, 20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, {}, {}, {}, {}});
  items.emplace_back(Heartbeat{at_ns, events_, 0, 0});
  return items;
}

Held held(const std::filesystem::path& path) {
  Held held;
  SQLite::Database database{utf8(path), SQLite::OPEN_READONLY, 5'000};
  SQLite::Statement rows{
      database,
      "SELECT (at_ns - :epoch) / :session, (at_ns - :epoch) % :session / :event, count(*) "
      "FROM events WHERE at_ns > :epoch AND (at_ns - :epoch) % :session > 0 "
      "AND (at_ns - :epoch) % :event = 0 GROUP BY at_ns ORDER BY at_ns"};
  rows.bind(":epoch", kEpochNs);
  rows.bind(":session", kSessionNs);
  rows.bind(":event", kEventNs);
  while (rows.executeStep()) {
    const auto session = rows.getColumn(0).getInt64();
    const auto number = rows.getColumn(1).getInt64();
    auto& events = held.events[session];
    if (held.fault.empty() && (number != events + 1 || rows.getColumn(2).getInt64() != 1)) {
      held.fault = fmt::format("session {}: event {} is there {} times, after event {}",
                               session,
                               number,
                               rows.getColumn(2).getInt64(),
                               events);
    }
    events = number;
  }
  return held;
}

std::string violations(const std::filesystem::path& path) {
  store::Reader reader{path};
  const auto checked = report::check(reader, 3);
  if (checked.violations == 0) {
    return {};
  }
  const auto& row = checked.answer.tables.at(1).rows.at(0);
  return fmt::format("{} violations, the first: {}: {}",
                     checked.violations,
                     std::get<std::string>(row.at(0)),
                     std::get<std::string>(row.at(2)));
}

}  // namespace netlog::test
