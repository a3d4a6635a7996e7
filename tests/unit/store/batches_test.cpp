// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <utility>
#include <variant>
#include <vector>

namespace netlog_tests::store_batches_test {

using namespace netlog;
using test::rows;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A load with what comes late or seldom: news of connections that are over, steps of the clock.
std::vector<store::Item> history(unsigned seed) {
  std::mt19937 random{seed};
  test::Load load{seed, 1};
  std::vector<store::Item> items;
  for (int i = 0; i < 12; ++i) {
    for (auto& item : load.batch(20)) {
      items.push_back(item);
      const auto* const of = std::get_if<ConnectionEvents>(&item);
      if (of == nullptr || of->events.front().kind != EventKind::close) {
        continue;
      }
      auto late = *of;
      auto& event = late.events.front();
      switch (random() % 8) {
        case 3:
          event.kind = EventKind::owner;
          event.old_owner = ProcessId{104, 1'004};
          late.events.push_back(of->events.front());
          items.back() = late;
          break;
        case 0:
          late.connection.metrics.bytes_sent = random() % 1'000;
          items.emplace_back(store::Refresh{late.connection});
          break;
        case 1:
          event.kind = EventKind::owner;
          event.old_owner = std::exchange(late.connection.owner.process, ProcessId{103, 1'003});
          items.emplace_back(late);
          break;
        case 2:
          items.emplace_back(ClockStep{event.at.at_ns + 7 * kSecond, 7 * kSecond});
          break;
        default:
          break;
      }
    }
  }
  return items;
}

void write(const std::filesystem::path& path,
           const std::vector<store::Item>& items,
           std::size_t at_once) {
  const test::Load load{1, 1};
  store::Writer writer{path, load.session(), {.flush_items = at_once}};
  writer.push(items);
  writer.finish(load.now_ns());
}

}  // namespace

TEST_CASE("however a history is cut into batches, its file says the same", "[store]") {
  const auto seed = GENERATE(range(1U, 4U));
  CAPTURE(seed);
  const test::Scratch scratch;
  const auto items = history(seed);
  const auto whole = scratch / "whole.db";
  const auto cut = scratch / "cut.db";
  write(whole, items, items.size());
  write(cut, items, GENERATE(1U, 7U, 100U));
  for (const auto* const said :
       {"SELECT * FROM connections ORDER BY id",
        "SELECT id, duration_bucket, clock_adjust_ns FROM connection ORDER BY id",
        "SELECT connection_id, at_ns, error_ns, kind, old, new FROM events ORDER BY "
        "connection_id, id",
        // (What was the most before late news, stays the most.)
        "SELECT process, peer, outcome, sum(connections), sum(opened), sum(closed_by_us), "
        "sum(closed_by_peer), sum(bytes_sent) FROM peer_flows GROUP BY 1, 2, 3",
        "SELECT process, outcome, sum(connections), sum(bytes_sent) FROM process_flows GROUP BY "
        "process, outcome",
        "SELECT process, peer, state, sum(dwells), max(dwell_ns) FROM peer_dwells GROUP BY "
        "process, "
        "peer, state",
        "SELECT process, state, dwell_ns, dwells FROM process_dwells ORDER BY process, state, "
        "dwell_ns, dwells",
        "SELECT process, second, opens, max_opens FROM process_opens ORDER BY process, second, "
        "opens",
        "SELECT minute, process_id, direction, opened FROM open_minute ORDER BY 1, 2, 3",
        "SELECT connection_id, state, from_ns, to_ns, clock_adjust_ns FROM long_dwells ORDER BY "
        "connection_id, from_ns",
        "SELECT local_address_id, remote_port, sum(connections), sum(peak) FROM port_use GROUP BY "
        "1, 2"}) {
    CAPTURE(said);
    CHECK(rows(cut, said) == rows(whole, said));
  }
}

}  // namespace netlog_tests::store_batches_test
