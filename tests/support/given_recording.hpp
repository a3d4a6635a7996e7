// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/answer_rows.hpp"
#include "support/connection_event.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netlog::test {

/// One connection of a recording, as a test gives it:
/// `closed_connection(1).by(20).from(10).to(12)`. Times are seconds after the begin. Without more
/// it is an ESTABLISHED TCP connection to 203.0.113.9:443 from a port of its own.
class Given {
 public:
  explicit Given(std::int64_t id) {
    made_.id = id;
    made_.direction = Direction::outbound;
    made_.tuple.local = {IpAddress::v4(192, 0, 2, 1), static_cast<std::uint16_t>(40'000 + id)};
    made_.tuple.remote = {IpAddress::v4(203, 0, 113, 9), 443};
    made_.seen_by = SeenBy::snapshot;
    states_ = {TcpState::established};
  }

  Given& from(double second) { return from_ = second, *this; }
  Given& to(double second) { return to_ = second, *this; }
  /// It ended within this many seconds before `to`.
  Given& within(double seconds) { return end_error_ns_ = ns(seconds), *this; }
  /// It was there at the first look, which is its `from`.
  Given& from_before() { return old_ = true, *this; }
  /// `image` counts what the process executed before.
  Given& by(std::uint32_t pid, std::uint32_t image = 0) {
    made_.owner = {ProcessId{pid, pid, image}, OwnerSource::exact, {}};
    return *this;
  }
  Given& without_owner(UnknownOwner why) { return made_.owner.why = why, *this; }
  Given& local(const char* address, std::uint16_t port) {
    made_.tuple.local = {*parse_address(address), port};
    return *this;
  }
  Given& remote(const char* address, std::uint16_t port) {
    made_.tuple.remote = {*parse_address(address), port};
    return *this;
  }
  Given& over(Protocol protocol) { return made_.tuple.protocol = protocol, *this; }
  Given& going(Direction direction) { return made_.direction = direction, *this; }
  /// The states that it enters, at equal distances from its begin to its end.
  Given& through(std::vector<TcpState> states) { return states_ = std::move(states), *this; }
  Given& ending(Outcome outcome) { return made_.outcome = outcome, *this; }
  Given& because(UnknownOutcome why) { return made_.outcome_why = why, *this; }
  /// When it was last seen, the peer had not answered for so long.
  Given& unanswered_for(std::uint32_t ms) { return made_.metrics.unanswered_ms = ms, *this; }
  Given& moving(std::uint64_t sent, std::uint64_t received) {
    made_.metrics.bytes_sent = sent;
    made_.metrics.bytes_received = received;
    return *this;
  }
  Given& seen_by(SeenBy sources) { return made_.seen_by = sources, *this; }
  Given& in_namespace(std::uint64_t netns) { return made_.netns = netns, *this; }

  /// Its events, in order.
  [[nodiscard]] std::vector<ConnectionEvent> events() const {
    std::vector<ConnectionEvent> all;
    auto made = made_;
    made.outcome = Outcome::open;
    const auto end = to_.value_or(from_ + 1);
    std::optional<std::uint8_t> before;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const auto share = static_cast<double>(i) / static_cast<double>(states_.size());
      const Moment at{ns(from_ + (end - from_) * share), 0};
      const auto entered = static_cast<std::uint8_t>(states_[i]);
      if (i == 0) {
        made.opened = old_ ? std::nullopt : std::optional{at};
        made.first_seen_ns = at.at_ns;
      }
      made.state = states_[i];
      made.last_seen_ns = at.at_ns;
      if (states_[i] == TcpState::time_wait && !old_ && !made.closed) {
        made.closed = at;
        made.outcome = Outcome::closed;
      }
      const auto first = old_ ? EventKind::present : EventKind::open;
      all.push_back(ConnectionEvent{
          i == 0 ? first : EventKind::state, at, before, entered, std::nullopt, made});
      before = entered;
    }
    if (to_) {
      const Moment at{ns(*to_), end_error_ns_};
      made.closed = made.closed.value_or(at);
      made.gone = true;
      made.last_seen_ns = at.at_ns;
      made.state = TcpState::closed;
      made.outcome = made_.outcome == Outcome::open ? Outcome::closed : made_.outcome;
      all.push_back(ConnectionEvent{EventKind::close,
                                    at,
                                    before,
                                    static_cast<std::uint8_t>(TcpState::closed),
                                    std::nullopt,
                                    made});
    }
    return all;
  }

  static std::int64_t ns(double second) { return static_cast<std::int64_t>(second * 1e9); }

 private:
  Connection made_;
  std::vector<TcpState> states_;
  double from_ = 0;
  std::optional<double> to_;
  std::int64_t end_error_ns_ = 0;
  bool old_ = false;
};

inline Given open_connection(std::int64_t id) {
  return Given{id};
}
inline Given closed_connection(std::int64_t id) {
  return Given{id};
}
/// At 0.0.0.0 and this port.
inline Given listener(std::int64_t id, std::uint16_t port) {
  return Given{id}
      .going(Direction::listen)
      .local("0.0.0.0", port)
      .remote("0.0.0.0", 0)
      .through({TcpState::listen});
}
/// What a listener at this port has accepted.
inline Given accepted(std::int64_t id, std::uint16_t port) {
  return Given{id}
      .going(Direction::inbound)
      .local("192.0.2.1", port)
      .remote("198.51.100.7", static_cast<std::uint16_t>(50'000 + id));
}

/// A recording from second 0 to second 100, of the connections and processes that a test gives.
class GivenRecording {
 public:
  GivenRecording& process(std::uint32_t pid,
                          std::string name,
                          double from,
                          std::optional<double> to = std::nullopt) {
    Process process;
    process.id = {pid, pid};
    process.started_ns = Given::ns(from);
    process.name = std::move(name);
    process.parent_pid = 1;
    processes_.emplace_back(std::move(process));
    if (to) {
      ends_.emplace_back(store::ProcessEnded{{pid, pid}, Moment{Given::ns(*to), 0}, {}});
    }
    return *this;
  }
  /// The command line of the process that was given last.
  GivenRecording& called(std::string command_line) {
    processes_.back().cmdline = std::move(command_line);
    return *this;
  }
  /// The last process runs services of Windows.
  GivenRecording& serving(std::string services) {
    processes_.back().service = std::move(services);
    return *this;
  }
  /// A process executes a program for the first time since it began.
  GivenRecording& executed(std::uint32_t pid, std::string name, double from) {
    process(pid, std::move(name), 0);
    processes_.back().id.image = 1;
    processes_.back().image_since_ns = Given::ns(from);
    return *this;
  }
  /// What the recorder sees with; by default it polls.
  GivenRecording& seen_with(std::string sources) {
    sources_ = std::move(sources);
    return *this;
  }
  /// The recorder was blind.
  GivenRecording& gap(double from, double to, std::string reason) {
    gaps_.push_back(
        Gap{std::nullopt, Given::ns(from), Given::ns(to), "recorder", std::move(reason), {}, {}});
    return *this;
  }
  /// What the kernel and the recorder have counted.
  GivenRecording& coverage(double from, double to, std::int64_t kernel, std::int64_t recorded) {
    coverage_.push_back(Coverage{0, Given::ns(from), Given::ns(to), kernel, recorded, 0, 0});
    return *this;
  }
  /// One that was gone before anybody could read more than its name.
  GivenRecording& gone_process(std::uint32_t pid, std::string name, double from) {
    process(pid, std::move(name), from);
    processes_.back().parent_pid.reset();
    return *this;
  }
  GivenRecording& add(const Given& given) {
    const auto events = given.events();
    events_.insert(events_.end(), events.begin(), events.end());
    return *this;
  }

  /// As answer_rows(). The same by each granularity that can answer is left to other tests.
  std::string rows(std::string_view report,
                   const std::vector<std::string>& columns,
                   const report::Filter& filter = {},
                   report::Granularity granularity = report::Granularity::connections) {
    if (!written_) {
      write();
    }
    store::Reader reader{path()};
    return answer_rows(report::run_report(reader, report, filter, -1, granularity), columns, 0);
  }

  /// The same of one section.
  std::string section(std::string_view report,
                      std::string_view name,
                      const std::vector<std::string>& columns,
                      const report::Filter& filter = {},
                      report::Granularity granularity = report::Granularity::connections) {
    if (!written_) {
      write();
    }
    store::Reader reader{path()};
    return answer_rows(
        report::run_report(reader, report, filter, -1, granularity, name), columns, 0);
  }

  /// The recording, to be read.
  store::Reader open() {
    if (!written_) {
      write();
    }
    return store::Reader{path()};
  }

  [[nodiscard]] std::filesystem::path path() const { return scratch_ / "a.db"; }

 private:
  void write() {
    written_ = true;
    std::stable_sort(
        events_.begin(), events_.end(), [](const ConnectionEvent& a, const ConnectionEvent& b) {
          return a.at.at_ns < b.at.at_ns;
        });
    store::Writer writer{
        path(), Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, 100'000'000, sources_, 0}};
    std::vector<store::Item> items{processes_.begin(), processes_.end()};
    items.insert(items.end(), events_.begin(), events_.end());
    items.insert(items.end(), ends_.begin(), ends_.end());
    items.insert(items.end(), gaps_.begin(), gaps_.end());
    items.insert(items.end(), coverage_.begin(), coverage_.end());
    items.emplace_back(Heartbeat{Given::ns(100), 1, 0, 0});
    writer.push(std::move(items));
    writer.finish(Given::ns(100));
  }

  Scratch scratch_;
  std::string sources_ = "poll";
  std::vector<Process> processes_;
  std::vector<store::ProcessEnded> ends_;
  std::vector<ConnectionEvent> events_;
  std::vector<Gap> gaps_;
  std::vector<Coverage> coverage_;
  bool written_ = false;
};

}  // namespace netlog::test
