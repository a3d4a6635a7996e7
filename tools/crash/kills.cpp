// SPDX-License-Identifier: MIT
#include "kills.hpp"

#include "child.hpp"
#include "store/write/writer.hpp"
#include "support/load.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <thread>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <unistd.h>

namespace crash {
namespace {

using namespace netlog;

constexpr std::int64_t kKillsOfOneFile = 50;
constexpr std::int64_t kNsPerMs = 1'000'000;

std::int64_t below(std::mt19937_64& random, std::int64_t end) {
  return std::uniform_int_distribution<std::int64_t>{0, end - 1}(random);
}

/// Pushes events at the pace of a recorder's ticks, with bursts, until it is killed.
void write_until_killed(const std::filesystem::path& path,
                        std::uint64_t seed,
                        std::int64_t session,
                        int pipe) {
  try {
    test::Load load{seed, session};
    std::mt19937_64 random{seed + static_cast<std::uint64_t>(session)};
    store::Writer writer{path, load.session()};
    for (;;) {
      writer.push(load.batch(static_cast<std::size_t>(1 + below(random, 40)) *
                             (below(random, 20) == 0 ? 50 : 1)));
      const Word word{steady_ns(), load.events(), writer.totals().events};
      if (::write(pipe, &word, sizeof word) != sizeof word) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{below(random, 20)});
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
}

std::int64_t number(const std::filesystem::path& path, const char* sql) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READONLY, 5'000};
  return database.execAndGet(sql).getInt64();
}

/// 1 if the last session recorded a gap for the time before it.
constexpr auto kLastGap =
    "SELECT count(*) FROM gap WHERE session_id = (SELECT max(id) FROM session) AND source = "
    "'recorder' AND reason = 'recorder was killed'";

}  // namespace

Kills::Kills(KillOptions options) : options_{std::move(options)}, random_{options_.seed} {}

void Kills::fault(const std::string& what) {
  if (totals_.first_fault.empty()) {
    totals_.first_fault = fmt::format("seed {}, kill {}: {}", options_.seed, totals_.kills, what);
  }
}

void Kills::kill_writer() {
  const auto path = options_.directory / "a.db";
  if (on_this_file_++ % kKillsOfOneFile == 0) {
    std::filesystem::remove_all(options_.directory);
    std::filesystem::create_directories(options_.directory);
  }
  ++totals_.kills;
  const auto session = ++session_;
  Child child{[&](int pipe) { write_until_killed(path, options_.seed, session, pipe); }};
  const bool early = below(random_, 8) == 0;
  if (early) {
    std::this_thread::sleep_for(std::chrono::microseconds{below(random_, 20'000)});
  } else {
    child.wait_for_words(60'000);
    std::this_thread::sleep_for(std::chrono::microseconds{below(random_, 400'000)});
  }
  const auto killed_ns = steady_ns();
  child.kill(SIGKILL);
  child.wait();
  const auto words = child.words();
  std::int64_t committed = 0;
  std::int64_t due = 0;
  for (const auto& word : words) {
    committed = word.committed;
    if (word.at_ns < killed_ns - kKillBoundNs) {
      due = word.pushed;
    }
  }
  totals_.while_beginning += words.empty() ? 1 : 0;
  try {
    const test::Load next{options_.seed, ++session_};
    store::Writer{path, next.session()}.finish(next.now_ns());
    if (const auto found = test::violations(path); !found.empty()) {
      ++totals_.corrupt;
      fault(found);
    }
    const auto held = test::held(path);
    if (!held.fault.empty()) {
      ++totals_.corrupt;
      fault(held.fault);
    }
    const auto entry = held.events.find(session);
    const auto there = entry == held.events.end() ? 0 : entry->second;
    if (there < committed) {
      ++totals_.lost_committed;
      fault(fmt::format("{} events are there, {} were committed", there, committed));
    }
    if (there < due) {
      ++totals_.lost_beyond;
      fault(fmt::format("{} events are there, {} were pushed more than {} ms before",
                        there,
                        due,
                        kKillBoundNs / kNsPerMs));
    }
    for (const auto& word : words) {
      if (word.pushed > there) {
        ++totals_.with_loss;
        totals_.longest_loss_ns = std::max(totals_.longest_loss_ns, killed_ns - word.at_ns);
        break;
      }
    }
    // A session that has a row had begun; one without a row recorded nothing.
    const bool killed = number(path,
                               "SELECT count(*) FROM session WHERE ended_ns IS NULL AND id = "
                               "(SELECT max(id) - 1 FROM session)") == 1;
    totals_.gaps_due += killed || !words.empty() ? 1 : 0;
    if (killed) {
      if (number(path, kLastGap) == 1) {
        ++totals_.gaps;
      } else {
        fault("the next session has no gap");
      }
    }
  } catch (const std::exception& error) {
    ++totals_.corrupt;
    fault(error.what());
  }
}

void Kills::kill_recorder() {
  const auto directory = options_.directory.parent_path() / "recorder";
  const auto path = directory / "r.db";
  if (totals_.of_recorders % 10 == 0) {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
  }
  ++totals_.kills;
  ++totals_.of_recorders;
  Child recorder{{options_.netlog, "record", "--db", utf8(path), "--source", "notice"}};
  if (!recorder.wait_for_text("recording into")) {
    fault("netlog record did not start");
    return;
  }
  Child churn{{options_.churn, "--rate", "200", "--seconds", "1"}};
  std::this_thread::sleep_for(std::chrono::microseconds{below(random_, 1'200'000)});
  recorder.kill(SIGKILL);
  recorder.wait();
  churn.wait();
  Child again{{options_.netlog, "record", "--db", utf8(path), "--duration", "200ms"}};
  if (again.wait() != 0) {
    ++totals_.corrupt;
    fault("netlog record does not go on");
    return;
  }
  try {
    if (const auto found = test::violations(path); !found.empty()) {
      ++totals_.corrupt;
      fault(found);
    }
    ++totals_.gaps_due;
    if (number(path, kLastGap) == 1) {
      ++totals_.gaps;
    } else {
      fault("the next session of netlog record has no gap");
    }
  } catch (const std::exception& error) {
    ++totals_.corrupt;
    fault(error.what());
  }
}

}  // namespace crash
