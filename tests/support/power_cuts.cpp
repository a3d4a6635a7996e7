// SPDX-License-Identifier: MIT
#include "support/power_cuts.hpp"

#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/load.hpp"
#include "util/text.hpp"

#include <atomic>
#include <exception>
#include <thread>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog::test {
namespace {

constexpr int kCutsOfOneRecording = 10;
// About what each takes; a cut that comes later hits what follows.
constexpr std::int64_t kStepsToCreate = 200;
constexpr std::int64_t kStepsToBegin = 12;
constexpr std::int64_t kStepsToWrite = 400;
constexpr std::int64_t kStepsToEnd = 100;
constexpr auto kFile = "a.db";

std::int64_t below(std::mt19937_64& random, std::int64_t end) {
  return std::uniform_int_distribution<std::int64_t>{0, end - 1}(random);
}

void empty(const std::filesystem::path& directory) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
}

/// As a reader does that is the last to close.
void checkpoint(const std::filesystem::path& path) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE, 5'000};
  database.exec("PRAGMA wal_checkpoint(PASSIVE)");
}

/// Sessions after the first whose beginning is not preceded by the end that was recorded.
std::int64_t unexplained(const std::filesystem::path& path) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READONLY, 5'000};
  return database
      .execAndGet(
          "SELECT count(*) FROM session AS s WHERE id > (SELECT min(id) FROM session) AND NOT "
          "EXISTS (SELECT 1 FROM gap AS g WHERE g.session_id = s.id AND g.to_ns = s.started_ns AND "
          "g.reason = iif((SELECT ended_ns FROM session AS b WHERE b.id < s.id ORDER BY b.id DESC "
          "LIMIT 1) IS NULL, 'recorder was killed', 'not recording'))")
      .getInt64();
}

}  // namespace

PowerCuts::PowerCuts(std::uint64_t seed, std::filesystem::path directory)
    : seed_{seed}, directory_{std::move(directory)}, random_{seed} {
  empty(directory_ / "now");
}

void PowerCuts::fault(const std::string& what) {
  if (totals_.first_fault.empty()) {
    totals_.first_fault = fmt::format("seed {}, cut {}: {}", seed_, totals_.cuts, what);
  }
}

PowerCuts::Phase PowerCuts::record(const std::filesystem::path& path,
                                   std::int64_t& committed,
                                   std::int64_t& pushed_at_cut) {
  Load load{seed_, ++session_};
  std::atomic<const store::Writer*> writing{nullptr};
  std::atomic<Phase> phase{Phase::beginning};
  std::atomic<Phase> at_cut{Phase::over};
  std::atomic<std::int64_t> pushed{0};
  const auto cut = [&] {
    const auto* const writer = writing.load();
    committed = writer == nullptr ? 0 : writer->totals().events;
    pushed_at_cut = pushed;
    at_cut = phase.load();
  };
  const auto where = below(random_, 10);
  if (where < 3) {
    vfs_.cut_after(1 + below(random_, on_this_recording_ == 0 ? kStepsToCreate : kStepsToBegin),
                   cut);
  }
  // One push is one batch, so that the same seed makes the same calls.
  store::Writer writer{path, load.session(), {.flush_items = 1}};
  writing = &writer;
  phase = Phase::writing;
  if (where >= 3 && where < 8) {
    vfs_.cut_after(1 + below(random_, kStepsToWrite), cut);
  }
  const auto batches = 1 + below(random_, 12);
  for (std::int64_t i = 0; i < batches && !vfs_.was_cut(); ++i) {
    auto items = load.batch(static_cast<std::size_t>(1 + below(random_, 150)));
    pushed = load.events();
    writer.push(std::move(items));
    while (writer.totals().events < load.events()) {
      std::this_thread::yield();
    }
    if (below(random_, 6) == 0) {
      checkpoint(path);
    }
  }
  phase = Phase::ending;
  if (where >= 8) {
    vfs_.cut_after(1 + below(random_, kStepsToEnd), cut);
  }
  writer.finish(load.now_ns());
  phase = Phase::over;
  if (!vfs_.was_cut()) {
    cut();
    vfs_.cut();
  }
  vfs_.cut_after(0, nullptr);  // its callback refers to this stack frame
  return at_cut;
}

void PowerCuts::check(std::int64_t committed, std::int64_t pushed) {
  // Checks a copy, so that the next session finds the file as the cut left it.
  const auto directory = directory_ / "copy";
  empty(directory);
  for (const auto& entry : std::filesystem::directory_iterator{directory_ / "now"}) {
    std::filesystem::copy_file(entry.path(), directory / entry.path().filename());
  }
  const auto path = directory / kFile;
  const Load next{seed_, session_ + 1};
  store::Writer{path, next.session()}.finish(next.now_ns());
  if (const auto found = violations(path); !found.empty()) {
    ++totals_.corrupt;
    fault(found);
    return;
  }
  const auto found = held(path);
  if (!found.fault.empty()) {
    ++totals_.corrupt;
    fault(found.fault);
  }
  auto expected = durable_;
  expected[session_] = committed;
  for (const auto& [session, events] : expected) {
    const auto entry = found.events.find(session);
    const auto there = entry == found.events.end() ? 0 : entry->second;
    if (there < events) {
      ++totals_.lost;
      fault(fmt::format(
          "session {}: {} events are there, {} were committed", session, there, events));
      return;
    }
    if (session == session_ && there < pushed) {
      ++totals_.with_loss;
    }
  }
  durable_ = found.events;
  ++totals_.gaps_due;
  if (const auto sessions = unexplained(path); sessions == 0) {
    ++totals_.gaps;
  } else {
    fault(fmt::format("{} sessions begin without a gap", sessions));
  }
}

void PowerCuts::cut() {
  const auto now = directory_ / "now";
  const auto then = directory_ / "then";
  vfs_.watch(now);
  ++totals_.cuts;
  std::int64_t committed = 0;
  std::int64_t pushed = 0;
  try {
    switch (record(now / kFile, committed, pushed)) {
      case Phase::beginning:
        ++totals_.while_beginning;
        break;
      case Phase::writing:
        ++totals_.while_writing;
        break;
      case Phase::ending:
        ++totals_.while_ending;
        break;
      case Phase::over:
        ++totals_.clean;
        break;
    }
    empty(then);
    vfs_.restore(random_, then);
    empty(now);
    std::filesystem::remove(now);
    std::filesystem::rename(then, now);
    check(committed, pushed);
  } catch (const std::exception& error) {
    ++totals_.corrupt;
    fault(error.what());
  }
  if (++on_this_recording_ == kCutsOfOneRecording || !totals_.first_fault.empty()) {
    on_this_recording_ = 0;
    durable_.clear();
    empty(now);
  }
}

}  // namespace netlog::test
