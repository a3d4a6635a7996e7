// SPDX-License-Identifier: MIT
#include "source/linux/packets.hpp"

#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/bpf/cgroup_root.hpp"
#include "source/linux/bpf/prepare.hpp"
#include "source/linux/traced_process.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <packets_bpf.skel.h>

namespace netlog::source {
namespace {

constexpr std::size_t kFlowsAtOnce = 1024;  // flows that are read at once
constexpr std::size_t kMaxKeySize = 48;     // of both maps
constexpr std::size_t kFirstAt = 0;
constexpr std::size_t kLastAt = 8;
constexpr std::size_t kDnsSizeAt = 24;

Error failed(int error, std::string_view step) {
  return fail_errno(error, std::string{step} + " the programs that read packets");
}

}  // namespace

struct Packets::State {
  struct Destroy {
    void operator()(packets_bpf* made) const { packets_bpf__destroy(made); }
    void operator()(bpf_link* made) const { bpf_link__destroy(made); }
    void operator()(ring_buffer* made) const { ring_buffer__free(made); }
  };

  std::unique_ptr<packets_bpf, Destroy> programs;
  std::vector<std::unique_ptr<bpf_link, Destroy>> links;
  std::unique_ptr<ring_buffer, Destroy> closed;
  std::unique_ptr<ring_buffer, Destroy> dns;
  std::int64_t clock_shift_ns = 0;                      ///< from the kernel's boot clock to ours
  std::int64_t switched_ns = os::read_boot_clock_ns();  ///< when the programs began with their map
  std::uint64_t lost_before = 0;
  std::uint64_t dns_lost_before = 0;
  bool has_begun = false;
  capture::Bytes* out = nullptr;
  std::vector<std::byte> keys = std::vector<std::byte>(kFlowsAtOnce * kMaxKeySize);
  std::vector<std::byte> values = std::vector<std::byte>(kFlowsAtOnce * kFlowSize);

  static int take(void* context, void* bytes, std::size_t size) {
    auto& state = *static_cast<State*>(context);
    if (size == kFlowSize) {
      state.append({static_cast<const std::byte*>(bytes), size});
    }
    return 0;
  }

  /// Appends what is there of a message, and zero bytes up to a multiple of 8.
  static int take_dns(void* context, void* bytes, std::size_t size) {
    const auto& state = *static_cast<State*>(context);
    std::uint32_t copied = 0;
    if (size < kDnsHeaderSize) {
      return 0;
    }
    std::memcpy(&copied, static_cast<const std::byte*>(bytes) + kDnsSizeAt, sizeof copied);
    const std::span message{static_cast<const std::byte*>(bytes),
                            std::min<std::size_t>(kDnsHeaderSize + copied, size)};
    auto& out = *state.out;
    const auto at = out.size();
    out.insert(out.end(), message.begin(), message.end());
    out.resize((out.size() + 7) / 8 * 8);
    state.shift_time(std::span{out}.subspan(at + kFirstAt));
    return 0;
  }

  /// @param at_ns begins with a time
  void shift_time(std::span<std::byte> at_ns) const {
    std::int64_t time_ns = 0;
    std::memcpy(&time_ns, at_ns.data(), sizeof time_ns);
    time_ns += clock_shift_ns;
    std::memcpy(at_ns.data(), &time_ns, sizeof time_ns);
  }

  /// Whole flows.
  void append(std::span<const std::byte> flows) const {
    out->insert(out->end(), flows.begin(), flows.end());
    if (clock_shift_ns == 0) {
      return;
    }
    for (auto rest = std::span{*out}.last(flows.size()); !rest.empty();
         rest = rest.subspan(kFlowSize)) {
      for (const auto at : {kFirstAt, kLastAt}) {
        shift_time(rest.subspan(at));
      }
    }
  }

  /// Moves what is in the map to `out`. No program counts in it meanwhile.
  Result<void> empty(const bpf_map* map) {
    const int descriptor = bpf_map__fd(map);
    bpf_map_batch_opts options{};
    options.sz = sizeof options;
    std::array<std::byte, kMaxKeySize> place{};
    for (void* from = nullptr;; from = place.data()) {
      std::uint32_t count = kFlowsAtOnce;
      const int error = bpf_map_lookup_and_delete_batch(
          descriptor, from, place.data(), keys.data(), values.data(), &count, &options);
      if (error != 0 && error != -ENOENT) {
        return failed(-error, "reading");
      }
      append(std::span{values}.first(count * kFlowSize));
      if (error == -ENOENT) {
        return {};
      }
    }
  }

  /// Reads the map in which the programs have not counted since they were switched.
  Result<void> read_resting() {
    const bool second_rests = programs->bss->counting == 0;
    const auto& maps = programs->maps;
    if (auto read = empty(second_rests ? maps.flows1 : maps.flows0); !read) {
      return read;
    }
    return empty(second_rests ? maps.rests1 : maps.rests0);
  }

  void switch_maps(std::int64_t now_ns) {
    const std::uint32_t other = programs->bss->counting == 0 ? 1 : 0;
    __atomic_store_n(&programs->bss->counting, other, __ATOMIC_SEQ_CST);
    switched_ns = now_ns;
  }

