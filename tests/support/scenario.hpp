// SPDX-License-Identifier: MIT
#pragma once

#include "record/utc_stamper.hpp"
#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/answer_rows.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "track/tracker.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace netlog::test {

/// Sockets and processes of a test, applied to a real tracker as a recorder would and written to a
/// recording. Times are seconds after `begin_ns`. When the tracker asks who holds a socket, the
/// scenario answers.
class Scenario {
 public:
  explicit Scenario(std::int64_t begin_ns = 0)
      : begin_ns_{begin_ns},
        writer_{path(),
                Session{"host1",
                        "Debian",
                        "6.1",
                        "0.1.0",
                        "boot",
                        0,
                        1'000'000'000,
                        "sock_diag+notices",
                        begin_ns}} {}

  [[nodiscard]] std::filesystem::path path() const { return scratch_ / "a.db"; }
  [[nodiscard]] std::int64_t ns(double second) const {
    return begin_ns_ + static_cast<std::int64_t>(second * 1e9);
  }
  track::Tracker& tracker() { return tracker_; }

  static Endpoint at(const char* address, std::uint16_t port) {
    return {*parse_address(address), port};
  }
  static SocketRow row(std::uint64_t cookie,
                       const Endpoint& local,
                       const Endpoint& remote,
                       TcpState state) {
    SocketRow row;
    row.tuple = {Protocol::tcp, local, remote};
    row.incarnation = cookie;
    row.state = state;
    return row;
  }

  void start_process(const ProcessId& id, double second, std::string name) {
    Process process;
    process.id = id;
    process.started_ns = ns(second);
    process.name = std::move(name);
    process.parent_pid = 1;
    items_.emplace_back(process);
  }
  void end_process(const ProcessId& id, double second) {
    tracker_.end_process(id);
    items_.emplace_back(store::ProcessEnded{id, Moment{ns(second), 0}, {}});
  }

  /// Adds the socket to its namespace's tables, or replaces the one with the same cookie.
  void add_socket(const SocketRow& row, std::optional<ProcessId> holder, std::uint64_t netns = 0) {
    auto& socket = sockets_[row.incarnation];
    socket = {row, holder, netns};
    socket.row.holder_key = holder ? 1000 + row.incarnation : 0;
  }
  void set_state(std::uint64_t cookie, TcpState state) { sockets_.at(cookie).row.state = state; }
  void set_holder(std::uint64_t cookie, const ProcessId& holder) {
    sockets_.at(cookie).holder = holder;
  }
  void remove(std::uint64_t cookie) { sockets_.erase(cookie); }

  /// Reads the tables of all namespaces, as one tick does.
  void poll(double second) {
    for (const auto& [cookie, socket] : sockets_) {
      namespaces_.insert(socket.netns);
    }
    for (const auto netns : namespaces_) {
      Snapshot snapshot;
      snapshot.netns = netns;
      snapshot.tables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
      snapshot.incarnation_is_unique = true;
      snapshot.taken = Span{ns(second), ns(second)};
      for (const auto& [cookie, socket] : sockets_) {
        if (socket.netns == netns) {
          snapshot.rows.push_back(socket.row);
        }
      }
      // Every listener is known, and no notice is waited for.
      tracker_.expect_notices(netns, kAllTables, -1'000'000'000'000);
      tracker_.apply(snapshot);
    }
    for (const auto& question : tracker_.owner_queries(1000)) {
      const auto socket = sockets_.find(question.key - 1000);
      if (socket != sockets_.end() && socket->second.holder) {
        tracker_.resolve(question.key, *socket->second.holder, Moment{ns(second), 0});
      } else {
        tracker_.owner_not_found(question.key, UnknownOwner::gone);
      }
    }
    for (auto& event : take_events(tracker_)) {
      items_.emplace_back(std::move(event));
    }
    last_ = second;
  }
  void poll(double from, double to) {
    for (auto second = from; second <= to; ++second) {
      poll(second);
    }
  }

  /// Sets the wall clock after the last poll. The scenario's own seconds go on.
  void step_clock(double by) {
    const auto step_ns = static_cast<std::int64_t>(by * 1e9);
    stamp();
    utc_offset_ns_ += step_ns;
    stamper_.set(ns(last_) + 1, utc_offset_ns_);
    items_.emplace_back(ClockStep{ns(last_) + utc_offset_ns_, step_ns});
    stamped_ = items_.size();
  }

  /// Pushes what was recorded so far as one batch.
  void flush() {
    stamp();
    stamped_ = 0;
    writer_.push(std::exchange(items_, {}));
  }

  /// Completes the recording. Nothing can be added afterwards.
  void finish() {
    for (auto& connection : tracker_.take_refreshes()) {
      items_.emplace_back(store::Refresh{std::move(connection)});
    }
    items_.emplace_back(Heartbeat{ns(last_), 1, 0, 0});
    flush();
    writer_.finish(ns(last_) + utc_offset_ns_);
    reader_.emplace(path());
  }

  /// These columns of the report's first table that has them all: one line a row, `|` between
  /// cells, `-` for unknown, times in seconds of the scenario. Completes the recording.
  std::string report_rows(std::string_view report,
                          const report::Filter& filter,
                          const std::vector<std::string>& columns) {
    if (!reader_) {
      finish();
    }
    return answer_rows(report::run_report(*reader_, report, filter, -1), columns, begin_ns_);
  }

 private:
  void stamp() {
    stamper_.stamp(std::span{items_}.subspan(stamped_));
    stamped_ = items_.size();
  }

  struct Socket {
    SocketRow row;
    std::optional<ProcessId> holder;
    std::uint64_t netns = 0;
  };

  Scratch scratch_;
  std::int64_t begin_ns_ = 0;
  store::Writer writer_;
  track::Tracker tracker_;
  std::vector<store::Item> items_;
  std::map<std::uint64_t, Socket> sockets_;
  std::set<std::uint64_t> namespaces_{0};
  double last_ = 0;
  record::UtcStamper stamper_;
  std::int64_t utc_offset_ns_ = 0;
  std::size_t stamped_ = 0;  ///< how many items have UTC times
  std::optional<store::Reader> reader_;
};

}  // namespace netlog::test
