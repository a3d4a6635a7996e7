// SPDX-License-Identifier: MIT
// Two hosts that were traced, each by itself; b's clock is 250 ms ahead.
#include "report/join.hpp"

#include "render/render.hpp"
#include "report/clock_offset.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/scratch.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::report_join_test {

using namespace netlog;
using namespace netlog::report;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kAhead = 250 * kMs;
const Endpoint kWeb{IpAddress::v4(198, 51, 100, 7), 443};

Endpoint client(std::uint16_t port) {
  return {IpAddress::v4(192, 0, 2, 1), port};
}

enum class How { orderly, reset_by_server, open };

/// One host's tracker and the events that it has reported.
class HostScript {
 public:
  HostScript(std::string host, std::int64_t ahead_ns) : ahead_ns_{ahead_ns} {
    session_.host = std::move(host);
    session_.interval_ns = 1'000 * kMs;
    session_.sources = "trace+sock_diag+notices";
    session_.started_ns = ahead_ns;
    tracker_.begin_trace();
  }

  /// Times are those of a's clock; the other end learns of everything 2 ms later.
  void connects(std::uint16_t port,
                std::int64_t at_ms,
                std::int64_t ends_ms,
                How how,
                std::optional<std::uint64_t> sent = {}) {
    begin(client(port), kWeb, Direction::outbound, at_ms);
    transition(TcpState::closed, TcpState::syn_sent, at_ms);
    transition(TcpState::syn_sent, TcpState::established, at_ms + 4);
    metrics_ = Metrics{sent, 100, {}, 4000, {}, {}};
    if (how == How::orderly) {
      transition(TcpState::established, TcpState::close_wait, ends_ms + 2);
      transition(TcpState::close_wait, TcpState::last_ack, ends_ms + 3);
      transition(TcpState::last_ack, TcpState::closed, ends_ms + 7);
    } else if (how == How::reset_by_server) {
      transition(TcpState::established, TcpState::closed, ends_ms + 2, EndCause::reset);
    }
  }

  void accepts(std::uint16_t port,
               std::int64_t at_ms,
               std::int64_t ends_ms,
               How how,
               std::optional<std::uint64_t> received = {}) {
    begin(kWeb, client(port), Direction::inbound, at_ms + 2);
    transition(TcpState::syn_received, TcpState::established, at_ms + 6);
    metrics_ = Metrics{100, received, {}, 4000, {}, {}};
    if (how == How::orderly) {
      transition(TcpState::established, TcpState::fin_wait_1, ends_ms);
      transition(TcpState::fin_wait_1, TcpState::fin_wait_2, ends_ms + 4);
      transition(TcpState::fin_wait_2, TcpState::closed, ends_ms + 5, EndCause::none, true);
    } else if (how == How::reset_by_server) {
      transition(TcpState::established, TcpState::closed, ends_ms, EndCause::none);
    }
  }

