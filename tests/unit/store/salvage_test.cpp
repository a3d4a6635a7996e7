// SPDX-License-Identifier: MIT
#include "store/salvage/salvage.hpp"

#include "store/read/reader.hpp"
#include "support/catch.hpp"
#include "support/damaged.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <random>
#include <string>
#include <thread>

#include <fmt/format.h>

namespace netlog_tests::store_salvage_test {

using namespace netlog;
using netlog::test::contains_text;
using test::bytes_of_file;
using test::kPage;
using test::overwrite_page;
using test::root_of;
using test::rows;
using test::write_file;

namespace {

std::int64_t count(const std::filesystem::path& path, const std::string& table) {
  return std::stoll(rows(path, "SELECT count(*) FROM " + table));
}

}  // namespace

TEST_CASE("what is salvaged of a whole recording is all of it", "[store]") {
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  CHECK_FALSE(store::survey(path).damaged());
  const auto salvaged = store::salvage(path, out);
  CHECK_FALSE(salvaged.damaged());
  CHECK(test::violations(out).empty());
  for (const auto* const table :
       {"session", "address", "name", "process", "events", "gap", "peer", "port_use", "lookup"}) {
    CAPTURE(table);
    CHECK(count(out, table) == count(path, table));
  }
  const auto* const lives = "SELECT * FROM connections ORDER BY id";
  CHECK(rows(out, lives) == rows(path, lives));
  const auto* const lookups = "SELECT * FROM lookups ORDER BY id";
  CHECK(rows(out, lookups) == rows(path, lookups));
  const auto* const events = "SELECT * FROM events ORDER BY id";
  CHECK(rows(out, events) == rows(path, events));
  const auto* const sums =
      "SELECT process, peer, remote_name, connections, bytes_sent FROM peer_flows WHERE outcome = "
      "'closed' ORDER BY process, peer, remote_name";  // what was open when it ended is summed up
                                                       // as well
  CHECK(rows(out, sums) == rows(path, sums));
}

TEST_CASE("what pages took with them is missing, and on record; the rest is saved", "[store]") {
  const auto seed = GENERATE(range(1U, 5U));
  CAPTURE(seed);
  std::mt19937 random{seed};
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  const auto all = count(path, "events");
  auto bytes = bytes_of_file(path);
  const auto pages = bytes.size() / kPage;
  for (unsigned i = 0; i < 1 + seed % 4; ++i) {
    overwrite_page(bytes, 2 + random() % (pages - 1), random);
  }
  write_file(path, bytes);
  store::salvage(path, out);
  CHECK(test::violations(out) == "");
  CHECK(count(out, "event WHERE id > 0") >= all / 2);
  store::Writer{out, test::Load{11, 9}.session()}.finish(test::Load{11, 9}.now_ns());
  CHECK(test::violations(out).empty());
}

TEST_CASE("the root of a table costs nothing of what is below it", "[store]") {
  const auto* const table = GENERATE("event", "connection");
  std::mt19937 random{1};
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  const auto all = count(path, "events");
  const auto connections = count(path, "connections");
  auto bytes = bytes_of_file(path);
  overwrite_page(bytes, root_of(path, table), random);
  write_file(path, bytes);
  CHECK(store::survey(path).damaged_pages == 1);
  store::salvage(path, out);
  CHECK(count(out, "events") == all);
  CHECK(count(out, "connections") == connections);
  CHECK(test::violations(out).empty());
  CHECK(rows(out, "SELECT source, reason, detail FROM gaps ORDER BY id DESC LIMIT 1") ==
        "salvage|rows could not be read|1 damaged pages\n");
}

TEST_CASE("a recording whose first page is gone is salvaged by what its rows look like",
          "[store]") {
  std::mt19937 random{1};
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  const auto all = count(path, "events");
  const auto addresses = count(path, "address");
  const auto names = rows(path, "SELECT * FROM name ORDER BY id");
  const auto lookups = rows(path, "SELECT * FROM lookups ORDER BY id");
  const auto named = rows(path, "SELECT id, remote_name, name_source FROM connections ORDER BY id");
  auto bytes = bytes_of_file(path);
  overwrite_page(bytes, 1, random);
  write_file(path, bytes);
  CHECK_THROWS_AS(store::Reader{path}, store::StoreError);
  store::salvage(path, out);
  CHECK(count(out, "event") == all);
  CHECK(count(out, "address") == addresses);
  CHECK(rows(out, "SELECT * FROM name ORDER BY id") == names);
  CHECK(rows(out, "SELECT * FROM lookups ORDER BY id") == lookups);
  CHECK(rows(out, "SELECT id, remote_name, name_source FROM connections ORDER BY id") == named);
  CHECK(test::violations(out).empty());
}

TEST_CASE("a lost leaf of events leaves lives that still fit together", "[store]") {
  std::mt19937 random{1};
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  const auto all = count(path, "events");
  auto bytes = bytes_of_file(path);
  // The first child of the root: two bytes for where its cell begins, four for the page.
  const auto root = (root_of(path, "event") - 1) * kPage;
  REQUIRE(bytes.at(root) == 5);
  const auto number = [&](std::size_t at, std::size_t size) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8U | static_cast<unsigned char>(bytes.at(at + i));
    }
    return value;
  };
  const auto leaf = number(root + number(root + 12 + 6, 2), 4);
  overwrite_page(bytes, leaf, random);
  write_file(path, bytes);
  const auto salvaged = store::salvage(path, out);
  CHECK(test::violations(out).empty());
  const auto saved = count(out, "event WHERE id BETWEEN 1 AND " + std::to_string(all));
  CHECK(saved < all);
  const auto lost = std::stoll(
      rows(out, "SELECT lost FROM gaps WHERE source = 'salvage' AND detail LIKE 'event:%'"));
  CHECK(lost == all - saved);
  CHECK(salvaged.damaged_pages == 1);
}

