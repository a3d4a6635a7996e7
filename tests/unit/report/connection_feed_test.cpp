// SPDX-License-Identifier: MIT
#include "report/connection_feed.hpp"

#include "support/catch.hpp"
#include "support/random_history.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

namespace netlog_tests::report_connection_feed_test {

using namespace netlog;
using namespace netlog::report;

namespace {

/// The ids of the connections that `read` hands over.
template <typename Read>
std::vector<std::int64_t> ids_of(Read read) {
  std::size_t place = 0;
  std::vector<std::int64_t> found;
  read(
      [&](const std::vector<std::string>& names) {
        place = static_cast<std::size_t>(
            std::distance(names.begin(), std::find(names.begin(), names.end(), "id")));
      },
      [&](const std::vector<Cell>& cells) {
        found.push_back(std::get<std::int64_t>(cells.at(place)));
        return true;
      });
  return found;
}

std::vector<std::int64_t> ids_in(store::Reader& reader, const std::string& sql) {
  std::vector<std::int64_t> ids;
  for (const auto& row : reader.query(sql).cells) {
    ids.push_back(std::get<std::int64_t>(row.at(0)));
  }
  return ids;
}

struct Selection {
  Filter filter;
  std::string sql;  ///< the same
  bool peers_only = false;
};

std::vector<Selection> selections() {
  std::vector<Selection> all(4);
  all[0].sql = "1";
  all[1].filter.pids = {11};
  all[1].sql = "pid = 11";
  all[2].filter.protocol = Protocol::udp;
  all[2].sql = "protocol = 'udp'";
  all[3].peers_only = true;
  all[3].sql = "direction <> 'listen' AND (protocol = 'tcp' OR remote_address IS NOT NULL)";
  return all;
}

std::vector<std::int64_t> ended_ids(store::Reader& reader,
                                    const std::string& selected,
                                    const std::string& order) {
  return ids_in(reader,
                "SELECT id FROM connections WHERE closed_ns IS NOT NULL AND " + selected + order);
}

}  // namespace

TEST_CASE("a feed has each connection that has ended once", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  store::Reader reader{path};
  const auto [filter, selected, peers_only] = GENERATE(from_range(selections()));
  CAPTURE(selected);
  const auto ended = ended_ids(reader, selected, " ORDER BY id");
  REQUIRE(ended.size() > 3);
  ConnectionFeed all{reader, filter, peers_only};
  const auto next = [&](ConnectionFeed& feed) {
    return ids_of([&](const auto& names, const auto& row) { feed.next(names, row); });
  };
  CHECK(next(all) == ended);
  CHECK(next(all).empty());

  auto last = ended_ids(reader, selected, " ORDER BY closed_ns DESC, id DESC LIMIT 3");
  std::sort(last.begin(), last.end());
  ConnectionFeed some{reader, filter, peers_only};
  CHECK(ids_of([&](const auto& names, const auto& row) { some.last(3, names, row); }) == last);
  CHECK(next(some).empty());
}

TEST_CASE("a feed of connections stops when nobody takes them", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  store::Reader reader{path};
  ConnectionFeed feed{reader, {}, false};
  int taken = 0;
  feed.next([](const auto&) {}, [&](const auto&) { return ++taken < 2; });
  CHECK(taken == 2);
}

}  // namespace netlog_tests::report_connection_feed_test
