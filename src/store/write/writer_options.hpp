// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace netlog::store {

/// What a committed batch survives.
enum class Synchronous : std::uint8_t {
  every_batch,  ///< a power cut (PRAGMA synchronous = FULL)
  checkpoints   ///< the end of the process; a power cut may lose all batches since the last
                ///< checkpoint (PRAGMA synchronous = NORMAL)
};

/// Which ended connections get a row.
enum class Detail : std::uint8_t {
  whole,   ///< each
  thinned  ///< some; the others are part of the sums, and a gap counts them
};

/// How much of the past a recording keeps.
struct RetentionLimits {
  std::int64_t max_bytes = 0;          ///< of the file and its WAL; 0: no limit
  std::chrono::nanoseconds max_age{};  ///< of closed connections; 0: no limit
};

struct WriterOptions {
  std::size_t flush_items = 50'000;              ///< of one transaction at most
  std::chrono::milliseconds flush_after{250};    ///< a batch waits so long for more items
  std::chrono::milliseconds retry_after{1'000};  ///< after a batch that could not be written
  std::size_t queue_items = 50'000;  ///< a full queue blocks push(); in an outage it is dropped
  std::size_t thin_from_items = 0;   ///< detail of a batch of so many is thinned; 0: never
  Synchronous synchronous = Synchronous::every_batch;
  RetentionLimits limits{};
  /// One line for the user when an outage begins and when it ends. Called on the writer thread.
  std::function<void(const std::string&)> on_message{};
  // Others may rename, delete or replace the file. Called on the writer thread.

  /// Whether the path still names the file that is held. Absent: this is never checked.
  std::function<bool()> in_place{};
  /// SQLite has opened the file and its side files.
  std::function<void()> opened{};
  /// Whether the side files that SQLite has open still have their names. Absent: never checked.
  std::function<bool()> side_files_in_place{};
  /// Makes sure that nobody else has put files where SQLite opens side files next. SQLite has none
  /// of them open.
  std::function<Result<void>()> secure_side_files{};
  /// Moves the side files to where the file has gone, or removes them if it is gone. SQLite may
  /// have all of them open. @returns where the file is now
  std::function<std::optional<std::filesystem::path>()> follow{};
  /// SQLite has closed the file that was moved. `is_whole`: it needs no side files any more.
  std::function<void(bool is_whole)> retired{};
  /// Holds a file at the path again; the one before stays held. Absent: a damaged file stops the
  /// writer.
  std::function<Result<void>()> reopen{};
  /// SQLite has closed the file that was held before reopen().
  std::function<void()> let_go{};
  /// Removes the file that reopen() has made, if nothing is in it.
  std::function<void()> discard{};
};

}  // namespace netlog::store