  /// What a program has counted since `before`.
  static std::int64_t count_since(const std::uint64_t& count, std::uint64_t& before) {
    const auto now = __atomic_load_n(&count, __ATOMIC_RELAXED);
    return static_cast<std::int64_t>(now - std::exchange(before, now));
  }

  std::int64_t take_lost() { return count_since(programs->bss->lost, lost_before); }

  Result<void> start(const Wanted& wanted) {
    const auto clock_shift = kernel_clock_shift_ns(kBootClock);
    if (!clock_shift) {
      return clock_shift.error();
    }
    clock_shift_ns = *clock_shift;
    const auto root = open_cgroup_root();
    if (!root) {
      return root.error();
    }
    programs.reset(packets_bpf__open());
    if (!programs) {
      return failed(errno, "opening");
    }
    programs->rodata->counts_flows = wanted.flows ? 1 : 0;
    programs->rodata->copies_dns = wanted.dns ? 1 : 0;
    if (const int error = packets_bpf__load(programs.get()); error != 0) {
      return failed(-error, "loading");
    }
    closed.reset(ring_buffer__new(bpf_map__fd(programs->maps.closed), &State::take, this, nullptr));
    dns.reset(ring_buffer__new(
        bpf_map__fd(programs->maps.dns_messages), &State::take_dns, this, nullptr));
    if (!closed || !dns) {
      return failed(errno, "making the buffers of");
    }
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, programs->obj) {
      links.emplace_back(bpf_program__attach_cgroup(program, root->get()));
      if (!links.back()) {
        return failed(errno, "attaching");
      }
    }
    return {};
  }
};

Packets::Packets(std::unique_ptr<State> state) : state_{std::move(state)} {}
Packets::Packets(Packets&& other) noexcept = default;
Packets& Packets::operator=(Packets&& other) noexcept = default;
Packets::~Packets() = default;

Result<Packets> Packets::open(const Wanted& wanted) {
  if (const auto prepared = prepare_bpf(); !prepared) {
    return prepared.error();
  }
  auto state = std::make_unique<State>();
  if (const auto started = state->start(wanted); !started) {
    return started.error();
  }
  return Packets{std::move(state)};
}

Result<std::optional<capture::UdpFlows>> Packets::drain_flows() {
  capture::UdpFlows drained;
  state_->out = &drained.flows;
  ring_buffer__consume(state_->closed.get());
  const auto now_ns = os::read_boot_clock_ns();
  if (!std::exchange(state_->has_begun, true)) {
    drained.until_ns = now_ns;
  } else if (now_ns - state_->switched_ns >= kNsPerSecond) {
    if (auto read = state_->read_resting(); !read) {
      return read.error();
    }
    drained.until_ns = state_->switched_ns;
    drained.lost = state_->take_lost();
    state_->switch_maps(now_ns);
  }
  if (drained.until_ns == 0 && drained.flows.empty()) {
    return std::optional<capture::UdpFlows>{};
  }
  return std::optional{std::move(drained)};
}

Result<capture::UdpFlows> Packets::drain_all_flows() {
  capture::UdpFlows drained;
  state_->out = &drained.flows;
  ring_buffer__consume(state_->closed.get());
  for (int map = 0; map < 2; ++map) {
    if (auto read = state_->read_resting(); !read) {
      return read.error();
    }
    drained.until_ns = state_->switched_ns;
    state_->switch_maps(os::read_boot_clock_ns());
  }
  drained.lost = state_->take_lost();
  return drained;
}

capture::DnsMessages Packets::drain_dns() {
  capture::DnsMessages drained;
  state_->out = &drained.messages;
  ring_buffer__consume(state_->dns.get());
  drained.lost = State::count_since(state_->programs->bss->dns_lost, state_->dns_lost_before);
  return drained;
}

namespace {

/// Runs of the programs for packets since they were loaded, and how long these took.
struct Runs {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

Runs runs_of(const packets_bpf& programs) {
  Runs sum;
  for (const auto* const program : {programs.progs.netlog_udp_in, programs.progs.netlog_udp_out}) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
      sum.count += info.run_cnt;
      sum.ns += info.run_time_ns;
    }
  }
  return sum;
}

}  // namespace

Result<Packets::Cost> Packets::measure(std::chrono::milliseconds period) const {
  const os::UniqueFd statistics{bpf_enable_stats(BPF_STATS_RUN_TIME)};
  if (!statistics) {
    return failed(errno, "measuring");
  }
  const auto before = runs_of(*state_->programs);
  const auto began = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(period);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto after = runs_of(*state_->programs);
  const auto count = static_cast<double>(after.count - before.count);
  const auto ns = static_cast<double>(after.ns - before.ns);
  return Cost{count / took.count(), count > 0 ? ns / count : 0};
}

bool Packets::attached() const {
  return std::all_of(state_->links.begin(), state_->links.end(), [](const auto& link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    // A link that was detached from its cgroup still exists, with cgroup id 0.
    return bpf_obj_get_info_by_fd(bpf_link__fd(link.get()), &info, &size) != 0 ||
           info.cgroup.cgroup_id != 0;
  });
}

}  // namespace netlog::source
