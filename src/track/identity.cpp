// SPDX-License-Identifier: MIT
#include "track/identity.hpp"

namespace netlog::track {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * kOdd;
  return hash ^ (hash >> 32U);
}

}  // namespace

std::size_t IdentityHash::operator()(const Identity& identity) const {
  auto hash = mix(mix(0, identity.netns), identity.incarnation);
  if (identity.tuple.local.port != 0 || identity.tuple.remote.port != 0) {
    hash = mix(mix(hash, hash_value(identity.tuple.local)), hash_value(identity.tuple.remote));
  }
  return static_cast<std::size_t>(hash);
}

std::size_t ProcessIdHash::operator()(const ProcessId& process) const {
  return static_cast<std::size_t>(mix(mix(0, process.pid), process.start));
}

}  // namespace netlog::track
