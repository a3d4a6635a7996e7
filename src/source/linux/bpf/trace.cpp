// SPDX-License-Identifier: MIT
#include "source/linux/trace.hpp"

#include "source/linux/bpf/cgroup_root.hpp"
#include "source/linux/bpf/prepare.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <trace_bpf.skel.h>
#include <unistd.h>

namespace netlog::source {
namespace {

/// A set of programs that are loaded and attached together.
struct Variant {
  std::string_view hook;
  std::span<const std::string_view> programs;
};

constexpr std::array<std::string_view, 3> kCgroupPrograms{
    "netlog_follow", "netlog_create", "netlog_release"};
constexpr std::array<std::string_view, 2> kTracepointPrograms{"netlog_changes", "netlog_destroy"};
// Offsets in an event (docs/capture-format.md).
constexpr std::size_t kTimeAt = 0;
constexpr std::size_t kBegunAt = 8;
constexpr std::size_t kParentStartAt = 24;
constexpr std::size_t kProcessStartAt = 48;
constexpr std::size_t kKindAt = 94;
constexpr std::byte kLastCloser{2};

constexpr Variant kSockOps{"sock_ops", kCgroupPrograms};
constexpr Variant kTracepoints{"tp_btf", kTracepointPrograms};

/// The programs of both variants, and the tracepoint without which the kernel lacks one.
struct Common {
  std::string_view program;
  const char* tracepoint;
  const char* in_place_of;  ///< left out where the kernel has this tracepoint
};
constexpr std::array<Common, 6> kCommonPrograms{{
    {"netlog_send", "sock_send_length", nullptr},
    {"netlog_receive", "sock_recv_length", nullptr},
    {"netlog_read", "tcp_rcv_space_adjust", "sock_recv_length"},
    {"netlog_error", "inet_sk_error_report", nullptr},
    {"netlog_exec", "sched_process_exec", nullptr},
    {"netlog_exit", "sched_process_exit", nullptr},
}};

/// The kernel's types. They are five megabytes: they are read once for all questions, and not kept.
class KernelTypes {
 public:
  KernelTypes() : types_{btf__load_vmlinux_btf()} {}

  [[nodiscard]] bool has_tracepoint(const char* name) const {
    const auto type = std::string{"btf_trace_"} + name;
    return types_ && btf__find_by_name_kind(types_.get(), type.c_str(), BTF_KIND_TYPEDEF) > 0;
  }

 private:
  struct Free {
    void operator()(btf* types) const { btf__free(types); }
  };
  std::unique_ptr<btf, Free> types_;
};

/// The programs that both variants load on this kernel.
std::vector<std::string_view> common_programs() {
  const KernelTypes kernel;
  std::vector<std::string_view> found;
  for (const auto& common : kCommonPrograms) {
    if (kernel.has_tracepoint(common.tracepoint) &&
        (common.in_place_of == nullptr || !kernel.has_tracepoint(common.in_place_of))) {
      found.push_back(common.program);
    }
  }
  return found;
}

/// Adds to a number of eight bytes, unless it is 0.
void shift(std::span<std::byte> number, std::int64_t by_ns) {
  std::uint64_t at_ns = 0;
  std::memcpy(&at_ns, number.data(), sizeof at_ns);
  if (at_ns != 0) {
    at_ns += static_cast<std::uint64_t>(by_ns);
    std::memcpy(number.data(), &at_ns, sizeof at_ns);
  }
}

Error failed(int error, std::string_view step, const Variant& variant) {
  return fail_errno(error, fmt::format("{} the {} programs", step, variant.hook));
}

}  // namespace

struct Trace::State {
  struct Destroy {
    void operator()(trace_bpf* made) const { trace_bpf__destroy(made); }
    void operator()(bpf_link* made) const { bpf_link__destroy(made); }
    void operator()(ring_buffer* made) const { ring_buffer__free(made); }
  };

  std::string_view hook;
  std::unique_ptr<trace_bpf, Destroy> programs;
  std::vector<std::unique_ptr<bpf_link, Destroy>> links;
  std::vector<int> tracepoint_programs;  ///< program descriptors, to read their missed calls
  std::unique_ptr<ring_buffer, Destroy> ring;
  std::vector<std::byte>* out = nullptr;
  std::vector<ProcessReport> processes;
  std::int64_t clock_shift_ns = 0;  ///< from the kernel's boot clock to ours
  std::uint64_t lost_before = 0;

  static int take(void* context, void* bytes, std::size_t size) {
    auto& state = *static_cast<State*>(context);
    const std::span given{static_cast<const std::byte*>(bytes), size};
    if (size != kEventSize) {
      if (auto report = read_process_report(given, state.clock_shift_ns)) {
        state.processes.push_back(std::move(*report));
      }
      return 0;
    }
    auto& out = *state.out;
    out.insert(out.end(), given.begin(), given.end());
    if (state.clock_shift_ns != 0) {
      const auto event = std::span{out}.last(kEventSize);
      for (const std::size_t at : {kTimeAt, kBegunAt, kProcessStartAt}) {
        shift(event.subspan(at, sizeof(std::uint64_t)), state.clock_shift_ns);
      }
      if (event[kKindAt] == kLastCloser) {
        shift(event.subspan(kParentStartAt, sizeof(std::uint64_t)), state.clock_shift_ns);
      }
    }
    return 0;
  }

