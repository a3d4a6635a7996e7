// SPDX-License-Identifier: MIT
// A disk that stays full for longer than the queue can hold: what is lost is on record, and what
// the file says afterwards is what there is.
#include "record/recorder.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/fault_vfs.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog_tests::store_outage_test {

using namespace netlog;
using netlog::test::rows;

namespace {

constexpr std::int64_t kTickNs = 100 * kNsPerMs;

/// Ticks that show a table of established connections.
class Host {
 public:
  explicit Host(record::Recorder& recorder) : recorder_{recorder} {}

  void tick(int first_port, int connections) {
    at_ns_ += kTickNs;
    consume(capture::TickBegin{});
    std::string table =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
    for (int i = 0; i < connections; ++i) {
      table += fmt::format(
          "{:4}: 0100007F:{:04X} 0200007F:0050 01 00000000:00000000 00:00000000 00000000     0     "
          "   0 {} 1 0000000000000000 20 4 0 10 -1\n",
          i,
          first_port + i,
          1000 + first_port + i);
    }
    consume(capture::ProcfsTable{Protocol::tcp, Family::ipv4, bytes_of(table)});
    consume(capture::TickEnd{});
  }

 private:
  void consume(capture::Payload payload) {
    recorder_.consume({5, Span{at_ns_, at_ns_}, std::move(payload)});
  }

  record::Recorder& recorder_;
  std::int64_t at_ns_ = 100 * kNsPerSecond;
};

}  // namespace

TEST_CASE("what a disk that stays full costs is on record", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  std::vector<std::string> messages;
  test::FaultVfs vfs;
  {
    store::WriterOptions options;
    options.flush_after = std::chrono::milliseconds{1};
    options.retry_after = std::chrono::milliseconds{1};
    options.queue_items = 50;
    options.on_message = [&](const std::string& text) { messages.push_back(text); };
    Session session;
    session.started_ns = 100 * kNsPerSecond;
    store::Writer writer{path, session, options};
    record::Recorder recorder{writer, kTickNs};
    Host host{recorder};
    host.tick(1000, 20);
    REQUIRE(test::eventually([&] { return writer.totals().events >= 20; }));
    vfs.fail(test::Call::write, SQLITE_FULL, 1, 1'000'000'000);
    // Every tick ends 20 connections and begins 20 others.
    for (int tick = 1; tick <= 50; ++tick) {
      host.tick(1000 + 20 * tick, 20);
      REQUIRE(test::eventually([&] { return vfs.failed() > 0; }));
    }
    vfs.heal();
    // Until everything is known again.
    for (int tick = 0; rows(path, "SELECT count(*) FROM gaps WHERE source = 'writer'") == "0\n";
         ++tick) {
      REQUIRE(tick < 100'000);
      host.tick(3000, 20 + tick % 2);
      std::this_thread::yield();
    }
    host.tick(3000, 20);
    recorder.finish();
    writer.finish(recorder.now_utc_ns());
  }
  CHECK(test::violations(path).empty());
  CHECK(rows(path,
             "SELECT reason, lost > 1000, from_ns < to_ns, detail <> '' FROM gaps WHERE source = "
             "'writer'") == "disk full|1|1|1\n");
  CHECK(rows(path,
             "SELECT count(*), min(local_port), max(local_port) FROM connections WHERE outcome = "
             "'open'") == "20|3000|3019\n");
  // What was open when the disk filled up has ended at some time since then.
  CHECK(rows(path,
             "SELECT count(*) > 0, min(close_error_ns) > 4000000000 FROM connections WHERE "
             "outcome_reason = 'not_noticed' AND closed_ns > 105000000000 AND local_port < 2000") ==
        "1|1\n");
  REQUIRE(messages.size() == 2);
  CHECK_THAT(messages[0], netlog::test::contains_text("sampling goes on"));
  CHECK_THAT(messages[1], netlog::test::contains_text("again"));
}

}  // namespace netlog_tests::store_outage_test
