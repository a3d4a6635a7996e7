// SPDX-License-Identifier: MIT
#include "store/write/writer_thread.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>

namespace netlog_tests::store_writer_thread_test {

using namespace netlog;
using namespace netlog::store;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Session session() {
  return {"h", "Linux", "6", "0", "boot", 0, 100'000'000, "trace", kSecond};
}

Item opened(ConnectionId id, std::int64_t at_ns) {
  Connection connection;
  connection.id = id;
  connection.tuple = {Protocol::tcp,
                      {*parse_address("192.0.2.1"), 443},
                      {*parse_address("198.51.100.7"), static_cast<std::uint16_t>(id)}};
  connection.state = TcpState::established;
  connection.opened = Moment{at_ns, 0};
  connection.first_seen_ns = connection.last_seen_ns = at_ns;
  return ConnectionEvent{EventKind::open,
                         *connection.opened,
                         std::nullopt,
                         static_cast<std::uint8_t>(TcpState::established),
                         std::nullopt,
                         connection};
}

}  // namespace

TEST_CASE("WriterThread records as a gap what it drops after the last push", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  std::atomic<bool> is_gone{false};
  std::atomic<bool> may_make_one{false};
  std::atomic<int> tried{0};
  WriterOptions options;
  options.flush_after = std::chrono::milliseconds{1};
  options.retry_after = std::chrono::milliseconds{1};
  options.in_place = [&] { return !is_gone; };
  options.reopen = [&]() -> Result<void> {
    ++tried;
    return may_make_one ? Result<void>{} : fail(errc::untrusted, "not now");
  };
  WriterThread writer{path, session(), options};
  writer.queue().push({opened(1, 2 * kSecond)});
  REQUIRE(test::eventually([&] { return writer.totals().events >= 1; }));
  std::filesystem::remove(path);
  is_gone = true;
  REQUIRE(test::eventually([&] { return tried > 0; }));
  CHECK(writer.queue().push({opened(2, 3 * kSecond), opened(3, 4 * kSecond)}).dropped.empty());
  may_make_one = true;
  is_gone = false;
  writer.finish(9 * kSecond);
  CHECK(test::rows(path, "SELECT source, reason, lost, from_ns, to_ns FROM gaps") ==
        "writer|file was deleted or replaced|2|3000000000|9000000000\n");
  CHECK(test::rows(path, "SELECT count(*) FROM connections") == "0\n");
}

}  // namespace netlog_tests::store_writer_thread_test
