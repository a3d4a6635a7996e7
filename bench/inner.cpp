// SPDX-License-Identifier: MIT
// netlog-bench-inner: the inner loops of a tick (Google Benchmark) on a table that does not change,
// and a pass over the same bytes to compare with.
#include "decode/tables.hpp"
#include "track/tracker.hpp"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include <benchmark/benchmark.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/tcp.h>
#include <sys/socket.h>

namespace {

using namespace netlog;

void append(std::vector<std::byte>& out, const void* bytes, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(bytes);
  out.insert(out.end(), begin, begin + size);
  constexpr std::size_t kAlign = 4;
  out.resize((out.size() + kAlign - 1) / kAlign * kAlign);
}

/// A sock_diag dump as the kernel sends it, of connections to one server.
std::vector<std::byte> dump_of(std::int64_t sockets) {
  std::vector<std::byte> bytes;
  for (std::int64_t i = 0; i < sockets; ++i) {
    inet_diag_msg socket{};
    socket.idiag_family = AF_INET;
    socket.idiag_state = 1;
    socket.id.idiag_sport = static_cast<std::uint16_t>(i);
    socket.id.idiag_dport = 443;
    socket.id.idiag_src[0] = 0x0100000A;
    socket.id.idiag_dst[0] = static_cast<std::uint32_t>(i >> 16U) + 0x0200000A;
    socket.id.idiag_cookie[0] = static_cast<std::uint32_t>(i + 1);
    socket.idiag_inode = static_cast<std::uint32_t>(i + 1'000);
    tcp_info info{};
    info.tcpi_rtt = 1'000;
    const nlattr attribute{sizeof attribute + sizeof info, INET_DIAG_INFO};
    nlmsghdr header{};
    header.nlmsg_type = 20;
    header.nlmsg_len = NLMSG_LENGTH(sizeof socket) + attribute.nla_len;
    append(bytes, &header, sizeof header);
    append(bytes, &socket, sizeof socket);
    append(bytes, &attribute, sizeof attribute);
    append(bytes, &info, sizeof info);
  }
  nlmsghdr done{};
  done.nlmsg_type = NLMSG_DONE;
  done.nlmsg_len = NLMSG_LENGTH(sizeof(int));
  append(bytes, &done, sizeof done);
  const int no_error = 0;
  append(bytes, &no_error, sizeof no_error);
  return bytes;
}

Snapshot snapshot_of(std::vector<SocketRow> rows, std::int64_t at_ns) {
  Snapshot snapshot;
  snapshot.netns = 1;
  snapshot.tables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
  snapshot.incarnation_is_unique = true;
  snapshot.taken = Span{at_ns, at_ns + 1};
  snapshot.rows = std::move(rows);
  return snapshot;
}

void pass_over_bytes(benchmark::State& state) {
  const auto bytes = dump_of(state.range(0));
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + sizeof sum <= bytes.size(); i += sizeof sum) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i, sizeof word);
      sum += word;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void decode_dump(benchmark::State& state) {
  const auto bytes = dump_of(state.range(0));
  std::vector<SocketRow> rows;
  for (auto _ : state) {
    rows.clear();
    if (!decode::decode_sock_diag_end(bytes, Protocol::tcp, rows)) {
      state.SkipWithError("the dump cannot be decoded");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void track_unchanged(benchmark::State& state) {
  const auto bytes = dump_of(state.range(0));
  track::Tracker tracker;
  std::int64_t now_ns = 1'000'000'000;
  std::vector<SocketRow> rows;
  static_cast<void>(decode::decode_sock_diag_end(bytes, Protocol::tcp, rows));
  auto snapshot = snapshot_of(std::move(rows), now_ns);
  tracker.apply(snapshot);
  const auto take = [&] {
    tracker.take_events([](ConnectionEvents events) { benchmark::DoNotOptimize(events); });
  };
  take();
  for (auto _ : state) {
    now_ns += 100'000'000;
    snapshot.taken = Span{now_ns, now_ns + 1};
    tracker.apply(snapshot);
    take();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

}  // namespace

BENCHMARK(pass_over_bytes)->Arg(1'000)->Arg(10'000)->Arg(100'000);
BENCHMARK(decode_dump)->Arg(1'000)->Arg(10'000)->Arg(100'000);
BENCHMARK(track_unchanged)->Arg(1'000)->Arg(10'000)->Arg(100'000);
BENCHMARK_MAIN();
