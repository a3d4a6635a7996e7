// SPDX-License-Identifier: MIT
#include "source/linux/udp_flows.hpp"

#include "os/clock.hpp"
#include "source/linux/bpf/cgroup_root.hpp"
#include "source/linux/bpf/prepare.hpp"
#include "source/linux/traced_process.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <udp_flows_bpf.skel.h>

namespace netlog::source {
namespace {

constexpr std::size_t kFlowsAtOnce = 1024;  // flows that are read at once
constexpr std::size_t kMaxKeySize = 48;     // of both maps
constexpr std::size_t kFirstAt = 0;
constexpr std::size_t kLastAt = 8;

Error failed(int error, std::string_view step) {
  return fail_errno(error, std::string{step} + " the counters of UDP flows");
}

}  // namespace

struct UdpFlows::State {
  struct Destroy {
    void operator()(udp_flows_bpf* programs) const { udp_flows_bpf__destroy(programs); }
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };

  std::unique_ptr<udp_flows_bpf, Destroy> programs;
  std::vector<std::unique_ptr<bpf_link, Destroy>> links;
  std::unique_ptr<ring_buffer, Destroy> closed;
  std::int64_t clock_shift_ns = 0;                      ///< from the kernel's boot clock to ours
  std::int64_t switched_ns = os::read_boot_clock_ns();  ///< when the programs began with their map
  std::uint64_t lost_before = 0;
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

  /// Whole flows.
  void append(std::span<const std::byte> flows) const {
    out->insert(out->end(), flows.begin(), flows.end());
    if (clock_shift_ns == 0) {
      return;
    }
    for (auto rest = std::span{*out}.last(flows.size()); !rest.empty();
         rest = rest.subspan(kFlowSize)) {
      for (const auto at : {kFirstAt, kLastAt}) {
        std::int64_t at_ns = 0;
        std::memcpy(&at_ns, &rest[at], sizeof at_ns);
        at_ns += clock_shift_ns;
        std::memcpy(&rest[at], &at_ns, sizeof at_ns);
      }
    }
  }

  /// Moves what is in the map to `out`. No program counts in it meanwhile.
  Result<void> empty(const bpf_map* map) {
    const int descriptor = bpf_map__fd(map);
    LIBBPF_OPTS(bpf_map_batch_opts, options);
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

  std::int64_t take_lost() {
    const auto lost = __atomic_load_n(&programs->bss->lost, __ATOMIC_RELAXED);
    return static_cast<std::int64_t>(lost - std::exchange(lost_before, lost));
  }

  Result<void> start() {
    const auto clock_shift = kernel_clock_shift_ns(kBootClock);
    if (!clock_shift) {
      return clock_shift.error();
    }
    clock_shift_ns = *clock_shift;
    const auto root = open_cgroup_root();
    if (!root) {
      return root.error();
    }
    programs.reset(udp_flows_bpf__open_and_load());
    if (!programs) {
      return failed(errno, "loading");
    }
    closed.reset(ring_buffer__new(bpf_map__fd(programs->maps.closed), &State::take, this, nullptr));
    if (!closed) {
      return failed(errno, "making the buffer of");
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

UdpFlows::UdpFlows(std::unique_ptr<State> state) : state_{std::move(state)} {}
UdpFlows::UdpFlows(UdpFlows&& other) noexcept = default;
UdpFlows& UdpFlows::operator=(UdpFlows&& other) noexcept = default;
UdpFlows::~UdpFlows() = default;

Result<UdpFlows> UdpFlows::open() {
  if (const auto prepared = prepare_bpf(); !prepared) {
    return prepared.error();
  }
  auto state = std::make_unique<State>();
  if (const auto started = state->start(); !started) {
    return started.error();
  }
  return UdpFlows{std::move(state)};
}

Result<std::optional<capture::UdpFlows>> UdpFlows::drain() {
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

Result<capture::UdpFlows> UdpFlows::drain_all() {
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

bool UdpFlows::attached() const {
  return std::all_of(state_->links.begin(), state_->links.end(), [](const auto& link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    // A link that was detached from its cgroup still exists, with cgroup id 0.
    return bpf_obj_get_info_by_fd(bpf_link__fd(link.get()), &info, &size) != 0 ||
           info.cgroup.cgroup_id != 0;
  });
}

}  // namespace netlog::source
