// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"

#include <cstddef>
#include <cstdint>

namespace netlog::track {

/// Identifies a socket from one input to the next. Where the incarnation is unique by itself the
/// tuple stays empty, so that a socket is found after its addresses have changed.
struct Identity {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;
  FiveTuple tuple;

  bool operator==(const Identity&) const = default;
};

/// @param incarnation_is_unique as in Snapshot
inline Identity identity_of(const SocketRow& row, std::uint64_t netns, bool incarnation_is_unique) {
  return {netns, row.incarnation, incarnation_is_unique ? FiveTuple{} : row.tuple};
}

/// A key for indexes by tuple, whatever the incarnation.
inline Identity tuple_key(std::uint64_t netns, const FiveTuple& tuple) {
  return {netns, 0, tuple};
}

struct IdentityHash {
  std::size_t operator()(const Identity& identity) const;
};

struct ProcessIdHash {
  std::size_t operator()(const ProcessId& process) const;
};

}  // namespace netlog::track
