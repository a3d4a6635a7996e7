// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/fault_vfs.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog_tests::store_fault_test {

using namespace netlog;
using test::Call;
using test::rows;

namespace {

struct Failure {
  Call call;
  const char* name;
  int code;
};

/// What a disk, a file system and other programs can answer.
std::vector<Failure> failures() {
  return {
      {Call::write, "write", SQLITE_FULL},
      {Call::write, "write", SQLITE_IOERR_WRITE},
      {Call::write, "write", SQLITE_READONLY},
      {Call::sync, "sync", SQLITE_IOERR_FSYNC},
      {Call::sync, "sync", SQLITE_FULL},
      {Call::truncate, "truncate", SQLITE_IOERR_TRUNCATE},
      {Call::read, "read", SQLITE_IOERR_READ},
      {Call::file_size, "file_size", SQLITE_IOERR_FSTAT},
      {Call::lock, "lock", SQLITE_IOERR_LOCK},
      {Call::lock, "lock", SQLITE_BUSY},
      {Call::shm_map, "shm_map", SQLITE_IOERR_SHMMAP},
      {Call::shm_map, "shm_map", SQLITE_READONLY_CANTINIT},
      {Call::shm_lock, "shm_lock", SQLITE_IOERR_SHMLOCK},
      {Call::shm_lock, "shm_lock", SQLITE_BUSY},
      {Call::open, "open", SQLITE_CANTOPEN},
      {Call::open, "open", SQLITE_IOERR},
      {Call::remove, "remove", SQLITE_IOERR_DELETE},
      {Call::access, "access", SQLITE_IOERR_ACCESS},
  };
}

store::WriterOptions at_once() {
  store::WriterOptions options;
  options.flush_items = 1;
  options.retry_after = std::chrono::milliseconds{1};
  return options;
}

/// One batch after another, each committed or given up before the next.
void push_batches(store::Writer& writer, test::Load& load, int batches) {
  for (int i = 0; i < batches; ++i) {
    writer.push(load.batch(60));
    REQUIRE(test::eventually([&] {
      writer.push({});  // throws what has stopped the thread
      return writer.totals().events >= load.events();
    }));
  }
}

}  // namespace

TEST_CASE("a call that fails once costs the writer nothing it had committed", "[store][faults]") {
  const auto failure = GENERATE(from_range(failures()));
  const auto nth = GENERATE(1, 17);
  CAPTURE(failure.name, failure.code, nth);
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  std::int64_t committed = 0;
  test::FaultVfs vfs;
  try {
    test::Load load{7, 1};
    store::Writer writer{path, load.session(), at_once()};
    push_batches(writer, load, 3);
    committed = load.events();
    vfs.fail(failure.call, failure.code, nth);
    writer.push(load.batch(60));
    writer.finish(load.now_ns());
    committed = load.events();
  } catch (const store::StoreError& error) {
    CHECK(std::string{error.what()}.find('\n') == std::string::npos);
  }
  vfs.heal();
  const test::Load next{7, 2};
  store::Writer{path, next.session()}.finish(next.now_ns());
  CHECK(test::violations(path).empty());
  const auto held = test::held(path);
  CHECK(held.fault.empty());
  CHECK(held.events.at(1) >= committed);
}

TEST_CASE("after a call that fails once everything arrives, once", "[store][faults]") {
  const auto failure = GENERATE(from_range(failures()));
  const auto nth = GENERATE(2, 5);
  CAPTURE(failure.name, failure.code, nth);
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::FaultVfs vfs;
  test::Load load{7, 1};
  {
    store::Writer writer{path, load.session(), at_once()};
    push_batches(writer, load, 3);
    vfs.fail(failure.call, failure.code, nth);
    push_batches(writer, load, 3);
    writer.finish(load.now_ns());
  }
  vfs.heal();
  CHECK(test::violations(path).empty());
  const auto held = test::held(path);
  CHECK(held.fault.empty());
  CHECK(held.events.at(1) == load.events());
}

}  // namespace netlog_tests::store_fault_test
