// SPDX-License-Identifier: MIT
#pragma once

#include "store/write/writer.hpp"
#include "support/connection_event.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace netlog::test {

/// What one session of a recorder writes: invented connections. Its events are numbered from 1, and
/// the time of an event is its number, so a recording shows which of them it contains. The same
/// seed and session make the same items.
class Load {
 public:
  Load(std::uint64_t seed, std::int64_t session);

  [[nodiscard]] Session session() const;
  /// The items of one batch, in which about `opens` connections begin.
  std::vector<store::Item> batch(std::size_t opens);
  /// How many events were in the batches so far.
  [[nodiscard]] std::int64_t events() const { return events_; }
  /// Later than all that was in them.
  [[nodiscard]] std::int64_t now_ns() const;

 private:
  ConnectionEvent next(EventKind kind, Connection& connection, std::optional<TcpState> to);

  std::mt19937_64 random_;
  std::int64_t began_ns_;
  std::int64_t events_ = 0;
  ConnectionId connections_ = 0;
  std::map<ConnectionId, Connection> open_;
};

/// What a recording holds of each session's load.
struct Held {
  std::map<std::int64_t, std::int64_t> events;  ///< by session, from the first one on
  std::string fault;  ///< the first: an event that is missing in between, or is there twice
};

/// Reads a recording by plain SQL.
/// @throws SQLite::Exception
Held held(const std::filesystem::path& path);

/// What is wrong with a recording by SQLite's checks and ours, in one line; empty: nothing.
std::string violations(const std::filesystem::path& path);

}  // namespace netlog::test
