// SPDX-License-Identifier: MIT
// Named reports on generated recordings against counts that are made by looking at every
// connection. Recordings, filters and what the reports read vary; the counts must not.
#include "oracle.hpp"

#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::report_oracle_test {

using namespace netlog;
using namespace netlog::report;
using namespace report_oracle;

namespace {

constexpr std::int64_t kAllRows = 10'000;
/// One answer and the connections that it is about.
struct Comparison {
  const Filter& filter;
  Granularity granularity;
  const Lives& lives;
  std::function<Answer(std::string_view report)> run;

  [[nodiscard]] bool exact() const { return granularity == Granularity::connections; }
};

void check_overview(const Comparison& compared) {
  if (!compared.filter.pids.empty()) {
    return;  // it is the report `process` then
  }
  const auto answer = compared.run("overview");
  const auto lives = as_of_window(compared.lives, compared.filter);
  Lines totals;
  for (const auto& [key, group] : grouped(lives, [](const RecordedLife& life) {
         return line(name(life.protocol), name(life.direction));
       })) {
    totals.insert(line(key,
                       group.size(),
                       with_outcome(group, Outcome::open),
                       with_outcome(group, Outcome::closed),
                       failed(group),
                       with_outcome(group, Outcome::unknown),
                       longest(group, compared.filter),
                       sum(group, &RecordedLife::bytes_sent),
                       sum(group, &RecordedLife::bytes_received)));
  }
  CHECK(lines_of(answer,
                 "totals",
                 {"protocol",
                  "direction",
                  "connections",
                  "open_now",
                  "closed",
                  "failed",
                  "unknown_end",
                  "longest_ns",
                  "bytes_sent",
                  "bytes_received"}) == totals);

  Lines processes;
  for (const auto& [pid, group] :
       grouped(lives, [](const RecordedLife& life) { return text(life.pid); })) {
    processes.insert(line(
        pid,
        group.size(),
        count_if(group,
                 [&](const RecordedLife& life) { return opened_in_window(life, compared.filter); }),
        with_outcome(group, Outcome::open),
        failed(group),
        sum(group, &RecordedLife::bytes_sent)));
  }
  CHECK(lines_of(answer,
                 "processes",
                 {"pid", "connections", "opened", "open_now", "failed", "bytes_sent"}) ==
        processes);

  std::map<std::string, std::vector<Stay>> by_state;
  for (const auto& stay : stays_in_window(compared.lives, compared.filter)) {
    by_state[std::string{name(stay.state)}].push_back(stay);
  }
  Lines states;
  for (const auto& [state, group] : by_state) {
    std::int64_t now = 0;
    std::int64_t most = 0;
    for (const auto& stay : group) {
      now += stay.to_ns ? 0 : 1;
      most = std::max(most, stay.dwell_ns());
    }
    states.insert(line(state, now, group.size(), most));
  }
  CHECK(lines_of(answer, "states", {"state", "now", "entered", "longest_ns"}) == states);
}

void check_peers(const Comparison& compared) {
  Lines expected;
  const auto lives = as_of_window(compared.lives, compared.filter);
  for (const auto& [key, group] : grouped(only(lives, has_peer), [](const auto& life) {
         return line(name(life.direction), name(life.protocol), life.peer());
       })) {
    const auto first = -*largest(group, [](const RecordedLife& life) { return -life.began_ns; });
    const auto last = *largest(group, [](const RecordedLife& life) { return life.began_ns; });
    auto row = line(key,
                    group.size(),
                    with_outcome(group, Outcome::open),
                    failed(group),
                    longest(group, compared.filter),
                    sum(group, &RecordedLife::bytes_sent),
                    sum(group, &RecordedLife::bytes_received),
                    first,
                    last);
    if (compared.exact()) {
      row += "|" + text(percentile(durations(group), 50));
    }
    expected.insert(row);
  }
  std::vector<std::string> columns{"direction",
                                   "protocol",
                                   "peer",
                                   "connections",
                                   "open_now",
                                   "failed",
                                   "longest_ns",
                                   "bytes_sent",
                                   "bytes_received",
                                   "first_ns",
                                   "last_ns"};
  if (compared.exact()) {
    columns.emplace_back("half_ns");  // sums know it to 12.5 % only
  }
  CHECK(lines_of(compared.run("peers"), "peers", columns) == expected);
}

/// Whether one of these states occurs in its life.
bool was_in(const RecordedLife& life, const std::set<TcpState>& states) {
  return std::any_of(life.states.begin(), life.states.end(), [&](const auto& entered) {
    return states.contains(entered.second);
  });
}

void check_closes(const Comparison& compared) {
  using enum TcpState;
  const auto by_us = [](const RecordedLife& life) {
    return life.outcome == Outcome::closed &&
           was_in(life, {fin_wait_1, fin_wait_2, closing, time_wait});
  };
  const auto by_peer = [&](const RecordedLife& life) {
    return life.outcome == Outcome::closed && !by_us(life) && was_in(life, {close_wait, last_ack});
  };
  Lines expected;
  for (const auto& [peer, group] : grouped(
           only(compared.lives,
                [&](const RecordedLife& life) {
                  return is_tcp(life) && has_peer(life) && ended_in_window(life, compared.filter);
                }),
           [](const RecordedLife& life) { return line(life.peer(), name(life.direction)); })) {
    const auto us = count_if(group, by_us);
    const auto peers = count_if(group, by_peer);
    expected.insert(line(group.front().peer(),
                         group.size(),
                         us,
                         peers,
                         with_outcome(group, Outcome::closed) - us - peers,
                         with_outcome(group, Outcome::reset),
                         with_outcome(group, Outcome::aborted),
                         with_outcome(group, Outcome::refused),
                         with_outcome(group, Outcome::timed_out),
                         with_outcome(group, Outcome::unknown)));
  }
  CHECK(lines_of(compared.run("closes"),
                 "peers",
                 {"peer",
                  "ended",
                  "by_us",
                  "by_peer",
                  "by_whom",
                  "reset",
                  "aborted",
                  "refused",
                  "timed_out",
                  "unknown_end"}) == expected);
}

void check_failed(const Comparison& compared) {
  const auto answer = compared.run("failed");
  const auto by_program = [&](auto is) {
    return grouped(only(compared.lives, is), [](const RecordedLife& life) {
      return line(
          name(life.outcome), life.pid, name(life.direction), life.peer(), name(life.protocol));
    });
  };
  Lines failures;
  for (const auto& [key, group] : by_program([&](const RecordedLife& life) {
         return life.failed() && ended_in_window(life, compared.filter);
       })) {
    const auto& first = group.front();
    failures.insert(line(name(first.outcome),
                         first.pid,
                         name(first.direction),
                         first.peer(),
                         group.size(),
                         largest(group, [](const RecordedLife& life) { return life.syns; }),
                         longest(group),
                         *largest(group, [](const auto& life) { return life.closed_ns; })));
  }
  CHECK(lines_of(answer,
                 "failures",
                 {"outcome",
                  "pid",
                  "direction",
                  "peer",
                  "connections",
                  "syns",
                  "longest_ns",
                  "last_ns"}) == failures);

  Lines resets;
  for (const auto& [key, group] : by_program([&](const RecordedLife& life) {
         const bool by_reset = life.outcome == Outcome::reset || life.outcome == Outcome::aborted;
         return by_reset && !life.failed() && ended_in_window(life, compared.filter);
       })) {
    const auto& first = group.front();
    resets.insert(
        line(name(first.outcome), first.pid, name(first.direction), first.peer(), group.size()));
  }
  CHECK(lines_of(answer, "resets", {"outcome", "pid", "direction", "peer", "connections"}) ==
        resets);

  // At the end of the window.
  const auto waits = [&](const RecordedLife& life) {
    const auto stays = stays_in_window({life}, compared.filter);
    return has_peer(life) && !stays.empty() && stays.back().state == TcpState::syn_sent &&
           !stays.back().to_ns;
  };
  const auto now_ns = compared.filter.until_ns.value_or(test::kHistoryEndNs);
  Lines hanging;
  for (const auto& [key, group] :
       grouped(only(compared.lives, waits), [](const RecordedLife& life) {
         return line(life.pid, name(life.direction), life.remote_text());
       })) {
    std::optional<std::int64_t> since;
    std::int64_t waited = 0;
    for (const auto& life : group) {
      since = std::min(since.value_or(life.began_ns), life.began_ns);
      waited = std::max(waited, now_ns - life.began_ns);
    }
    const bool known =
        std::all_of(group.begin(), group.end(), [](const auto& life) { return life.opened; });
    const auto& first = group.front();
    hanging.insert(
        line(group.size(), first.pid, first.remote_text(), known ? since : std::nullopt, waited));
  }
  CHECK(lines_of(answer, "hanging", {"connections", "pid", "remote", "since_ns", "waited_ns"}) ==
        hanging);
}

void check_lifetimes(const Comparison& compared) {
  const std::vector<std::pair<std::int64_t, std::string>> classes{
      {kSecond / 100, "up to 10 ms"},
      {kSecond / 10, "up to 100 ms"},
      {kSecond, "up to 1 s"},
      {10 * kSecond, "up to 10 s"},
      {60 * kSecond, "up to 1 min"},
      {600 * kSecond, "up to 10 min"},
      {3600 * kSecond, "up to 1 h"},
  };
  const auto ended = only(compared.lives, [&](const RecordedLife& life) {
    return has_peer(life) && ended_in_window(life, compared.filter);
  });
  std::map<std::string, std::int64_t> counts;
  for (const auto& life : ended) {
    const auto duration = life.duration_ns();
    const auto found = std::find_if(classes.begin(), classes.end(), [&](const auto& each) {
      return duration && *duration < each.first;
    });
    ++counts[!duration ? "not known" : found == classes.end() ? "longer" : found->second];
  }
  const auto answer = compared.run("lifetimes");
  if (compared.exact()) {
    Lines histogram;
    for (const auto& [lasted, connections] : counts) {
      histogram.insert(line(lasted, connections));
    }
    CHECK(lines_of(answer, "histogram", {"lasted", "connections"}) == histogram);
  }
  Lines peers;
  for (const auto& [peer, group] : grouped(ended, [](const RecordedLife& life) {
         return line(life.peer(), name(life.direction), name(life.protocol));
       })) {
    const auto known = durations(group);
    if (!known.empty()) {
      auto row = line(group.front().peer(), known.size(), longest(group));
      if (compared.exact()) {
        row = line(row, percentile(known, 50), percentile(known, 90));
      }
      peers.insert(row);
    }
  }
  std::vector<std::string> columns{"peer", "connections", "longest_ns"};
  if (compared.exact()) {
    columns.insert(columns.end(), {"half_ns", "p90_ns"});
  }
  CHECK(lines_of(answer, "peers", columns) == peers);
}

void check_churn(const Comparison& compared) {
  const auto opened = only(compared.lives, [&](const RecordedLife& life) {
    return has_peer(life) && opened_in_window(life, compared.filter);
  });
  Lines processes;
  for (const auto& [key, group] : grouped(
           opened, [](const RecordedLife& life) { return line(life.pid, name(life.direction)); })) {
    std::int64_t most = 0;
    for (const auto& [second, together] :
         grouped(group, [](const auto& life) { return text(life.began_ns / kSecond); })) {
      most = std::max(most, static_cast<std::int64_t>(together.size()));
    }
    processes.insert(line(key, group.size(), most));
  }
  const auto answer = compared.run("churn");
  CHECK(lines_of(answer, "processes", {"pid", "direction", "opened", "peak"}) == processes);
  std::size_t total = 0;
  for (const auto& count : lines_of(answer, "times", {"opened"})) {
    total += std::stoul(count);
  }
  CHECK(total == opened.size());
}

void check_dwell(const Comparison& compared) {
  std::map<std::string, std::vector<Stay>> by_state;
  for (const auto& stay : stays_in_window(compared.lives, compared.filter)) {
    by_state[std::string{name(stay.state)}].push_back(stay);
  }
  Lines states;
  for (const auto& [state, group] : by_state) {
    std::vector<std::int64_t> dwells;
    std::int64_t still = 0;
    for (const auto& stay : group) {
      dwells.push_back(stay.dwell_ns());
      still += stay.to_ns ? 0 : 1;
    }
    auto row = line(state, group.size(), still, percentile(dwells, 100));
    if (compared.exact()) {
      row = line(row, percentile(dwells, 50), percentile(dwells, 90), percentile(dwells, 99));
    }
    states.insert(row);
  }
  std::vector<std::string> columns{"state", "intervals", "still", "longest_ns"};
  if (compared.exact()) {
    columns.insert(columns.end(), {"half_ns", "p90_ns", "p99_ns"});
  }
  CHECK(lines_of(compared.run("dwell"), "states", columns) == states);
}

void check_leaks(const Comparison& compared) {
  using enum TcpState;
  const std::set<TcpState> passing{
      syn_sent, syn_received, fin_wait_1, fin_wait_2, close_wait, closing, last_ack};
  // After its FIN no process need hold a socket: the kernel ends it, after a minute in FIN_WAIT_2.
  const std::set<TcpState> left_to_kernel{fin_wait_1, closing, last_ack};
  std::map<std::string, std::vector<Stay>> stuck;
  for (auto stay : stays_of(compared.lives)) {
    const bool long_enough = !stay.to_ns || stay.dwell_ns() >= 5 * kSecond;
    const bool in_window =
        (!compared.filter.until_ns || stay.from_ns <= *compared.filter.until_ns) &&
        (!compared.filter.since_ns || !stay.to_ns || *stay.to_ns >= *compared.filter.since_ns);
    const bool is_orphan = left_to_kernel.contains(stay.state) ||
                           (stay.state == fin_wait_2 && stay.dwell_ns() < 65 * kSecond);
    if (passing.contains(stay.state) && long_enough && in_window) {
      if (compared.filter.until_ns && stay.to_ns && *stay.to_ns > *compared.filter.until_ns) {
        stay.to_ns.reset();
      }
      stuck[line(std::string{is_orphan ? "orphans" : "stuck"}, name(stay.state), stay.life.pid)]
          .push_back(stay);
    }
  }
  Lines expected;
  for (const auto& [key, group] : stuck) {
    std::vector<std::pair<std::int64_t, std::optional<std::int64_t>>> spans;
    std::int64_t now = 0;
    for (const auto& stay : group) {
      spans.emplace_back(stay.from_ns, stay.to_ns);
      now += stay.to_ns ? 0 : 1;
    }
    // Since when those of the first look are in their state is not known.
    const auto old = std::count_if(group.begin(), group.end(), [](const Stay& stay) {
      return !stay.life.opened && stay.from_ns == stay.life.began_ns;
    });
    std::optional<std::int64_t> oldest;
    std::optional<std::int64_t> newest;
    for (const auto& stay : group) {
      if (stay.life.opened || stay.from_ns != stay.life.began_ns) {
        oldest = std::min(oldest.value_or(stay.from_ns), stay.from_ns);
        newest = std::max(newest.value_or(stay.from_ns), stay.from_ns);
      }
    }
    expected.insert(line(key, now, peak_of(spans), old, old > 0 ? std::nullopt : oldest, newest));
  }
  const auto answer = compared.run("leaks");
  Lines found;
  for (const std::string section : {"stuck", "orphans"}) {
    for (const auto& row :
         lines_of(answer,
                  section,
                  {"state", "pid", "now", "peak", "before", "oldest_ns", "newest_ns"})) {
      found.insert(line(section, row));
    }
  }
  CHECK(found == expected);

  Lines growing;
  for (const auto& [key, group] : grouped(
           only(compared.lives,
                [](const RecordedLife& life) { return has_peer(life) && life.opened; }),
           [](const RecordedLife& life) {
             const bool is_inbound = life.direction == Direction::inbound;
             return line(life.pid, name(life.direction), is_inbound ? std::string{} : life.peer());
           })) {
    const auto open = with_outcome(group, Outcome::open);
    const auto closed = static_cast<std::int64_t>(group.size()) - open;
    const auto& life = group.front();
    if (open >= 10 && open > 10 * closed) {
      growing.insert(line(life.pid, name(life.direction), open, closed));
    }
  }
  CHECK(lines_of(answer, "growing", {"pid", "direction", "open_now", "closed"}) == growing);
}

void check_ports(const Comparison& compared) {
  Lines expected;
  for (const auto& [key, group] :
       grouped(only(as_of_window(compared.lives, compared.filter),
                    [](const RecordedLife& life) {
                      return is_tcp(life) && has_peer(life) && life.direction != Direction::inbound;
                    }),
               [](const RecordedLife& life) {
                 return line(to_string(life.local.address), to_string(life.remote));
               })) {
    std::vector<std::pair<std::int64_t, std::optional<std::int64_t>>> spans;
    for (const auto& life : group) {
      spans.emplace_back(life.began_ns, life.closed_ns);
    }
    expected.insert(line(key, peak_of(spans), with_outcome(group, Outcome::open), group.size()));
  }
  CHECK(lines_of(compared.run("ports"),
                 "ports",
                 {"local_address", "remote", "peak", "open_now", "connections"}) == expected);
}

void check_listeners(const Comparison& compared) {
  if (!compared.filter.states.empty() || compared.filter.since_ns || compared.filter.until_ns) {
    return;  // these select one socket of several
  }
  Lines expected;
  for (const auto& group : listening_together(compared.lives)) {
    const auto& first = group.front();
    const auto all = static_cast<std::int64_t>(group.size());
    const bool opened = count_if(group, [](const auto& life) { return life.opened; }) == all;
    const bool closed =
        count_if(group, [](const auto& life) { return life.closed_ns.has_value(); }) == all;
    expected.insert(line(
        name(first.protocol),
        to_string(first.local),
        first.pid,
        opened ? std::optional{first.began_ns} : std::nullopt,
        closed ? largest(group, [](const auto& life) { return life.closed_ns; }) : std::nullopt,
        all));
  }
  CHECK(lines_of(compared.run("listeners"),
                 "listeners",
                 {"protocol", "local", "pid", "since_ns", "gone_ns", "sockets"}) == expected);
}

void check_connections(const Comparison& compared) {
  Lines expected;
  for (const auto& life : compared.lives) {
    expected.insert(line(life.id, life.pid, name(life.direction), to_string(life.local)));
  }
  CHECK(lines_of(compared.run("connections"), "connections", {"id", "pid", "direction", "local"}) ==
        expected);
  Lines holders;
  for (const auto& life : compared.lives) {
    holders.insert(line(life.local.port,
                        life.pid,
                        life.opened ? std::optional{life.began_ns} : std::nullopt,
                        life.closed_ns));
  }
  CHECK(lines_of(compared.run("who"), "holders", {"local_port", "pid", "from_ns", "until_ns"}) ==
        holders);
}

void check_gaps(const Comparison& compared) {
  const auto from_ns = test::kHistoryBeginNs + 900 * kSecond;
  const auto to_ns = test::kHistoryBeginNs + 1200 * kSecond;
  const auto& filter = compared.filter;
  const bool touches = (!filter.until_ns || from_ns <= *filter.until_ns) &&
                       (!filter.since_ns || to_ns >= *filter.since_ns);
  const auto answer = compared.run("gaps");
  CHECK(lines_of(answer, "gaps", {"from_ns", "to_ns", "length_ns", "lost"}) ==
        (touches ? Lines{line(from_ns, to_ns, to_ns - from_ns, 20)} : Lines{}));
  REQUIRE(answer.completeness);
  CHECK(answer.completeness->gaps == (touches ? 1 : 0));

  // Connections whose owner is not known, by the reason.
  std::map<std::string, std::int64_t> unknown;
  for (const auto& life : compared.lives) {
    if (!life.pid) {
      ++unknown[std::string{name(life.owner_reason)}];
    }
  }
  for (const auto& [reason, connections] : unknown) {
    CAPTURE(answer.completeness->note, reason, connections);
    CHECK(answer.completeness->note.find(fmt::format("{} {}", connections, reason)) !=
          std::string::npos);
  }
  CHECK(answer.completeness->note.empty() == unknown.empty());
}

void check_all(const Comparison& compared) {
  check_overview(compared);
  check_peers(compared);
  check_closes(compared);
  check_failed(compared);
  check_lifetimes(compared);
  check_churn(compared);
  check_dwell(compared);
  check_leaks(compared);
  check_ports(compared);
  check_listeners(compared);
  check_connections(compared);
  check_gaps(compared);
}

/// Every kind of filter by itself and some together.
std::vector<Filter> filters() {
  std::vector<Filter> all(15);
  all[1].pids = {11};
  all[2].pids = {10, 14};
  all[3].process = "p12";
  all[4].protocol = Protocol::udp;
  all[5].port = 443;
  all[6].local_port = 80;
  all[7].remote_port = 5432;
  all[8].remote = {*parse_address_range("198.51.100.0/24"), *parse_address_range("2001:db8::7")};
  all[9].since_ns = test::kHistoryBeginNs + 1000 * kSecond;
  all[9].until_ns = test::kHistoryBeginNs + 1030 * kSecond;
  all[10].since_ns = test::kHistoryBeginNs + 2500 * kSecond;
  all[10].pids = {10};
  all[11].until_ns = test::kHistoryBeginNs + 700 * kSecond;
  all[12].since_ns = all[12].until_ns = test::kHistoryBeginNs + 1500 * kSecond;
  all[12].protocol = Protocol::tcp;
  all[13].states = {TcpState::close_wait, TcpState::syn_sent};
  all[14].remote_name = "*.corp.example";
  return all;
}

/// What may be read to answer this filter, from the finest to the coarsest.
std::vector<Granularity> granularities(const Filter& filter) {
  if (filter.since_ns || filter.until_ns || !filter.states.empty()) {
    return {Granularity::connections};
  }
  if (filter.port || filter.local_port || filter.remote_port || !filter.remote.empty() ||
      filter.remote_name) {
    return {Granularity::connections, Granularity::peers};
  }
  return {Granularity::connections, Granularity::peers, Granularity::processes};
}

}  // namespace

TEST_CASE("reports count what looking at every connection counts", "[report][sweep]") {
  const auto [seed, step] = GENERATE(table<unsigned, std::size_t>({{1, 1}, {2, 3}}));
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto all = test::random_history(seed);
  test::record_history(path, all);
  for (std::size_t number = 0; number < filters().size(); number += step) {
    const auto filter = filters()[number];
    store::Reader reader{path};  // each has a budget of processor time
    const auto lives = test::selected(all, filter);
    for (const auto granularity : granularities(filter)) {
      CAPTURE(seed, number, static_cast<int>(granularity));
      check_all({filter, granularity, lives, [&](std::string_view report) {
                   return run_report(reader, report, filter, kAllRows, granularity);
                 }});
    }
  }
}

}  // namespace netlog_tests::report_oracle_test
