// SPDX-License-Identifier: MIT
#include "os/linux/capabilities.hpp"

#include <array>
#include <cerrno>
#include <optional>

#include <linux/capability.h>
#include <sys/syscall.h>

#include <unistd.h>

namespace netlog::os {
namespace {

constexpr std::size_t kWords = _LINUX_CAPABILITY_U32S_3;
using Sets = std::array<__user_cap_data_struct, kWords>;

__user_cap_header_struct header() {
  return {_LINUX_CAPABILITY_VERSION_3, 0};
}

std::optional<Sets> read_sets() {
  auto of_us = header();
  Sets sets{};
  return ::syscall(SYS_capget, &of_us, sets.data()) == 0 ? std::optional{sets} : std::nullopt;
}

}  // namespace

std::uint64_t capabilities() {
  const auto sets = read_sets();
  return sets ? (std::uint64_t{(*sets)[1].effective} << 32U) | (*sets)[0].effective : 0;
}

void set_effective_capabilities(std::uint64_t which) {
  auto sets = read_sets();
  if (!sets) {
    return;
  }
  for (std::size_t i = 0; i < kWords; ++i) {
    auto& word = sets->at(i);
    word.effective = word.permitted & static_cast<std::uint32_t>(which >> (32 * i));
  }
  auto of_us = header();
  ::syscall(SYS_capset, &of_us, sets->data());
}

Result<void> keep_capabilities(std::uint64_t which) {
  auto sets = read_sets();
  if (!sets) {
    return fail_errno(errno, "read the capabilities");
  }
  for (std::size_t i = 0; i < kWords; ++i) {
    auto& word = sets->at(i);
    word.permitted &= static_cast<std::uint32_t>(which >> (32 * i));
    word.effective &= word.permitted;
    word.inheritable = 0;
  }
  auto of_us = header();
  if (::syscall(SYS_capset, &of_us, sets->data()) != 0) {
    return fail_errno(errno, "drop capabilities");
  }
  return {};
}

void drop_capabilities(std::uint64_t which) {
  auto sets = read_sets();
  if (!sets) {
    return;
  }
  for (std::size_t i = 0; i < kWords; ++i) {
    const auto keep = static_cast<std::uint32_t>(~(which >> (32 * i)));
    auto& word = sets->at(i);
    word.effective &= keep;
    word.permitted &= keep;
    word.inheritable &= keep;
  }
  auto of_us = header();
  ::syscall(SYS_capset, &of_us, sets->data());
}

}  // namespace netlog::os
