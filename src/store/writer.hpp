// SPDX-License-Identifier: MIT
#pragma once

#include "base/error.hpp"
#include "model/event.hpp"
#include "model/recording.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <variant>
#include <vector>

namespace netlog::store {

/// The recording cannot be written or read: what we were doing, which file, SQLite's message and
/// extended code. One line.
class StoreError : public CommandFailed {
 public:
  using CommandFailed::CommandFailed;
};

/// A process has ended somewhere in the moment.
struct ProcessEnded {
  ProcessId id;
  Moment at;
};

/// Members of a connection that change without an event (bytes, RTT, last seen); written over what
/// is stored.
struct Refresh {
  Connection connection;
};

/// One thing to write. Order matters only so far: a process before the connections it owns, `open`
/// or `present` of a connection before anything else about it, a clock step between the events that
/// the old clock stamped and those of the new one.
using Item = std::variant<Event,
                          Refresh,
                          Process,
                          ProcessEnded,
                          ServiceName,
                          Gap,
                          ClockStep,
                          Counters,
                          Coverage,
                          Heartbeat>;

struct WriterOptions {
  std::size_t flush_items = 5'000;
  std::chrono::milliseconds flush_after{250};
  std::size_t queue_items = 500'000;  ///< a fuller queue blocks push()
};

struct WriterTotals {
  std::int64_t events = 0;      ///< committed
  std::int64_t file_bytes = 0;  ///< database and its WAL, at the last commit
};

/// One session being recorded: a thread that owns the database connection. Batches are one
/// transaction each.
class Writer {
 public:
  /// Opens or creates the recording, migrates it, ends what a killed recorder left open (with a
  /// gap), starts a session.
  /// @throws StoreError: not a database, not netlog's, a newer schema, not writable.
  Writer(const std::filesystem::path& path, const Session& session, WriterOptions options = {});
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Without finish(): what is queued is still written, errors are lost.
  ~Writer();

  /// Queues items. Blocks while the queue is full, and returns how long it blocked.
  /// @throws StoreError what stopped the thread, if something has.
  std::chrono::nanoseconds push(std::vector<Item> items);

  /// Writes everything queued, ends the session at `ended_ns`, checkpoints and closes. Rethrows
  /// what stopped the thread.
  void finish(std::int64_t ended_ns);

  [[nodiscard]] WriterTotals totals() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace netlog::store