  Result<void> start(const Variant& variant,
                     std::span<const std::string_view> common,
                     std::size_t buffer_bytes,
                     int ignored_pid) {
    hook = variant.hook;
    const auto clock_shift = kernel_clock_shift_ns(kBootClock);
    if (!clock_shift) {
      return clock_shift.error();
    }
    clock_shift_ns = *clock_shift;
    os::UniqueFd root;
    if (variant.hook == kSockOps.hook) {
      auto opened = open_cgroup_root();
      if (!opened) {
        return opened.error();
      }
      root = std::move(*opened);
    }
    programs.reset(trace_bpf__open());
    if (!programs) {
      return failed(errno, "opening", variant);
    }
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, programs->obj) {
      bpf_program__set_autoload(program,
                                is_one_of(variant.programs, program) || is_one_of(common, program));
    }
    programs->rodata->ignored_pid = ignored_pid;
    bpf_map__set_max_entries(programs->maps.events, static_cast<std::uint32_t>(buffer_bytes));
    if (const int error = trace_bpf__load(programs.get()); error != 0) {
      return failed(-error, "loading", variant);
    }
    ring.reset(ring_buffer__new(bpf_map__fd(programs->maps.events), &State::take, this, nullptr));
    if (!ring) {
      return failed(errno, "making the buffer of", variant);
    }
    return attach(variant, root);
  }

  Result<void> attach(const Variant& variant, const os::UniqueFd& root) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, programs->obj) {
      if (!bpf_program__autoload(program)) {
        continue;
      }
      const bool is_at_cgroup = root && is_one_of(variant.programs, program);
      links.emplace_back(is_at_cgroup ? bpf_program__attach_cgroup(program, root.get())
                                      : bpf_program__attach(program));
      if (!links.back()) {
        return failed(errno, "attaching", variant);
      }
      if (!is_at_cgroup) {
        tracepoint_programs.push_back(bpf_program__fd(program));
      }
    }
    return {};
  }

  static bool is_one_of(std::span<const std::string_view> names, const bpf_program* program) {
    return std::find(names.begin(), names.end(), bpf_program__name(program)) != names.end();
  }

  [[nodiscard]] std::uint64_t lost() const {
    // The programs increment it concurrently.
    std::uint64_t total = __atomic_load_n(&programs->bss->lost, __ATOMIC_RELAXED);
    for (const int program : tracepoint_programs) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      if (bpf_obj_get_info_by_fd(program, &info, &size) == 0) {
        total += info.recursion_misses;
      }
    }
    return total;
  }
};

Trace::Trace(std::unique_ptr<State> state) : state_{std::move(state)} {}
Trace::Trace(Trace&& other) noexcept = default;
Trace& Trace::operator=(Trace&& other) noexcept = default;
Trace::~Trace() = default;

Result<Trace> Trace::open(std::size_t buffer_bytes, int ignored_pid) {
  if (const auto prepared = prepare_bpf(); !prepared) {
    return prepared.error();
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto size = std::bit_ceil(std::max(buffer_bytes, page));
  const auto common = common_programs();
  auto state = std::make_unique<State>();
  const auto best = state->start(kSockOps, common, size, ignored_pid);
  if (best) {
    return Trace{std::move(state)};
  }
  state = std::make_unique<State>();
  const auto second = state->start(kTracepoints, common, size, ignored_pid);
  if (second) {
    return Trace{std::move(state)};
  }
  return Error{second.error().code, best.error().message() + "; " + second.error().context};
}

std::string_view Trace::hook() const {
  return state_->hook;
}

std::uint64_t Trace::drain(std::vector<std::byte>& out) {
  state_->out = &out;
  ring_buffer__consume(state_->ring.get());
  // The sum never decreases, even if a program's count cannot be read this time.
  const auto lost = std::max(state_->lost(), state_->lost_before);
  return lost - std::exchange(state_->lost_before, lost);
}

std::vector<ProcessReport> Trace::take_processes() {
  return std::exchange(state_->processes, {});
}

void Trace::follow(std::uint32_t pid) {
  // `struct known_process`: its start is not known. What the programs know of it stays.
  const std::array<std::uint32_t, 4> known{};
  bpf_map_update_elem(
      bpf_map__fd(state_->programs->maps.known_processes), &pid, known.data(), BPF_NOEXIST);
}

bool Trace::attached() const {
  return std::all_of(state_->links.begin(), state_->links.end(), [](const auto& link) {
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    // A link that was detached from its cgroup still exists, with cgroup id 0.
    return bpf_obj_get_info_by_fd(bpf_link__fd(link.get()), &info, &size) != 0 ||
           info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.cgroup_id != 0;
  });
}

}  // namespace netlog::source
