// SPDX-License-Identifier: MIT
#include "day.hpp"

#include "model/event.hpp"
#include "store/write/writer.hpp"
#include "traffic.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace generate {
namespace {

using namespace netlog;

constexpr std::int64_t kTimeWaitNs = 60 * kNsPerSecond;
constexpr double kHourS = 3'600;
constexpr double kDayH = 24;

/// A future change of a connection.
struct Step {
  std::int64_t at_ns = 0;
  EventKind kind = EventKind::state;
  std::optional<TcpState> state;
};

struct Live {
  Connection connection;
  std::vector<Step> steps;  ///< in reverse order of time
  Outcome outcome = Outcome::closed;
};

struct Due {
  std::int64_t at_ns = 0;
  ConnectionId id = 0;

  bool operator>(const Due& other) const {
    return std::pair{at_ns, id} > std::pair{other.at_ns, other.id};
  }
};

class Day {
 public:
  Day(const std::filesystem::path& path, const DayOptions& options)
      : options_{options},
        random_{options.seed},
        traffic_{traffic()},
        writer_{path,
                Session{.host = "web-1",
                        .os = "Linux",
                        .kernel = "6.1.0-18-amd64",
                        .netlog_version = "generated",
                        .boot_id = "00000000-0000-4000-8000-000000000001",
                        .utc_offset_s = 0,
                        .interval_ns = 100 * kNsPerMs,
                        .sources = "sock_diag+trace+procfs",
                        .started_ns = options.began_ns}} {}

  DayTotals run() {
    begin();
    const auto seconds = options_.hours * static_cast<std::int64_t>(kHourS);
    for (std::int64_t second = 0; second < seconds; ++second) {
      const auto from_ns = options_.began_ns + second * kNsPerSecond;
      for (std::size_t i = 0; i < traffic_.size(); ++i) {
        open_some(i, from_ns);
      }
      advance(from_ns + kNsPerSecond);
      if (second % 60 == 59) {
        minute(from_ns + kNsPerSecond);
      }
      writer_.push(std::exchange(items_, {}));
    }
    writer_.finish(options_.began_ns + seconds * kNsPerSecond);
    return {next_id_ - 1, events_};
  }

 private:
  double uniform() { return std::uniform_real_distribution<double>{0, 1}(random_); }
  bool happens(double share) { return share > 0 && uniform() < share; }
  std::int64_t lognormal_ns(double median_s, double sigma) {
    return static_cast<std::int64_t>(
               std::lognormal_distribution<double>{std::log(median_s), sigma}(random_)*1e9) +
           1'000;
  }

  ProcessId process(std::uint32_t pid,
                    const std::string& name,
                    const std::string& user,
                    std::int64_t started_ns) {
    const ProcessId id{pid, pid};
    if (known_.insert({pid, true}).second) {
      Process process;
      process.id = id;
      process.started_ns = started_ns;
      process.name = name;
      process.exe = "/usr/bin/" + name;
      process.cmdline = name + " --config /etc/" + name + ".conf";
      process.user = user;
      process.parent_pid = 1;
      items_.emplace_back(std::move(process));
    }
    return id;
  }

