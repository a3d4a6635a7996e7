// SPDX-License-Identifier: MIT
// The index that a question uses finds what a look at every row finds.
#include "report/filter.hpp"

#include "model/event.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/scratch.hpp"

#include <cmath>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::report_filter_test {

using namespace netlog;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

/// What there is to know of a connection's place and time.
struct Lived {
  std::int64_t id = 0;
  std::uint32_t pid = 0;
  int remote = 0;  ///< the last byte of its peer's address
  std::int64_t from_ns = 0;
  std::optional<std::int64_t> to_ns;  ///< absent: still there
};

/// Lives from a microsecond to months, a tenth of them not over.
std::vector<Lived> lives(std::mt19937_64& random) {
  std::vector<Lived> all;
  const auto number = [&](std::int64_t below) {
    return std::uniform_int_distribution<std::int64_t>{0, below - 1}(random);
  };
  for (std::int64_t id = 1; id <= 300; ++id) {
    Lived one{id,
              static_cast<std::uint32_t>(10 + number(3)),
              static_cast<int>(1 + number(4)),
              100 * kDay + number(20 * kDay),
              std::nullopt};
    const auto exponent = std::uniform_real_distribution<double>{3, 15.8}(random);
    if (number(10) > 0) {
      one.to_ns = one.from_ns + static_cast<std::int64_t>(std::pow(10, exponent));
    }
    all.push_back(one);
  }
  return all;
}

void record(const std::filesystem::path& path, const std::vector<Lived>& all) {
  store::Writer writer{path, Session{"h", "Linux", "6", "0", "b", 0, kSecond, "trace", 0}};
  std::vector<store::Item> items;
  for (std::uint32_t pid = 10; pid < 13; ++pid) {
    Process process;
    process.id = {pid, pid};
    process.name = fmt::format("p{}", pid);
    items.emplace_back(process);
  }
  for (const auto& one : all) {
    Connection connection;
    connection.id = one.id;
    connection.tuple = {Protocol::tcp,
                        {IpAddress::v4(192, 0, 2, 1), 5000},
                        {IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(one.remote)), 443}};
    connection.direction = Direction::outbound;
    connection.state = TcpState::established;
    connection.owner = {ProcessId{one.pid, one.pid}, OwnerSource::exact, {}};
    connection.opened = Moment{one.from_ns, 0};
    connection.first_seen_ns = connection.last_seen_ns = one.from_ns;
    items.emplace_back(
        ConnectionEvent{EventKind::open, {one.from_ns, 0}, {}, std::uint8_t{5}, {}, connection});
    if (one.to_ns) {
      connection.closed = Moment{*one.to_ns, 0};
      connection.last_seen_ns = *one.to_ns;
      connection.gone = true;
      connection.outcome = Outcome::closed;
      items.emplace_back(ConnectionEvent{
          EventKind::close, {*one.to_ns, 0}, std::uint8_t{5}, std::uint8_t{1}, {}, connection});
    }
  }
  items.emplace_back(Heartbeat{500 * kDay, 1, 0, 0});
  writer.push(std::move(items));
  writer.finish(500 * kDay);
}

std::set<std::int64_t> found(store::Reader& reader, const report::Filter& filter) {
  const auto clause = report::connection_clause(filter);
  std::set<std::int64_t> ids;
  for (const auto& row :
       reader.query("SELECT id FROM connections WHERE " + clause.sql, clause.parameters).cells) {
    ids.insert(std::get<std::int64_t>(row.at(0)));
  }
  return ids;
}

}  // namespace

TEST_CASE("an index finds what a look at every row finds", "[report]") {
  std::mt19937_64 random{GENERATE(range(1U, 6U))};
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto all = lives(random);
  record(path, all);
  store::Reader reader{path};
  for (int i = 0; i < 60; ++i) {
    report::Filter filter;
    const auto choice = random();
    if ((choice & 1U) != 0) {
      filter.pids = {10 + static_cast<std::int64_t>(random() % 4)};
    }
    if ((choice & 2U) != 0) {
      filter.remote = {*parse_address_range(fmt::format("198.51.100.{}/31", random() % 6))};
    }
    if ((choice & 4U) != 0) {
      filter.since_ns = 100 * kDay + static_cast<std::int64_t>(random() % (25 * kDay));
    }
    if ((choice & 8U) != 0) {
      const auto length =
          std::vector<std::int64_t>{0, kSecond, 600 * kSecond, 3 * kDay}[random() % 4];
      filter.until_ns = filter.since_ns.value_or(110 * kDay) + length;
    }
    std::set<std::int64_t> expected;
    for (const auto& one : all) {
      const bool of_pid = filter.pids.empty() || filter.pids.front() == one.pid;
      const auto address = IpAddress::v4(198, 51, 100, static_cast<std::uint8_t>(one.remote));
      const bool of_remote = filter.remote.empty() || (filter.remote[0].first <= address &&
                                                       address <= filter.remote[0].last);
      const bool in_window = (!filter.until_ns || one.from_ns <= *filter.until_ns) &&
                             (!filter.since_ns || !one.to_ns || *one.to_ns >= *filter.since_ns);
      if (of_pid && of_remote && in_window) {
        expected.insert(one.id);
      }
    }
    CAPTURE(i, choice & 15U);
    REQUIRE(found(reader, filter) == expected);
  }
}

}  // namespace netlog_tests::report_filter_test