TEST_CASE("of a file that was cut off it is on record what is missing", "[store]") {
  const auto tenths = GENERATE(5U, 7U, 9U);
  CAPTURE(tenths);
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  const auto out = scratch / "out.db";
  const auto of_table = [&](const char* table) {
    return std::stoll(rows(path, fmt::format("SELECT max(id) - min(id) + 1 FROM {}", table)));
  };
  const auto connections = of_table("connection");
  const auto events = of_table("event");
  const auto bytes = bytes_of_file(path);
  const auto pages = bytes.size() / kPage;
  const auto left = pages * tenths / 10;
  write_file(path, bytes.substr(0, left * kPage));
  const auto salvaged = store::salvage(path, out);
  CHECK(salvaged.missing_pages == static_cast<std::int64_t>(pages - left));
  const auto accounted = [&](const std::string& table) {
    for (const auto& each : salvaged.tables) {
      if (each.name == table) {
        return each.rows + each.lost;
      }
    }
    return std::int64_t{-1};
  };
  // How many rows the last page had is estimated by the others.
  CHECK(accounted("connection") >= connections - 50);
  CHECK(accounted("connection") < connections + 500);
  // Most of them were deleted, so the last page can have more ids than any other one.
  CHECK(accounted("event") >= events * 2 / 3);
  CHECK(rows(out, "SELECT detail FROM gaps WHERE detail LIKE '%cut off%'") ==
        fmt::format("{} damaged pages, {} pages cut off at its end\n",
                    salvaged.damaged_pages,
                    pages - left));
}

TEST_CASE("what a WAL has committed is salvaged too", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto copy = scratch / "copy.db";
  const auto out = scratch / "out.db";
  test::Load load{11, 1};
  {
    store::Writer writer{path, load.session()};
    writer.push(load.batch(200));
    REQUIRE(test::eventually([&] { return writer.totals().events >= load.events(); }));
    std::filesystem::copy_file(path, copy);
    std::filesystem::copy_file(with_suffix(path, "-wal"), with_suffix(copy, "-wal"));
  }
  store::salvage(copy, out);
  CHECK(count(out, "event") == load.events());
  CHECK(test::violations(out).empty());
}

TEST_CASE("nothing is salvaged from what is no recording", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  write_file(path, "this is not a database, whatever its name says");
  CHECK(store::survey(path).rows() == 0);
  CHECK_THROWS_AS(store::survey(scratch / "missing.db"), store::StoreError);
}

TEST_CASE("pages that are nowhere are not searched", "[store]") {
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  SECTION("a -wal that promises four thousand million pages") {
    // The header of a WAL and one frame with a commit (sqlite.org/fileformat2.html, 4.1); the
    // checksums are those of these bytes.
    const auto put = [](std::string& bytes, std::uint32_t word) {
      for (unsigned shift = 24;; shift -= 8) {
        bytes += static_cast<char>(word >> shift);
        if (shift == 0) {
          return;
        }
      }
    };
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    const auto add = [&](const std::string& bytes) {
      const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < 4; ++i) {
          value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
        }
        return value;
      };
      for (std::size_t at = 0; at < bytes.size(); at += 8) {
        first += word(at) + second;
        second += word(at + 4) + first;
      }
    };
    std::string wal;
    for (const std::uint32_t word : {0x377F0683U, 3'007'000U, 4096U, 0U, 1U, 2U}) {
      put(wal, word);
    }
    add(wal);
    put(wal, first);
    put(wal, second);
    std::string frame;
    put(frame, 1);
    put(frame, 0xFFFFFFFF);
    const auto page = bytes_of_file(path).substr(0, kPage);
    add(frame);
    add(page);
    for (const std::uint32_t word : {1U, 2U, first, second}) {
      put(frame, word);
    }
    write_file(with_suffix(path, "-wal"), wal + frame + page);
    CHECK(store::survey(path).rows() > 0);
  }
  SECTION("a file that is long and holds nothing") {
    std::filesystem::resize_file(path, std::uintmax_t{64} << 20U);
    CHECK(store::survey(path).rows() > 0);
  }
  SECTION("texts that are no UTF-8") {
    constexpr std::size_t kEncoding = 56;  // sqlite.org/fileformat.html, 1.3.13
    auto bytes = bytes_of_file(path);
    bytes[kEncoding + 3] = 2;
    write_file(path, bytes);
    CHECK_THROWS_WITH(store::survey(path), contains_text("in UTF-16"));
  }
  SECTION("a stop is heard") {
    CHECK_THROWS_WITH(store::survey(path, [] { return false; }), contains_text("stopped before"));
  }
}

}  // namespace netlog_tests::store_salvage_test