  void begin() {
    for (const auto& listener : listeners()) {
      Live live;
      auto& connection = live.connection;
      connection.tuple = {listener.protocol, {*parse_address(listener.address), listener.port}, {}};
      connection.direction = Direction::listen;
      if (listener.protocol == Protocol::tcp) {
        connection.state = TcpState::listen;
      }
      connection.owner = {process(listener.pid,
                                  listener.process,
                                  listener.user,
                                  options_.began_ns - 7 * 86'400 * kNsPerSecond),
                          OwnerSource::exact,
                          {}};
      connection.first_seen_ns = options_.began_ns;
      begin_life(std::move(live), EventKind::present, options_.began_ns);
    }
  }

  /// The rate of one kind in the second after `from_ns`, as a factor of the day's mean.
  double weight(const Traffic& kind, std::int64_t from_ns) const {
    const auto hour =
        std::fmod(static_cast<double>(from_ns - options_.began_ns) / 1e9 / kHourS, kDayH);
    if (hour < kind.from_h || hour >= kind.to_h) {
      return 0;
    }
    const auto shape = 1 - kind.daily * std::cos(2 * std::numbers::pi * (hour - 4) / kDayH);
    return shape * kDayH / (kind.to_h - kind.from_h);
  }

  void open_some(std::size_t index, std::int64_t from_ns) {
    const auto& kind = traffic_[index];
    if (kind.period_s > 0) {
      auto& next_ns =
          next_call_.try_emplace(index, from_ns + static_cast<std::int64_t>(kind.period_s * 1e9))
              .first->second;
      while (next_ns < from_ns + kNsPerSecond) {
        const auto late_s = std::normal_distribution<double>{0, kind.jitter_s}(random_);
        open(kind, std::max(from_ns, next_ns + static_cast<std::int64_t>(late_s * 1e9)));
        next_ns += static_cast<std::int64_t>(kind.period_s * 1e9);
      }
      return;
    }
    const auto mean = kind.share * static_cast<double>(options_.connections) /
                      (static_cast<double>(options_.hours) * kHourS);
    const auto rate = mean * weight(kind, from_ns);
    const auto count = rate > 0 ? std::poisson_distribution<int>{rate}(random_) : 0;
    for (int i = 0; i < count; ++i) {
      open(kind, from_ns + static_cast<std::int64_t>(uniform() * 1e9));
    }
  }

  std::uint16_t ephemeral() {
    last_port_ = last_port_ >= 60'999 ? 32'768 : static_cast<std::uint16_t>(last_port_ + 1);
    return last_port_;
  }

  void open(const Traffic& kind, std::int64_t at_ns) {
    Live live;
    auto& connection = live.connection;
    // The first peers are the most frequent ones.
    const auto pick = std::pow(uniform(), 3) * static_cast<double>(kind.peers.size());
    const auto peer =
        *parse_address(kind.peers[std::min(static_cast<std::size_t>(pick), kind.peers.size() - 1)]);
    const auto local =
        peer.family == Family::ipv6 ? *parse_address("2001:db8::10") : *parse_address(kind.local);
    connection.tuple = {kind.protocol,
                        {local, kind.local_port != 0 ? kind.local_port : ephemeral()},
                        {peer, kind.remote_port != 0 ? kind.remote_port : ephemeral()}};
    connection.direction = kind.direction;
    const auto pid = kind.pids.empty()
                         ? next_pid_++
                         : kind.pids[static_cast<std::size_t>(next_id_) % kind.pids.size()];
    connection.owner = {
        process(pid,
                kind.process,
                kind.user,
                kind.pids.empty() ? at_ns : options_.began_ns - 86'400 * kNsPerSecond),
        OwnerSource::exact,
        {}};
    connection.opened = Moment{at_ns, 0};
    connection.first_seen_ns = at_ns;
    connection.seen_by = SeenBy::trace;
    plan(kind, at_ns, live);
    begin_life(std::move(live), EventKind::open, at_ns);
    ++minute_opens_;
  }

  /// The states of a connection in time order; reversed at the end.
  void plan(const Traffic& kind, std::int64_t at_ns, Live& live) {
    const auto add = [&](std::int64_t when_ns, EventKind what, std::optional<TcpState> state) {
      live.steps.push_back({when_ns, what, state});
    };
    const auto life_ns = lognormal_ns(kind.life_s, kind.spread);
    auto& connection = live.connection;
    if (kind.protocol == Protocol::udp) {
      add(at_ns + life_ns, EventKind::close, std::nullopt);
    } else {
      using enum TcpState;
      connection.state = kind.direction == Direction::inbound ? syn_received : syn_sent;
      const auto open_ns = at_ns + lognormal_ns(kind.connect_ms / 1e3, 0.4);
      const auto end_ns = open_ns + life_ns;
      if (happens(kind.refused)) {
        live.outcome = Outcome::refused;
        connection.syns = 1;
        add(open_ns, EventKind::close, closed);
      } else if (happens(kind.unanswered)) {
        live.outcome = Outcome::timed_out;
        connection.syns = 7;
        add(at_ns + 131 * kNsPerSecond, EventKind::close, closed);
      } else {
        add(open_ns, EventKind::state, established);
        end(kind, end_ns, live, add);
      }
    }
    std::reverse(live.steps.begin(), live.steps.end());
  }

  template <typename Add>
  void end(const Traffic& kind, std::int64_t end_ns, Live& live, const Add& add) {
    using enum TcpState;
    const auto fin_ns = lognormal_ns(kind.connect_ms / 1e3, 0.4);
    if (happens(kind.reset)) {
      live.outcome = Outcome::reset;
      add(end_ns, EventKind::close, closed);
    } else if (happens(kind.stuck)) {
      add(end_ns, EventKind::state, close_wait);
    } else if (happens(kind.peer_first)) {
      add(end_ns, EventKind::state, close_wait);
      add(end_ns + lognormal_ns(0.001, 1.5), EventKind::state, last_ack);
      add(end_ns + fin_ns + 2 * kNsPerSecond / 1'000, EventKind::close, closed);
      live.steps.back().at_ns =
          std::max(live.steps.back().at_ns, live.steps[live.steps.size() - 2].at_ns + 1'000);
    } else {
      add(end_ns, EventKind::state, fin_wait_1);
      add(end_ns + fin_ns / 2, EventKind::state, fin_wait_2);
      add(end_ns + fin_ns, EventKind::state, time_wait);
      add(end_ns + fin_ns + kTimeWaitNs, EventKind::close, closed);
    }
  }

  void begin_life(Live live, EventKind kind, std::int64_t at_ns) {
    auto& connection = live.connection;
    connection.id = next_id_++;
    connection.netns = 4'026'531'840;
    connection.last_seen_ns = at_ns;
    emit(connection, kind, at_ns, std::nullopt, connection.state);
    if (!live.steps.empty()) {
      due_.push({live.steps.back().at_ns, connection.id});
      live_.emplace(connection.id, std::move(live));
    }
  }

  void emit(const Connection& connection,
            EventKind kind,
            std::int64_t at_ns,
            std::optional<TcpState> from,
            std::optional<TcpState> to) {
    const auto code = [](std::optional<TcpState> state) {
      return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
    };
    items_.emplace_back(
        ConnectionEvents{connection, {{kind, {at_ns, 0}, code(from), code(to), std::nullopt}}});
    ++events_;
  }

  void advance(std::int64_t to_ns) {
    while (!due_.empty() && due_.top().at_ns < to_ns) {
      const auto id = due_.top().id;
      due_.pop();
      const auto entry = live_.find(id);
      auto& live = entry->second;
      auto& connection = live.connection;
      const auto step = live.steps.back();
      live.steps.pop_back();
      const auto from = std::exchange(connection.state, step.state);
      connection.last_seen_ns = step.at_ns;
      const bool ended = step.kind == EventKind::close;
      if ((ended || step.state == TcpState::time_wait) && !connection.closed) {
        connection.closed = Moment{step.at_ns, 0};
        connection.outcome = live.outcome;
        connection.metrics.bytes_sent = static_cast<std::uint64_t>(lognormal_ns(2e-6, 1.5));
        connection.metrics.bytes_received = static_cast<std::uint64_t>(lognormal_ns(8e-6, 2));
        connection.metrics.rtt_us = 200;
      }
      connection.gone = ended;
      emit(connection, step.kind, step.at_ns, from, step.state);
      if (live.steps.empty()) {
        live_.erase(entry);
      } else {
        due_.push({live.steps.back().at_ns, id});
      }
    }
  }

  void minute(std::int64_t at_ns) {
    items_.emplace_back(Coverage{.netns = 4'026'531'840,
                                 .from_ns = at_ns - 60 * kNsPerSecond,
                                 .to_ns = at_ns,
                                 .kernel_opens = minute_opens_,
                                 .recorded_opens = minute_opens_,
                                 .kernel_failures = std::nullopt,
                                 .recorded_failures = 0});
    items_.emplace_back(Heartbeat{at_ns, (at_ns - options_.began_ns) / (100 * kNsPerMs), 0, 0});
    minute_opens_ = 0;
  }

  DayOptions options_;
  std::mt19937_64 random_;
  std::vector<Traffic> traffic_;
  store::Writer writer_;
  std::vector<store::Item> items_;
  std::map<std::uint32_t, bool> known_;
  std::map<std::size_t, std::int64_t> next_call_;
  std::map<ConnectionId, Live> live_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  ConnectionId next_id_ = 1;
  std::uint32_t next_pid_ = 100'000;
  std::uint16_t last_port_ = 32'767;
  std::int64_t minute_opens_ = 0;
  std::int64_t events_ = 0;
};

}  // namespace

DayTotals record_day(const std::filesystem::path& path, const DayOptions& options) {
  return Day{path, options}.run();
}

}  // namespace generate
