// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "report/filter.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netlog::test {

/// One connection of a generated recording, as the recording should show it.
struct RecordedLife {
  std::int64_t id = 0;
  Protocol protocol = Protocol::tcp;
  Direction direction = Direction::unknown;
  Endpoint local;
  Endpoint remote;          ///< all zero for a listener
  std::string remote_name;  ///< empty: none; one remote address has one name
  std::optional<std::uint32_t> pid;
  UnknownOwner owner_reason = UnknownOwner::not_yet;  ///< meaningful without a pid
  std::int64_t began_ns = 0;                          ///< when it was opened or first seen
  bool opened = false;                                ///< the opening itself was seen
  std::int64_t open_error_ns = 0;
  std::optional<std::int64_t> closed_ns;  ///< absent: still open at the end
  Outcome outcome = Outcome::open;
  std::optional<std::uint32_t> syns;
  std::optional<std::int64_t> bytes_sent;
  std::optional<std::int64_t> bytes_received;
  /// The TCP states with the time of entry, in order; none for UDP.
  std::vector<std::pair<std::int64_t, TcpState>> states;

  [[nodiscard]] std::optional<std::int64_t> duration_ns() const;
  [[nodiscard]] bool failed() const;
  /// `192.0.2.1:443`, `[2001:db8::1]:443`, `192.0.2.1 to port 80` for what came in.
  [[nodiscard]] std::string peer() const;
  /// The remote end as reports show it: the name, if it has one, else the address, and the port.
  [[nodiscard]] std::string remote_text() const;
  /// The time at which the state that was entered as number `i` was left; absent: still in it.
  [[nodiscard]] std::optional<std::int64_t> left_ns(std::size_t i) const;
};

constexpr std::int64_t kHistoryBeginNs = 1'000 * std::int64_t{1'000'000'000};
constexpr std::int64_t kHistoryEndNs = 4'000 * std::int64_t{1'000'000'000};

/// About 300 connections of five processes between kHistoryBeginNs and kHistoryEndNs. The same seed
/// gives the same connections.
std::vector<RecordedLife> random_history(unsigned seed);

/// Writes them, in the order of time, in batches of several sizes.
void record_history(const std::filesystem::path& path, const std::vector<RecordedLife>& lives);

/// The name of process `pid` in the recording: p10, p11, …
std::string process_name(std::uint32_t pid);

/// Those that the filter selects, found by looking at each one.
std::vector<RecordedLife> selected(const std::vector<RecordedLife>& lives,
                                   const report::Filter& filter);

}  // namespace netlog::test
