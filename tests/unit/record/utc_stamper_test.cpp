// SPDX-License-Identifier: MIT
#include "record/utc_stamper.hpp"

#include "support/catch.hpp"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace netlog_tests::record_utc_stamper_test {

using namespace netlog;
using namespace netlog::record;

namespace {

constexpr std::int64_t kBefore = 1'000'000;
constexpr std::int64_t kAfter = kBefore - 3'600;

UtcStamper started() {
  UtcStamper stamper;
  stamper.drift(0, kBefore);
  return stamper;
}

ConnectionEvents event(EventKind kind,
                       std::int64_t at,
                       std::optional<TcpState> before,
                       std::optional<TcpState> after,
                       const Connection& connection) {
  const auto code = [](std::optional<TcpState> state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  return {connection, {{kind, Moment{at, 0}, code(before), code(after), std::nullopt}}};
}

Connection opened_at(std::int64_t at) {
  Connection connection;
  connection.id = 1;
  connection.opened = Moment{at, 0};
  connection.first_seen_ns = at;
  connection.last_seen_ns = at;
  return connection;
}

template <typename Item>
Item stamped(UtcStamper& stamper, Item item) {
  std::vector<store::Item> items;
  items.emplace_back(std::move(item));
  stamper.stamp(items);
  return std::get<Item>(items[0]);
}

}  // namespace

TEST_CASE("UtcStamper: what is new gets the clock of now, what is known keeps its stamps",
          "[record]") {
  auto stamper = started();
  auto connection = opened_at(100);
  const auto open = stamped(
      stamper, event(EventKind::open, 100, std::nullopt, TcpState::established, connection));
  CHECK(open.events[0].at.at_ns == kBefore + 100);
  CHECK(open.connection.opened->at_ns == kBefore + 100);
  stamper.set(200, kAfter);
  connection.last_seen_ns = 300;
  connection.closed = Moment{300, 50};
  connection.gone = true;
  const auto close = stamped(
      stamper, event(EventKind::close, 300, TcpState::established, TcpState::closed, connection));
  CHECK(close.events[0].at.at_ns == kAfter + 300);
  CHECK(close.connection.opened->at_ns == kBefore + 100);
  CHECK(close.connection.first_seen_ns == kBefore + 100);
  CHECK((close.connection.closed == Moment{kAfter + 300, 50}));
  CHECK(close.connection.last_seen_ns == kAfter + 300);
}

TEST_CASE("UtcStamper: an end that was reported before UTC was set keeps its stamp", "[record]") {
  auto stamper = started();
  auto connection = opened_at(50);
  connection.closed = Moment{100, 0};
  connection.last_seen_ns = 150;
  stamped(stamper,
          event(EventKind::state, 100, TcpState::fin_wait_2, TcpState::time_wait, connection));
  stamper.set(200, kAfter);
  connection.gone = true;
  const auto close = stamped(
      stamper, event(EventKind::close, 300, TcpState::time_wait, TcpState::closed, connection));
  CHECK(close.events[0].at.at_ns == kAfter + 300);
  CHECK(close.connection.closed->at_ns == kBefore + 100);
}

TEST_CASE("UtcStamper: an end that is reported after UTC was set gets the new clock", "[record]") {
  auto stamper = started();
  auto connection = opened_at(50);
  stamped(stamper, event(EventKind::open, 50, std::nullopt, TcpState::established, connection));
  stamper.set(200, kAfter);
  connection.closed = Moment{199, 0};
  connection.gone = true;
  connection.last_seen_ns = 199;
  std::vector<store::Item> items{
      event(EventKind::state, 198, TcpState::established, TcpState::close_wait, connection),
      event(EventKind::close, 199, TcpState::close_wait, TcpState::closed, connection)};
  stamper.stamp(items);
  CHECK(std::get<ConnectionEvents>(items[0]).connection.closed->at_ns == kAfter + 199);
  CHECK(std::get<ConnectionEvents>(items[1]).connection.closed->at_ns == kAfter + 199);
  CHECK(std::get<ConnectionEvents>(items[1]).events[0].at.at_ns == kAfter + 199);
  // It keeps this stamp when more becomes known of it later.
  stamper.set(400, kBefore);
  const auto late = stamped(stamper, store::Refresh{connection});
  CHECK(late.connection.closed->at_ns == kAfter + 199);
  CHECK(late.connection.last_seen_ns == kAfter + 199);
}

TEST_CASE("UtcStamper: spans keep their length across a step", "[record]") {
  auto stamper = started();
  stamper.set(200, kAfter);
  const auto coverage = stamped(stamper, Coverage{1, 150, 250, 3, 2, 0, 0});
  CHECK(coverage.from_ns == kAfter + 150);
  CHECK(coverage.to_ns == kAfter + 250);
  Gap gap;
  gap.from_ns = 190;
  gap.to_ns = 210;
  gap = stamped(stamper, gap);
  CHECK(gap.from_ns == kAfter + 190);
  CHECK(gap.to_ns == kAfter + 210);
  const auto open = stamped(stamper, store::Refresh{opened_at(100)});
  CHECK(open.connection.last_seen_ns == kAfter + 100);
}

TEST_CASE("UtcStamper: a lookup has the clock of when it is reported", "[record]") {
  auto stamper = started();
  Lookup lookup;
  lookup.at_ns = 100;
  lookup.latency_ns = 7;
  CHECK(stamped(stamper, lookup).at_ns == kBefore + 100);
  stamper.set(200, kAfter);
  const auto late = stamped(stamper, lookup);
  CHECK(late.at_ns == kAfter + 100);
  CHECK(late.latency_ns == 7);
}

}  // namespace netlog_tests::record_utc_stamper_test
