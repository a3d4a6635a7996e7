// SPDX-License-Identifier: MIT
#include "source/linux/held_sockets.hpp"

#include "os/linux/unique_fd.hpp"
#include "source/linux/bpf/prepare.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <held_sockets_bpf.skel.h>
#include <unistd.h>

namespace netlog::source {

struct HeldSockets::State {
  struct Destroy {
    void operator()(held_sockets_bpf* made) const { held_sockets_bpf__destroy(made); }
    void operator()(bpf_link* made) const { bpf_link__destroy(made); }
  };
  std::unique_ptr<held_sockets_bpf, Destroy> programs;
  std::unique_ptr<bpf_link, Destroy> link;
};

HeldSockets::HeldSockets(std::unique_ptr<State> state) : state_{std::move(state)} {}
HeldSockets::HeldSockets(HeldSockets&& other) noexcept = default;
HeldSockets& HeldSockets::operator=(HeldSockets&& other) noexcept = default;
HeldSockets::~HeldSockets() = default;

Result<HeldSockets> HeldSockets::open() {
  if (const auto prepared = prepare_bpf(); !prepared) {
    return prepared.error();
  }
  auto state = std::make_unique<State>();
  state->programs.reset(held_sockets_bpf__open_and_load());
  if (!state->programs) {
    return fail_errno(errno, "loading the list of held sockets");
  }
  state->link.reset(bpf_program__attach_iter(state->programs->progs.netlog_held, nullptr));
  if (!state->link) {
    return fail_errno(errno, "attaching the list of held sockets");
  }
  return HeldSockets{std::move(state)};
}

Result<std::vector<HeldSocket>> HeldSockets::list() const {
  const os::UniqueFd listing{bpf_iter_create(bpf_link__fd(state_->link.get()))};
  if (!listing) {
    return fail_errno(errno, "list of held sockets");
  }
  std::vector<HeldSocket> held;
  std::array<HeldSocket, 4096> part{};
  std::size_t kept = 0;  // bytes of an incomplete entry at the end of a read
  for (;;) {
    auto* const bytes = reinterpret_cast<char*>(part.data());
    const auto got = ::read(listing.get(), bytes + kept, sizeof part - kept);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (got < 0) {
      return fail_errno(errno, "list of held sockets");
    }
    if (got == 0) {
      return held;
    }
    const auto size = kept + static_cast<std::size_t>(got);
    const auto whole = size / sizeof(HeldSocket);
    held.insert(held.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(whole));
    kept = size % sizeof(HeldSocket);
    std::memmove(bytes, bytes + size - kept, kept);
  }
}

}  // namespace netlog::source
