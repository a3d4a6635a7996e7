// SPDX-License-Identifier: MIT
#include "support/random_history.hpp"

#include "model/event.hpp"
#include "store/write/writer.hpp"
#include "support/connection_event.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

namespace netlog::test {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

using enum TcpState;

/// Numbers that are the same on every platform, unlike those of std::uniform_int_distribution.
class Dice {
 public:
  explicit Dice(unsigned seed) : random_{seed} {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  bool percent(int chance) { return below(100) < chance; }
  template <typename T, std::size_t N>
  T one_of(const std::array<T, N>& values) {
    return values.at(static_cast<std::size_t>(below(N)));
  }

 private:
  std::mt19937_64 random_;
};

const std::array<IpAddress, 4> kPeers{IpAddress::v4(198, 51, 100, 1),
                                      IpAddress::v4(198, 51, 100, 2),
                                      IpAddress::v4(203, 0, 113, 9),
                                      *parse_address("2001:db8::7")};

std::string name_of(const IpAddress& peer) {
  if (peer == kPeers[0] || peer == kPeers[2]) {
    return "a.corp.example";
  }
  return peer == kPeers[3] ? "v6.example" : "";
}

void choose_endpoints(RecordedLife& life, Dice& dice) {
  const auto peer = dice.one_of(kPeers);
  const auto ephemeral = static_cast<std::uint16_t>(30'000 + life.id);
  const auto ours =
      peer.family == Family::ipv6 ? *parse_address("2001:db8::1") : IpAddress::v4(192, 0, 2, 1);
  if (life.direction == Direction::inbound) {
    life.local = {ours, dice.one_of(std::array<std::uint16_t, 2>{80, 8443})};
    life.remote = {peer, ephemeral};
  } else if (life.direction == Direction::listen) {
    life.local = {IpAddress::v4(0, 0, 0, 0), dice.one_of(std::array<std::uint16_t, 2>{80, 8443})};
    life.remote = {IpAddress::v4(0, 0, 0, 0), 0};
  } else {
    life.local = {ours, ephemeral};
    life.remote = {peer, dice.one_of(std::array<std::uint16_t, 2>{443, 5432})};
    life.remote_name = name_of(peer);
  }
}

/// The states of a TCP connection that ends with this outcome, without their times.
std::vector<TcpState> states_of(const RecordedLife& life, Dice& dice) {
  if (life.direction == Direction::listen) {
    return {listen};
  }
  if (life.outcome == Outcome::refused || life.outcome == Outcome::timed_out) {
    return {syn_sent};
  }
  std::vector<TcpState> states;
  if (life.direction == Direction::outbound && dice.percent(50)) {
    states.push_back(syn_sent);
  }
  if (states.empty() || life.outcome != Outcome::open || dice.percent(80)) {
    states.push_back(established);
  }
  const bool ending = life.outcome == Outcome::closed || dice.percent(30);
  if (states.back() == established && ending) {
    const auto ends = dice.one_of(std::array<std::vector<TcpState>, 4>{
        std::vector{close_wait}, {close_wait, last_ack}, {fin_wait_1}, {fin_wait_1, fin_wait_2}});
    states.insert(states.end(), ends.begin(), ends.end());
  }
  return states;
}

void choose_times(RecordedLife& life, Dice& dice) {
  constexpr auto kLength = kHistoryEndNs - kHistoryBeginNs;
  life.opened = dice.percent(85);
  life.began_ns =
      kHistoryBeginNs + dice.below(100) * (kLength / 100) + dice.below(4) * (kSecond / 4);
  life.open_error_ns = life.opened && dice.percent(50) ? kSecond / 10 : 0;
  // From 1 ms to the whole recording.
  constexpr std::array<std::int64_t, 6> kLengths{
      kSecond / 1000, kSecond / 10, kSecond, 20 * kSecond, 300 * kSecond, kLength};
  const auto length = 1 + dice.below(dice.one_of(kLengths));
  if (life.outcome != Outcome::open) {
    life.closed_ns = std::min(life.began_ns + length, kHistoryEndNs);
  }
  if (life.protocol != Protocol::tcp) {
    return;
  }
  const auto states = states_of(life, dice);
  const auto end_ns = life.closed_ns.value_or(kHistoryEndNs);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto part = (end_ns - life.began_ns) / static_cast<std::int64_t>(states.size());
    life.states.emplace_back(life.began_ns + part * static_cast<std::int64_t>(i), states[i]);
  }
}

RecordedLife random_life(std::int64_t id, Dice& dice) {
  using enum Direction;
  RecordedLife life;
  life.id = id;
  life.protocol = dice.percent(80) ? Protocol::tcp : Protocol::udp;
  life.direction = dice.one_of(std::array<Direction, 8>{
      outbound, outbound, outbound, inbound, inbound, inbound, unknown, listen});
  choose_endpoints(life, dice);
  if (dice.percent(80)) {
    life.pid = static_cast<std::uint32_t>(10 + dice.below(4));
  } else {
    life.owner_reason = dice.percent(70) ? UnknownOwner::not_permitted : UnknownOwner::gone;
  }
  if (life.protocol == Protocol::udp || life.direction == listen) {
    life.outcome = dice.percent(75) ? Outcome::closed : Outcome::open;
  } else {
    life.outcome = dice.one_of(std::array<Outcome, 8>{Outcome::closed,
                                                      Outcome::closed,
                                                      Outcome::closed,
                                                      Outcome::open,
                                                      Outcome::open,
                                                      Outcome::reset,
                                                      Outcome::aborted,
                                                      Outcome::unknown});
    if (life.direction == outbound && dice.percent(15)) {
      life.outcome = dice.percent(50) ? Outcome::refused : Outcome::timed_out;
      life.syns = static_cast<std::uint32_t>(1 + dice.below(6));
    }
  }
  choose_times(life, dice);
  if (dice.percent(60)) {
    life.bytes_sent = dice.below(1'000'000);
    life.bytes_received = dice.below(1'000'000);
  }
  return life;
}

/// p14 opens connections and never closes one.
RecordedLife leaked(std::int64_t id) {
  RecordedLife life;
  life.id = id;
  life.direction = Direction::outbound;
  life.local = {IpAddress::v4(192, 0, 2, 1), static_cast<std::uint16_t>(30'000 + id)};
  life.remote = {IpAddress::v4(203, 0, 113, 60), 8080};
  life.pid = 14;
  life.began_ns = kHistoryBeginNs + id * kSecond;
  life.opened = true;
  life.states = {{life.began_ns, established}, {life.began_ns + kSecond, close_wait}};
  return life;
}

/// The connection as it is before its first event.
Connection connection_of(const RecordedLife& life) {
  Connection connection;
  connection.id = life.id;
  connection.tuple = {life.protocol, life.local, life.remote};
  connection.direction = life.direction;
  if (life.pid) {
    connection.owner = {ProcessId{*life.pid, *life.pid}, OwnerSource::exact, {}};
  } else {
    connection.owner.why = life.owner_reason;
  }
  if (life.opened) {
    connection.opened = Moment{life.began_ns, life.open_error_ns};
  }
  connection.first_seen_ns = connection.last_seen_ns = life.began_ns;
  connection.seen_by = SeenBy::snapshot;
  connection.remote_name = life.remote_name;
  connection.name_source = life.remote_name.empty() ? NameSource::none : NameSource::asked;
  return connection;
}

std::vector<ConnectionEvent> events_of(const RecordedLife& life) {
  const auto code = [](std::optional<TcpState> state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  std::vector<ConnectionEvent> events;
  auto connection = connection_of(life);
  const auto add = [&](EventKind kind, const Moment& at, std::optional<TcpState> state) {
    const auto before = std::exchange(connection.state, state);
    connection.last_seen_ns = at.at_ns;
    events.push_back(
        ConnectionEvent{kind, at, code(before), code(state), std::nullopt, connection});
  };
  add(life.opened ? EventKind::open : EventKind::present,
      Moment{life.began_ns, life.open_error_ns},
      life.states.empty() ? std::nullopt : std::optional{life.states.front().second});
  for (std::size_t i = 1; i < life.states.size(); ++i) {
    add(EventKind::state, Moment{life.states[i].first, 0}, life.states[i].second);
  }
  if (life.bytes_sent) {
    connection.metrics.bytes_sent = static_cast<std::uint64_t>(*life.bytes_sent);
    connection.metrics.bytes_received = static_cast<std::uint64_t>(*life.bytes_received);
    events.back().connection.metrics = connection.metrics;
  }
  if (life.closed_ns) {
    connection.closed = Moment{*life.closed_ns, 0};
    connection.gone = true;
    connection.outcome = life.outcome;
    connection.syns = life.syns;
    add(EventKind::close,
        *connection.closed,
        life.states.empty() ? std::nullopt : std::optional{TcpState::closed});
  }
  return events;
}

bool in_window(const RecordedLife& life, const report::Filter& filter) {
  const bool instant = filter.since_ns && filter.since_ns == filter.until_ns;
  const auto began_ns = life.began_ns - (instant ? life.open_error_ns : 0);
  return (!filter.until_ns || began_ns <= *filter.until_ns) &&
         (!filter.since_ns || life.closed_ns.value_or(kHistoryEndNs) >= *filter.since_ns);
}

bool was_in_state(const RecordedLife& life, const report::Filter& filter) {
  for (std::size_t i = 0; i < life.states.size(); ++i) {
    const auto& [from_ns, state] = life.states[i];
    const auto left = life.left_ns(i);
    if (std::find(filter.states.begin(), filter.states.end(), state) != filter.states.end() &&
        (!filter.until_ns || from_ns <= *filter.until_ns) &&
        (!filter.since_ns || !left || *left >= *filter.since_ns)) {
      return true;
    }
  }
  return filter.states.empty();
}

bool has_owner(const RecordedLife& life, const report::Filter& filter) {
  const bool of_pid = filter.pids.empty() ||
                      (life.pid && std::find(filter.pids.begin(), filter.pids.end(), *life.pid) !=
                                       filter.pids.end());
  const bool of_name = !filter.process || (life.pid && process_name(*life.pid) == *filter.process);
  return of_pid && of_name;
}

bool has_ports(const RecordedLife& life, const report::Filter& filter) {
  const bool listens = life.direction == Direction::listen;
  const auto local = life.local.port;
  const auto remote = listens ? std::nullopt : std::optional{life.remote.port};
  return (!filter.port || local == *filter.port || remote == filter.port) &&
         (!filter.local_port || local == *filter.local_port) &&
         (!filter.remote_port || remote == filter.remote_port);
}

bool has_name(const RecordedLife& life, const report::Filter& filter) {
  if (!filter.remote_name) {
    return true;
  }
  const std::string_view name = *filter.remote_name;  // `*` is the first character, or none is
  return name.starts_with('*')
             ? !life.remote_name.empty() && life.remote_name.ends_with(name.substr(1))
             : life.remote_name == name;
}

bool has_remote(const RecordedLife& life, const report::Filter& filter) {
  return filter.remote.empty() ||
         (life.direction != Direction::listen &&
          std::any_of(filter.remote.begin(), filter.remote.end(), [&](const AddressRange& range) {
            return range.first.family == life.remote.address.family &&
                   range.first <= life.remote.address && life.remote.address <= range.last;
          }));
}

}  // namespace

std::optional<std::int64_t> RecordedLife::duration_ns() const {
  return opened && closed_ns && *closed_ns > began_ns ? std::optional{*closed_ns - began_ns}
                                                      : std::nullopt;
}

bool RecordedLife::failed() const {
  return outcome == Outcome::refused || outcome == Outcome::timed_out ||
         (outcome == Outcome::reset && direction != Direction::inbound);
}

std::string RecordedLife::peer() const {
  return direction == Direction::inbound
             ? fmt::format("{} to port {}", to_string(remote.address), local.port)
             : remote_text();
}

std::string RecordedLife::remote_text() const {
  return remote_name.empty() ? to_string(remote) : fmt::format("{}:{}", remote_name, remote.port);
}

std::optional<std::int64_t> RecordedLife::left_ns(std::size_t i) const {
  return i + 1 < states.size() ? std::optional{states[i + 1].first} : closed_ns;
}

std::vector<RecordedLife> random_history(unsigned seed) {
  Dice dice{seed};
  std::vector<RecordedLife> lives;
  std::int64_t id = 1;
  for (; id <= 280; ++id) {
    lives.push_back(random_life(id, dice));
  }
  for (; id <= 295; ++id) {
    lives.push_back(leaked(id));
  }
  std::stable_sort(lives.begin(), lives.end(), [](const RecordedLife& a, const RecordedLife& b) {
    return a.began_ns < b.began_ns;
  });
  id = 1;
  for (auto& life : lives) {
    life.id = id++;  // a recorder numbers them in the order in which it sees them
  }
  return lives;
}

void record_history(const std::filesystem::path& path, const std::vector<RecordedLife>& lives) {
  store::Writer writer{
      path, Session{"h", "Linux", "6", "0", "b", 0, kSecond, "sock_diag", kHistoryBeginNs}};
  std::vector<store::Item> items;
  for (std::uint32_t pid = 10; pid <= 14; ++pid) {
    Process process;
    process.id = {pid, pid};
    process.started_ns = kHistoryBeginNs;
    process.name = process_name(pid);
    items.emplace_back(process);
  }
  items.emplace_back(Gap{std::nullopt,
                         kHistoryBeginNs + 900 * kSecond,
                         kHistoryBeginNs + 1200 * kSecond,
                         "tick",
                         "skipped ticks",
                         20,
                         std::nullopt});
  std::vector<ConnectionEvent> events;
  for (const auto& life : lives) {
    const auto more = events_of(life);
    events.insert(events.end(), more.begin(), more.end());
  }
  std::stable_sort(
      events.begin(), events.end(), [](const ConnectionEvent& a, const ConnectionEvent& b) {
        return a.at.at_ns < b.at.at_ns;
      });
  std::size_t batch = 1;
  for (auto& event : events) {
    items.emplace_back(std::move(event));
    if (items.size() >= batch) {
      writer.push(std::exchange(items, {}));
      batch = batch % 200 + 40;
    }
  }
  items.emplace_back(Heartbeat{kHistoryEndNs, 1, 0, 0});
  writer.push(std::move(items));
  writer.finish(kHistoryEndNs);
}

std::string process_name(std::uint32_t pid) {
  return fmt::format("p{}", pid);
}

std::vector<RecordedLife> selected(const std::vector<RecordedLife>& lives,
                                   const report::Filter& filter) {
  std::vector<RecordedLife> found;
  std::copy_if(
      lives.begin(), lives.end(), std::back_inserter(found), [&](const RecordedLife& life) {
        return in_window(life, filter) && was_in_state(life, filter) && has_owner(life, filter) &&
               has_ports(life, filter) && has_remote(life, filter) && has_name(life, filter) &&
               (!filter.protocol || life.protocol == *filter.protocol);
      });
  return found;
}

}  // namespace netlog::test
