// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>

namespace netlog::test {

/// What SQLite asks of the system (sqlite3_vfs and sqlite3_io_methods, sqlite.org/c3ref/vfs.html).
enum class Call {
  open,
  remove,
  access,
  read,
  write,
  truncate,
  sync,
  file_size,
  lock,
  shm_map,
  shm_lock,
};
constexpr int kCalls = static_cast<int>(Call::shm_lock) + 1;

/// A layer over the system's VFS, the default one of this process for as long as it lives; it must
/// outlive every database. It makes calls fail, and knows what a power cut could leave of the files
/// of one directory. Nothing is really synced: only the model says what is durable.
///
/// The model. A write, truncation or new size is durable when its file has been synced since; a
/// name that was made or removed is durable when its directory has been: SQLite does that at the
/// first sync of a new journal or WAL and at a removal that asks for it. Of what is not durable any
/// part may be found after a cut, in any order: whole calls, the first so many, single sectors of
/// 512 bytes; each name for itself; where a file had grown and the content is missing, zeros or
/// anything. A sector is written whole or not at all, and its neighbours stay as they are
/// (SQLITE_IOCAP_POWERSAFE_OVERWRITE, which the system's VFS promises too). What the `-shm` held is
/// lost.
class FaultVfs {
 public:
  FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs();

  /// Makes calls of a kind fail with an SQLite result code: the `nth` call from now (1: the next),
  /// and `times` calls in all. A failing write writes the first half of its bytes. Only one kind
  /// fails at a time, that of the last call.
  void fail(Call call, int code, std::int64_t nth = 1, std::int64_t times = 1);
  void heal();
  /// How many calls have failed since fail().
  [[nodiscard]] std::int64_t failed() const;
  /// Calls of a kind since the beginning.
  [[nodiscard]] std::int64_t calls(Call call) const;

  /// From now on keeps what happens to the files of a directory; what is there now is durable.
  void watch(const std::filesystem::path& directory);
  /// Cuts the power in the middle of the `step`th change, sync, or change of a name from now.
  /// `cut` is called at that moment, on the thread that writes; it may not use SQLite. What happens
  /// afterwards changes nothing of what restore() finds.
  void cut_after(std::int64_t step, std::function<void()> cut);
  /// Cuts the power now, unless it was cut before.
  void cut();
  [[nodiscard]] bool was_cut() const;
  /// Makes one of the outcomes that the cut allows in an empty directory.
  void restore(std::mt19937_64& random, const std::filesystem::path& directory) const;

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace netlog::test
