// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::test {

/// A history whose truth is known, told to the real tracker as a recorder would tell it and written
/// to a recording. Times are seconds after `begin_ns`. Who holds a socket is answered when the
/// tracker asks.
class Story {
 public:
  explicit Story(std::int64_t begin_ns = 0)
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
    return begin_ns_ + clock_adjust_ns_ + static_cast<std::int64_t>(second * 1e9);
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

  void starts(const ProcessId& id, double second, std::string name) {
    Process process;
    process.id = id;
    process.started_ns = ns(second);
    process.name = std::move(name);
    items_.emplace_back(process);
  }
  void ends(const ProcessId& id, double second) {
    tracker_.end_process(id);
    items_.emplace_back(store::ProcessEnded{id, Moment{ns(second), 0}});
  }

  /// From the next look on the tables of a namespace show this socket so.
  void shows(const SocketRow& row, std::optional<ProcessId> holder, std::uint64_t netns = 0) {
    auto& socket = sockets_[row.incarnation];
    socket = {row, holder, netns};
    socket.row.holder_key = holder ? 1000 + row.incarnation : 0;
  }
  void state(std::uint64_t cookie, TcpState state) { sockets_.at(cookie).row.state = state; }
  void passes_to(std::uint64_t cookie, const ProcessId& holder) {
    sockets_.at(cookie).holder = holder;
  }
  void vanishes(std::uint64_t cookie) { sockets_.erase(cookie); }

  /// Reads the tables of all namespaces, as one tick does.
  void look(double second) {
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
      tracker_.apply(snapshot);
    }
    for (const auto& question : tracker_.questions(1000)) {
      const auto socket = sockets_.find(question.key - 1000);
      if (socket != sockets_.end() && socket->second.holder) {
        tracker_.resolve(question.key, *socket->second.holder, Moment{ns(second), 0});
      } else {
        tracker_.owner_not_found(question.key, UnknownOwner::gone);
      }
    }
    for (auto& event : tracker_.take_events()) {
      items_.emplace_back(std::move(event));
    }
    last_ = second;
  }
  void look(double from, double to) {
    for (auto second = from; second <= to; ++second) {
      look(second);
    }
  }

  /// After the last look the wall clock was set: the story's own seconds go on.
  void clock_steps(double by) {
    const auto step_ns = static_cast<std::int64_t>(by * 1e9);
    clock_adjust_ns_ += step_ns;
    tracker_.follow_clock(step_ns);
    items_.emplace_back(ClockStep{ns(last_), step_ns});
  }

  /// What was told so far becomes a batch of its own.
  void flush() { writer_.push(std::exchange(items_, {})); }

  /// The recording is whole; nothing can be told any more.
  void over() {
    for (auto& connection : tracker_.take_refreshes()) {
      items_.emplace_back(store::Refresh{std::move(connection)});
    }
    items_.emplace_back(Heartbeat{ns(last_), 1, 0, 0});
    writer_.push(std::move(items_));
    writer_.finish(ns(last_));
    reader_.emplace(path());
  }

  /// These columns of the first table that has them all: a line a row, `|` between cells, unknown
  /// as `-`, times in seconds of the story.
  std::string ask(std::string_view report,
                  const report::Filter& filter,
                  const std::vector<std::string>& columns) {
    if (!reader_) {
      over();
    }
    for (const auto& table : report::ask(*reader_, report, filter, -1).tables) {
      std::vector<std::size_t> places;
      for (const auto& name : columns) {
        const auto found = std::find_if(table.columns.begin(),
                                        table.columns.end(),
                                        [&](const Column& column) { return column.name == name; });
        if (found != table.columns.end()) {
          places.push_back(static_cast<std::size_t>(found - table.columns.begin()));
        }
      }
      if (places.size() < columns.size()) {
        continue;
      }
      std::string text;
      for (const auto& row : table.rows) {
        for (const auto place : places) {
          text += (place == places.front() ? "" : "|") + cell(row[place], table.columns[place]);
        }
        text += "\n";
      }
      return text;
    }
    return "no table has these columns";
  }

 private:
  struct Socket {
    SocketRow row;
    std::optional<ProcessId> holder;
    std::uint64_t netns = 0;
  };

  [[nodiscard]] std::string cell(const Cell& cell, const Column& column) const {
    if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
      return column.unit == Unit::time
                 ? fmt::format("{}", static_cast<double>(*integer - begin_ns_) / 1e9)
                 : fmt::format("{}", *integer);
    }
    if (const auto* real = std::get_if<double>(&cell)) {
      return fmt::format("{}", *real);
    }
    const auto* const text = std::get_if<std::string>(&cell);
    return text == nullptr ? "-" : *text;
  }

  Scratch scratch_;
  std::int64_t begin_ns_ = 0;
  store::Writer writer_;
  track::Tracker tracker_;
  std::vector<store::Item> items_;
  std::map<std::uint64_t, Socket> sockets_;
  std::set<std::uint64_t> namespaces_{0};
  double last_ = 0;
  std::int64_t clock_adjust_ns_ = 0;
  std::optional<store::Reader> reader_;
};

}  // namespace netlog::test