  void write(const std::filesystem::path& path, std::vector<store::Item> more = {}) {
    store::Writer writer{path, session_};
    std::vector<store::Item> items;
    for (auto& event : take_events(tracker_)) {
      items.emplace_back(std::move(event));
    }
    items.insert(items.end(), more.begin(), more.end());
    items.emplace_back(Heartbeat{10'000 * kMs + ahead_ns_, 10, 0, 0});
    writer.push(std::move(items));
    writer.finish(10'000 * kMs + ahead_ns_);
  }

 private:
  void begin(const Endpoint& local,
             const Endpoint& remote,
             Direction direction,
             std::int64_t at_ms) {
    tuple_ = {Protocol::tcp, local, remote};
    direction_ = direction;
    begun_ns_ = at_ms * kMs + ahead_ns_;
    metrics_.reset();
    ++cookie_;
  }

  void transition(TcpState from,
                  TcpState to,
                  std::int64_t at_ms,
                  EndCause cause = EndCause::none,
                  bool fin_received = false) {
    Transition change;
    change.at_ns = at_ms * kMs + ahead_ns_;
    change.row.tuple = tuple_;
    change.row.incarnation = cookie_;
    change.row.state = to;
    change.row.metrics = metrics_;
    change.old_state = from;
    change.direction = direction_;
    change.begun_ns = begun_ns_;
    change.cause = cause;
    change.fin_received = fin_received;
    tracker_.apply(change);
  }

  Session session_;
  track::Tracker tracker_;
  std::int64_t ahead_ns_;
  FiveTuple tuple_;
  Direction direction_ = Direction::unknown;
  std::int64_t begun_ns_ = 0;
  std::optional<Metrics> metrics_;
  std::uint64_t cookie_ = 0;
};

std::string joined(const std::filesystem::path& a, const std::filesystem::path& b) {
  store::Reader first{a};
  store::Reader second{b};
  std::ostringstream out;
  render::write_text(out, join(first, second, 100), {});
  return "\n" + out.str();
}

}  // namespace

TEST_CASE("most bounds agree on an offset, a false one does not spoil it", "[report]") {
  CHECK(agree({}) == std::nullopt);
  CHECK(agree({{1, 5}}) == Agreement{{1, 5}, 1});
  CHECK(agree({{8, 12}, {11, 13}, {14, 15}}) == Agreement{{11, 12}, 2});  // RFC 5905's own figure
  CHECK(agree({{8, 9}, {8, 12}, {10, 12}}) == Agreement{{8, 9}, 2});
  CHECK(agree({{-100, 100}, {-10, 10}, {5, 5}, {1000, 1001}}) == Agreement{{5, 5}, 3});
}

TEST_CASE("both ends of connections, the offset of the clocks, and what one end missed",
          "[report]") {
  const test::Scratch scratch;
  HostScript a{"laptop", 0};
  HostScript b{"web", kAhead};
  a.connects(4001, 1000, 2000, How::orderly);
  b.accepts(4001, 1000, 2000, How::orderly);
  a.connects(4002, 1100, 1500, How::reset_by_server);
  b.accepts(4002, 1100, 1500, How::reset_by_server);
  // The same port twice: each use finds its own other end.
  a.connects(4003, 2000, 2100, How::orderly);
  b.accepts(4003, 2000, 2100, How::orderly);
  a.connects(4003, 5000, 5100, How::orderly);
  b.accepts(4003, 5000, 5100, How::orderly);
  // b was blind then, and a's peer has let go of one that a still holds.
  a.connects(4004, 3000, 3100, How::orderly);
  b.accepts(4005, 3500, 3600, How::orderly);
  a.connects(4006, 4000, 0, How::open);
  b.accepts(4006, 4000, 4500, How::reset_by_server);
  // Bytes that never arrived.
  a.connects(4007, 4100, 4200, How::orderly, 1000);
  b.accepts(4007, 4100, 4200, How::orderly, 900);
  a.write(scratch / "a.db");
  b.write(scratch / "b.db",
          {Gap{std::nullopt, 3200 * kMs, 3400 * kMs, "trace", "buffer full", 9, std::nullopt}});
  CHECK(joined(scratch / "a.db", scratch / "b.db") == R"(
Recordings
recording  host    from                     to                       coverage  gaps
a          laptop  1970-01-01 00:00:00.000  1970-01-01 00:00:10.000         -     0
b          web     1970-01-01 00:00:00.250  1970-01-01 00:00:10.250         -     1

Clocks: b's minus a's
offset      ±  agreeing  of pairs
 248ms  4.5ms         4         4

Connections between the two
both ends  only in a  only in b  before or after b  before or after a
        6          1          1                  0                  0

What the two ends report differently
began, a's clock         a's process  a's end         b's end           b's process  at a    at b     what                              a's id  b's id
1970-01-01 00:00:04.000  -            192.0.2.1:4006  198.51.100.7:443  -            open    aborted  b has ended, a has not                 6       6
1970-01-01 00:00:04.100  -            192.0.2.1:4007  198.51.100.7:443  -            closed  closed   100 B that a sent did not arrive       7       7

Seen at one end only
in  began                    process  local             remote            outcome  why not the other      connection
a   1970-01-01 00:00:03.000  -        192.0.2.1:4004    198.51.100.7:443  closed   in a gap of the other           5
b   1970-01-01 00:00:03.752  -        198.51.100.7:443  192.0.2.1:4005    closed   not seen                        5

)");
}

TEST_CASE("ends show the name by which the other was reached", "[report]") {
  const test::Scratch scratch;
  HostScript a{"laptop", 0};
  HostScript b{"web", kAhead};
  a.connects(4004, 3000, 3100, How::orderly);
  a.connects(4007, 4100, 4200, How::orderly, 1000);
  b.accepts(4007, 4100, 4200, How::orderly, 900);
  a.write(scratch / "a.db");
  b.write(scratch / "b.db");
  SQLite::Database{(scratch / "a.db").string(), SQLite::OPEN_READWRITE}.exec(
      "INSERT INTO name (id, text) VALUES (1, 'www.example');"
      "UPDATE peer SET name_id = 1, name_source = 1");
  store::Reader first{scratch / "a.db"};
  store::Reader second{scratch / "b.db"};
  const auto answer = join(first, second, 100);
  for (const auto* const name : {"mismatches", "seen_by_one"}) {
    CAPTURE(name);
    const auto& tables = answer.tables;
    const auto table = std::find_if(
        tables.begin(), tables.end(), [&](const Table& found) { return found.name == name; });
    REQUIRE(table != tables.end());
    const auto& columns = table->columns;
    const auto column = std::find_if(columns.begin(), columns.end(), [](const Column& found) {
      return found.name == "remote_name";
    });
    REQUIRE(column != columns.end());
    REQUIRE(table->rows.size() == 1);
    CHECK(table->rows[0].at(static_cast<std::size_t>(column - columns.begin())) ==
          Cell{std::string{"www.example"}});
  }
}

}  // namespace netlog_tests::report_join_test
