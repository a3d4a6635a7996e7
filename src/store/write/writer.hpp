// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"
#include "util/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
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

/// A connection that an earlier session had left open is there still: it goes on as it was.
struct Resumed {
  ConnectionId id = 0;
};

/// All connections there are, when the file may not know them: what it has and is not among them
/// ended after `since_ns`.
struct Resync {
  std::int64_t since_ns = 0;
  std::int64_t at_ns = 0;
  std::vector<Connection> connections;
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
                          Heartbeat,
                          Resumed,
                          Resync>;

/// What the session before this one, of the same boot, had open when it ended.
struct LeftOpen {
  std::int64_t alive_ns = 0;            ///< its last sign of life
  std::int64_t interval_ns = 0;         ///< between two of its looks
  std::vector<Connection> connections;  ///< numbered from 1
};

/// What a batch survives once it is committed.
enum class Synchronous : std::uint8_t {
  every_batch,  ///< a power cut (PRAGMA synchronous = FULL)
  checkpoints   ///< the recorder's end; a power cut may take all since the last checkpoint (NORMAL)
};

struct WriterOptions {
  std::size_t flush_items = 100'000;
  std::chrono::milliseconds flush_after{250};
  std::chrono::milliseconds retry_after{1'000};  ///< after a batch that could not be written
  std::size_t queue_items = 100'000;  ///< a fuller queue blocks push(); in an outage it is dropped
  Synchronous synchronous = Synchronous::every_batch;
  std::int64_t max_bytes = 0;          ///< of the file and its WAL; 0: no limit
  std::chrono::nanoseconds max_age{};  ///< of what has ended; 0: no limit
  /// One line for the user, once an outage: it began, or it is over. Called on the writer's thread.
  std::function<void(const std::string&)> tell{};
  /// Whether the path still names the file that was opened, and how to take the path again when it
  /// does not; without them nobody looks.
  std::function<bool()> in_place{};
  std::function<Result<void>()> reopen{};
};

struct WriterTotals {
  std::int64_t events = 0;      ///< committed
  std::int64_t file_bytes = 0;  ///< database and its WAL, at the last commit
};

/// What became of a push.
struct Pushed {
  std::chrono::nanoseconds blocked{};
  std::vector<Item> dropped;  ///< of this push or an earlier one: the file will never have it
  std::string why;     ///< a short fixed phrase, as a gap's reason; meaningful with `dropped`
  std::string detail;  ///< one line
  bool wants_census = false;  ///< something was dropped: nothing is taken until a Resync comes
};

/// One session being recorded: a thread that owns the database connection. Batches are one
/// transaction each. What cannot be written now (a full or failing disk, a file system that became
/// read-only, another writer) is kept and tried again, as far as the queue holds it.
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

  [[nodiscard]] const LeftOpen& left_open() const;

  /// Queues items. Blocks while the queue is full, but not in an outage.
  /// @throws StoreError what stopped the thread, if something has.
  Pushed push(std::vector<Item> items);

  /// Writes everything queued, ends the session at `ended_ns`, checkpoints and closes.
  /// @throws StoreError what stopped the thread, or what cannot be written now.
  void finish(std::int64_t ended_ns);

  [[nodiscard]] WriterTotals totals() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace netlog::store
