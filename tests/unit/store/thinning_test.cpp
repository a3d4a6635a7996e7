// SPDX-License-Identifier: MIT
#include "store/write/thinning.hpp"

#include "report/report.hpp"
#include "report/whole_hours.hpp"
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace netlog_tests::store_thinning_test {

using namespace netlog;
using test::Given;
using test::rows;

namespace {

constexpr int kLives = 240;

/// All events of a connection at once.
ConnectionEvents life(const Given& given) {
  ConnectionEvents of;
  for (const auto& event : given.events()) {
    of.connection = event.connection;
    of.events.push_back({event.kind, event.at, event.old_code, event.new_code, event.old_owner});
  }
  return of;
}

std::vector<store::Item> lives() {
  using enum TcpState;
  std::vector<store::Item> items;
  for (const std::uint32_t pid : {20U, 21U}) {
    Process process;
    process.id = {pid, pid};
    process.name = pid == 20U ? "client" : "other";
    items.emplace_back(std::move(process));
  }
  for (int id = 1; id <= kLives; ++id) {
    auto given = Given{id};
    const double from = 1 + id * 0.1;
    given.by(20U + static_cast<std::uint32_t>(id % 2)).from(from).to(from + 0.25);
    given.remote("203.0.113.9", static_cast<std::uint16_t>(440 + id % 3)).moving(100, 7);
    if (id % 5 == 0) {
      given.through({syn_sent}).ending(Outcome::refused);
    } else {
      given.through({established, fin_wait_1, fin_wait_2});
    }
    items.emplace_back(life(given));
  }
  return items;
}

void write(const std::filesystem::path& path,
           std::vector<std::vector<store::Item>> batches,
           std::size_t thin_from) {
  store::WriterOptions options;
  options.thin_from_items = thin_from;
  store::Writer writer{path,
                       {"host1", "Debian", "6.1", "0.1.0", "boot", 0, 100'000'000, "trace", 0},
                       std::move(options)};
  std::int64_t second = 30;
  for (auto& batch : batches) {
    batch.emplace_back(Heartbeat{Given::ns(static_cast<double>(second)), second, 0, 0});
    writer.push(std::move(batch));
    while (writer.totals().ticks < second) {
      std::this_thread::yield();
    }
    ++second;
  }
  writer.finish(Given::ns(100));
}

}  // namespace

TEST_CASE("what is thinned has no rows, and the same sums", "[store]") {
  const test::Scratch scratch;
  const auto whole = scratch / "whole.db";
  const auto thinned = scratch / "thinned.db";
  write(whole, {lives()}, 0);
  write(thinned, {lives()}, 1);
  for (const auto* const sums :
       {"SELECT process, peer, outcome, connections, opened, closed_by_us, closed_by_peer, "
        "longest_ns, bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, "
        "last_closed_ns FROM peer_flow_sums ORDER BY process, peer, outcome",
        "SELECT process, outcome, connections, longest_ns FROM process_flow_sums ORDER BY process, "
        "outcome",
        "SELECT process, peer, state, dwells, dwell_ns FROM peer_dwell_sums ORDER BY process, "
        "peer, state, dwell_ns",
        "SELECT process, sum(opens) FROM process_opens GROUP BY process ORDER BY process",
        "SELECT local_address_id, remote_port, connections, peak FROM port_use ORDER BY 1, 2"}) {
    CAPTURE(sums);
    const auto expected = rows(whole, sums);
    CHECK(!expected.empty());
    CHECK(rows(thinned, sums) == expected);
  }
  CHECK(rows(whole, "SELECT count(*) FROM connections") == std::to_string(kLives) + "\n");
  CHECK(rows(whole, "SELECT count(*) FROM gaps") == "0\n");
  // Each failure, and one in eight of the others.
  CHECK(rows(thinned, "SELECT outcome, count(*) FROM connections GROUP BY outcome ORDER BY 1") ==
        "closed|24\nrefused|48\n");
  CHECK(rows(thinned, "SELECT source, reason, lost, from_ns, to_ns FROM gaps") ==
        "retention|more than could be written|168|1100000000|25150000000\n");
  CHECK(test::violations(whole).empty());
  CHECK(test::violations(thinned).empty());
}

TEST_CASE("only batches that are long are thinned, and gaps that are near are one", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto items = lives();
  std::vector<store::Item> first{items.begin(), items.begin() + 22};  // 2 processes, 20 lives
  std::vector<store::Item> second{items.begin() + 22, items.begin() + 122};
  std::vector<store::Item> third{items.begin() + 122, items.end()};
  write(path, {first, second, third}, 50);
  CHECK(rows(path, "SELECT count(*) FROM connections WHERE id <= 20") == "20\n");
  CHECK(rows(path, "SELECT count(*), sum(lost) FROM gaps") == "1|154\n");
  CHECK(rows(path, "SELECT count(*) + 154 FROM connections") == "240\n");
  CHECK(test::violations(path).empty());
}

TEST_CASE("a thinned connection in TIME_WAIT is counted once", "[store]") {
  using enum TcpState;
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto ends = life(Given{1}.from(1).to(70).through({established, fin_wait_1, time_wait}));
  auto begins = ends;
  begins.events.pop_back();
  begins.connection.gone = false;
  begins.connection.state = time_wait;
  begins.connection.closed = begins.events.back().at;
  ends.events = {ends.events.back()};
  ends.connection.closed = begins.connection.closed;
  write(path, {{begins}, {ends}, {store::Refresh{ends.connection}}}, 1);
  CHECK(rows(path, "SELECT count(*) FROM connections") == "0\n");
  CHECK(rows(path, "SELECT sum(connections), sum(closed_by_us) FROM peer_flow_sums") == "1|1\n");
  // How long it was in TIME_WAIT is not known when it is counted.
  CHECK(rows(path, "SELECT state FROM peer_dwell_sums ORDER BY state") ==
        "ESTABLISHED\nFIN_WAIT_1\n");
  CHECK(test::violations(path).empty());
}

TEST_CASE("a window in which detail was thinned is answered from sums", "[store][report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  write(path, {lives()}, 1);
  store::Reader reader{path};
  const auto counted = [&](std::optional<double> since) {
    report::Filter filter;
    filter.since_ns = since ? std::optional{Given::ns(*since)} : std::nullopt;
    report::answer_from_whole_hours(reader, "peers", filter);
    const auto answer = report::run_report(reader, "peers", filter, -1);
    std::int64_t sum = 0;
    for (const auto& row : answer.tables.at(0).rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (answer.tables.at(0).columns[i].name == "connections") {
          sum += std::get<std::int64_t>(row[i]);
        }
      }
    }
    return sum;
  };
  CHECK(counted(std::nullopt) == kLives);
  CHECK(counted(10) == kLives);  // the whole hour
  CHECK(counted(30) == 0);       // nothing was thinned since then
}

}  // namespace netlog_tests::store_thinning_test
