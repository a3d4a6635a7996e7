// SPDX-License-Identifier: MIT
// Opens and closes loopback connections at a rate, and writes what it did to a file: process,
// tuple, times and kind of each end. Server and client are two processes, so that the owners
// differ.
#include "client.hpp"
#include "kinds.hpp"
#include "net.hpp"
#include "processes.hpp"
#include "server.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <unistd.h>

namespace {

using namespace churn;

void allow_many_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<Kind> chosen(const std::vector<std::string>& names) {
  std::vector<Kind> some;
  for (const auto& kind : kinds()) {
    if (names.empty() || std::find(names.begin(), names.end(), kind.name) != names.end()) {
      some.push_back(kind);
    }
  }
  return some;
}

/// The server's end of a connection that was never accepted: it ends with the listener.
std::vector<Truth> never_accepted(const std::vector<Truth>& clients,
                                  pid_t server,
                                  std::int64_t closed_from_ns,
                                  std::int64_t closed_to_ns) {
  std::vector<Truth> ends;
  for (auto end : clients) {
    if (end.kind == "never_accepted") {
      end.server = true;
      end.pid = server;
      std::swap(end.local, end.remote);
      end.closed_from_ns = closed_from_ns;
      end.closed_to_ns = closed_to_ns;
      ends.push_back(end);
    }
  }
  return ends;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Opens and closes loopback connections and writes down the truth about them."};
  double rate = 100;
  double life_ms = 1;
  double seconds = 1;
  std::string truth_file;
  std::vector<std::string> names{"close_by_client"};
  bool all = false;
  bool ipv6 = false;
  std::vector<std::string> known;
  for (const auto& kind : kinds()) {
    known.emplace_back(kind.name);
  }
  app.add_option("--rate", rate, "Connections a second")->check(CLI::Range(0.1, 100'000.0));
  app.add_option("--life-ms", life_ms, "How long each lasts")->check(CLI::Range(0.0, 60'000.0));
  app.add_option("--seconds", seconds, "How long to go on")->check(CLI::Range(0.001, 600.0));
  app.add_option("--kind", names, "How they end, in turn")
      ->check(CLI::IsMember(known))
      ->delimiter(',');
  app.add_flag("--all-kinds", all, "Every kind, in turn");
  app.add_flag("--ipv6", ipv6, "Over ::1");
  app.add_option("--truth", truth_file, "CSV file to write");
  int patterns = 0;
  std::vector<std::string> pattern_names = process_patterns();
  int call = 0;
  int finish = -1;
  app.add_option("--patterns", patterns, "Instead: so many connections of each process pattern")
      ->check(CLI::Range(1, 100'000));
  app.add_option("--pattern", pattern_names, "Only these process patterns")
      ->check(CLI::IsMember(process_patterns()))
      ->delimiter(',');
  app.add_option("--call", call, "What a pattern executes: call this port")->group("");
  app.add_option("--finish", finish, "What a pattern executes: end this connection")->group("");
  CLI11_PARSE(app, argc, argv);
  if (call != 0) {
    return call_and_exit(call);
  }
  if (finish >= 0) {
    return finish_and_exit(finish);
  }
  if (truth_file.empty()) {
    fmt::print(stderr, "netlog-churn: --truth FILE is required\n");
    return 2;
  }
  allow_many_descriptors();
  if (patterns > 0) {
    bool first = true;
    for (const auto& name : pattern_names) {
      const auto truth = run_pattern(name, patterns);
      append(truth_file, truth, std::exchange(first, false));
      fmt::print("{}: {} connections\n", name, truth.size() / 2);
    }
    return 0;
  }
  const auto some = chosen(all ? std::vector<std::string>{} : names);
  std::vector<Listening> listeners;
  std::vector<Target> targets;
  const int family = ipv6 ? AF_INET6 : AF_INET;
  listeners.reserve(some.size());
  for (const auto& kind : some) {
    listeners.emplace_back(kind, family);
    targets.push_back({&kind, family, listeners.back().port()});
  }
  const auto life = std::chrono::nanoseconds{static_cast<std::int64_t>(life_ms * 1e6)};
  std::array<int, 2> stop{};
  must(::pipe(stop.data()), "pipe");
  const auto parent = ::getpid();
  const pid_t server = must(::fork(), "fork");
  if (server == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, "churn-server");
    if (::getppid() != parent) {
      return 1;
    }
    ::close(stop[1]);
    append(truth_file, serve(listeners, life, stop[0]), true);
    return 0;
  }
  ::close(stop[0]);
  ::prctl(PR_SET_NAME, "churn-client");
  for (const auto& listening : listeners) {
    ::close(listening.fd());
  }
  const Load load{rate, life, std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)}};
  const auto sent = connect_all(targets, load);
  const auto stopped_ns = now_ns();
  ::close(stop[1]);
  int status = 0;
  must(::waitpid(server, &status, 0), "waitpid");
  append(truth_file, sent.truth, false);
  append(truth_file, never_accepted(sent.truth, server, stopped_ns, now_ns()), false);
  fmt::print("{} connections, {} begun late, {} skipped; server {}, client {}\n",
             sent.truth.size(),
             sent.late,
             sent.skipped,
             server,
             parent);
  return status == 0 && sent.skipped == 0 ? 0 : 1;
}
