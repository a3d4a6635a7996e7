// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

namespace netlog::report {

/// One end of a TCP connection. Times are by the clock of its own recording, UTC ns.
struct RecordedEnd {
  std::int64_t id = 0;
  std::string local;
  std::string remote;
  std::string local_address;
  std::string remote_address;
  std::string direction;
  std::string outcome;
  bool never_connected = false;  ///< a connect that failed, or that still waits
  Cell process;
  Cell remote_name;  ///< NULL: not known
  std::optional<std::int64_t> opened_ns;
  std::int64_t open_error_ns = 0;
  std::int64_t first_seen_ns = 0;
  std::optional<std::int64_t> closed_ns;
  std::int64_t close_error_ns = 0;
  std::optional<std::int64_t> bytes_sent;
  std::optional<std::int64_t> bytes_received;
  std::optional<std::int64_t> rtt_ns;
  std::optional<std::size_t> other;  ///< index of the other end in the other recording

  /// The earliest time at which it may have been opened.
  [[nodiscard]] std::int64_t earliest_open_ns() const;
  /// The latest time at which it was open; far in the future while it is.
  [[nodiscard]] std::int64_t latest_close_ns() const;
  /// When it was opened or first seen.
  [[nodiscard]] std::int64_t began_ns() const { return opened_ns.value_or(first_seen_ns); }
  /// It was already in TIME_WAIT when the recorder started.
  [[nodiscard]] bool is_leftover() const { return !opened_ns && !closed_ns && outcome != "open"; }
};

/// What `netlog join` reads of one recording.
struct RecordedEnds {
  std::vector<RecordedEnd> ends;  ///< by the time at which they were first seen
  std::string host;
  std::string boot_id;
  std::int64_t interval_ns = 0;
  bool polled = false;  ///< neither traced nor with notices: short connections may be missing
  std::vector<std::array<std::int64_t, 2>> gaps;
  Completeness completeness;
  std::unordered_set<std::string> addresses;  ///< the host's own
};

/// @throws StoreError from the reader.
RecordedEnds read_ends(store::Reader& reader);

/// Whether both recordings were made on one host without a restart between them.
bool same_host(const RecordedEnds& a, const RecordedEnds& b);

}  // namespace netlog::report
