// SPDX-License-Identifier: MIT
#include "support/fault_vfs.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace netlog::test {
namespace {

using Bytes = std::vector<std::byte>;
using Random = std::mt19937_64;

constexpr std::size_t kSector = 512;

std::size_t below(Random& random, std::size_t end) {
  return std::uniform_int_distribution<std::size_t>{0, end - 1}(random);
}

bool one_in(Random& random, std::size_t n) {
  return below(random, n) == 0;
}

/// A write, or without bytes a truncation.
struct Change {
  std::size_t offset = 0;
  Bytes bytes;

  [[nodiscard]] bool truncates() const { return bytes.empty(); }
};

void put(Bytes& content, std::size_t offset, const std::byte* from, std::size_t size) {
  content.resize(std::max(content.size(), offset + size));
  std::copy(from, from + size, content.begin() + static_cast<std::ptrdiff_t>(offset));
}

void apply(Bytes& content, const Change& change) {
  if (change.truncates()) {
    content.resize(change.offset);
  } else {
    put(content, change.offset, change.bytes.data(), change.bytes.size());
  }
}

/// Some of a write's sectors.
void apply_torn(Bytes& content, const Change& change, Random& random) {
  for (std::size_t at = 0; at < change.bytes.size();) {
    const auto end = std::min(change.bytes.size(),
                              ((change.offset + at) / kSector + 1) * kSector - change.offset);
    if (one_in(random, 2)) {
      put(content, change.offset + at, change.bytes.data() + at, end - at);
    }
    at = end;
  }
}

struct Inode {
  Bytes durable;
  std::vector<Change> pending;
  bool syncs_directory = false;  ///< at its first sync

  void sync() {
    for (const auto& change : std::exchange(pending, {})) {
      apply(durable, change);
    }
  }

  [[nodiscard]] Bytes outcome(Random& random) const {
    auto content = durable;
    auto grown = durable.size();
    const auto way = below(random, 6);
    const auto first = way < 2 ? below(random, pending.size() + 1) : pending.size();
    const auto keep_one_in = 2 + below(random, 3);
    for (std::size_t i = 0; i < first; ++i) {
      const auto& change = pending[i];
      grown = std::max(grown, change.offset + change.bytes.size());
      switch (way) {
        case 0:  // the first so many
          apply(content, change);
          break;
        case 1:  // the same, and the last one torn
          i + 1 == first && !change.truncates() ? apply_torn(content, change, random)
                                                : apply(content, change);
          break;
        case 2:  // any of them
          if (one_in(random, keep_one_in)) {
            apply(content, change);
          }
          break;
        case 3:  // any sectors
          if (!change.truncates()) {
            apply_torn(content, change, random);
          } else if (one_in(random, 2)) {
            apply(content, change);
          }
          break;
        case 4:  // all
          apply(content, change);
          break;
        default:  // none
          break;
      }
    }
    if (content.size() < grown && one_in(random, 4)) {  // the new size, without what was written
      const bool zeros = one_in(random, 2);
      const auto from = content.size();
      content.resize(grown);
      for (auto i = from; i < grown && !zeros; ++i) {
        content[i] = static_cast<std::byte>(random());
      }
    }
    return content;
  }
};

using Name = std::string;
using Names = std::map<Name, std::shared_ptr<Inode>>;

/// The files of one directory.
class Disk {
 public:
  void add(const Name& name, Bytes content) {
    auto inode = std::make_shared<Inode>();
    inode->durable = std::move(content);
    names_[name] = inode;
    durable_[name] = inode;
  }

  std::shared_ptr<Inode> open(const Name& name, bool journal) {
    auto& inode = names_[name];
    if (!inode) {
      inode = std::make_shared<Inode>();
      pending_.emplace_back(name, inode);
    }
    inode->syncs_directory = inode->syncs_directory || journal;
    return inode;
  }
  void remove(const Name& name) {
    if (names_.erase(name) > 0) {
      pending_.emplace_back(name, nullptr);
    }
  }
  [[nodiscard]] bool has(const Name& name) const { return names_.contains(name); }
  void sync(Inode& inode) {
    inode.sync();
    if (std::exchange(inode.syncs_directory, false)) {
      sync_names();
    }
  }
  void sync_names() {
    for (const auto& [name, inode] : std::exchange(pending_, {})) {
      assign(durable_, name, inode);
    }
  }

  /// A copy that later changes do not reach.
  [[nodiscard]] Disk frozen() const {
    std::map<const Inode*, std::shared_ptr<Inode>> copies;
    const auto copy = [&](const std::shared_ptr<Inode>& inode) {
      if (!inode) {
        return inode;
      }
      auto& made = copies[inode.get()];
      if (!made) {
        made = std::make_shared<Inode>(*inode);
      }
      return made;
    };
    Disk disk;
    for (const auto& [name, inode] : durable_) {
      disk.durable_[name] = copy(inode);
    }
    for (const auto& [name, inode] : pending_) {
      disk.pending_.emplace_back(name, copy(inode));
    }
    return disk;
  }

  void restore(Random& random, const std::filesystem::path& directory) const {
    auto found = durable_;
    const auto way = below(random, 3);  // all, none, or each name as far as it came
    if (way > 0) {
      std::map<Name, bool> stopped;
      for (const auto& [name, inode] : pending_) {
        stopped[name] = stopped[name] || (way == 2 && one_in(random, 2));
        if (!stopped[name]) {
          assign(found, name, inode);
        }
      }
    }
    for (const auto& [name, inode] : found) {
      const auto content = inode->outcome(random);
      std::ofstream out{directory / path_from_utf8(name), std::ios::binary};
      out.write(reinterpret_cast<const char*>(content.data()),
                static_cast<std::streamsize>(content.size()));
    }
  }

 private:
  static void assign(Names& names, const Name& name, const std::shared_ptr<Inode>& inode) {
    if (inode) {
      names[name] = inode;
    } else {
      names.erase(name);
    }
  }

  Names names_;  ///< as programs see them
  Names durable_;
  std::vector<std::pair<Name, std::shared_ptr<Inode>>> pending_;
};

}  // namespace

class FaultVfs::Impl {
 public:
  Impl() : below_{sqlite3_vfs_find(nullptr)}, vfs_{*below_} {
    vfs_.pNext = nullptr;
    vfs_.zName = "fault";
    vfs_.pAppData = this;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
    vfs_.xOpen = open;
    vfs_.xDelete = remove;
    vfs_.xAccess = access;
    // The others get the wrong sqlite3_vfs, which they do not look at, or only for its pAppData.
    vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
      auto* const real = self(vfs).below_;
      return real->xFullPathname(real, name, size, out);
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(below_, 1);
  }

  void fail(Call call, int code, std::int64_t nth, std::int64_t times) {
    const std::lock_guard lock{mutex_};
    failing_ = call;
    code_ = code;
    from_ = counts_.at(static_cast<std::size_t>(call)) + nth;
    to_ = from_ + times;
    failed_ = 0;
  }
  void heal() {
    const std::lock_guard lock{mutex_};
    failing_.reset();
  }
  [[nodiscard]] std::int64_t failed() const {
    const std::lock_guard lock{mutex_};
    return failed_;
  }
  [[nodiscard]] std::int64_t calls(Call call) const {
    const std::lock_guard lock{mutex_};
    return counts_.at(static_cast<std::size_t>(call));
  }

  void watch(const std::filesystem::path& directory) {
    Disk disk;
    for (const auto& entry : std::filesystem::directory_iterator{directory}) {
      std::ifstream in{entry.path(), std::ios::binary};
      const std::string text{std::istreambuf_iterator<char>{in}, {}};
      const auto bytes = std::as_bytes(std::span{text});
      disk.add(utf8(entry.path().filename()), {bytes.begin(), bytes.end()});
    }
    const std::lock_guard lock{mutex_};
    directory_ = std::filesystem::absolute(directory);
    disk_ = std::move(disk);
    frozen_.reset();
    cut_in_ = 0;
  }
  void cut_after(std::int64_t step, std::function<void()> cut) {
    const std::lock_guard lock{mutex_};
    cut_in_ = step;
    at_cut_ = std::move(cut);
  }
  void cut() {
    const std::lock_guard lock{mutex_};
    freeze();
  }
  [[nodiscard]] bool was_cut() const {
    const std::lock_guard lock{mutex_};
    return frozen_.has_value();
  }
  void restore(Random& random, const std::filesystem::path& directory) const {
    const std::lock_guard lock{mutex_};
    frozen_.value().restore(random, directory);
  }

 private:
  /// What SQLite holds of an open file; the system's own part follows it in memory.
  struct File {
    sqlite3_file base;
    Impl* impl;
    std::shared_ptr<Inode>* inode;  ///< null: not in the directory that is watched

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };

  static Impl& self(sqlite3_vfs* vfs) { return *static_cast<Impl*>(vfs->pAppData); }
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static const sqlite3_io_methods& real(sqlite3_file* file) { return *of(file).real()->pMethods; }

  /// SQLITE_OK, or what this call is to fail with.
  int next(Call call) {
    const std::lock_guard lock{mutex_};
    const auto count = ++counts_.at(static_cast<std::size_t>(call));
    if (failing_ != call || count < from_ || count >= to_) {
      return SQLITE_OK;
    }
    ++failed_;
    return code_;
  }

  void freeze() {
    if (!frozen_) {
      frozen_ = disk_.frozen();
      if (at_cut_) {
        std::exchange(at_cut_, nullptr)();
      }
    }
  }
  void step() {
    if (cut_in_ > 0 && --cut_in_ == 0) {
      freeze();
    }
  }

  [[nodiscard]] std::optional<Name> watched(const char* name) const {
    if (name == nullptr || directory_.empty()) {
      return std::nullopt;
    }
    const auto path = path_from_utf8(name);
    if (path.parent_path() != directory_) {
      return std::nullopt;
    }
    return utf8(path.filename());
  }

  void changed(File& file, Change change) {
    if (file.inode == nullptr) {
      return;
    }
    const std::lock_guard lock{mutex_};
    (*file.inode)->pending.push_back(std::move(change));
    step();
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    auto& impl = self(vfs);
    auto* const made = new (file) File{{nullptr}, &impl, nullptr};
    if (const auto code = impl.next(Call::open); code != SQLITE_OK) {
      return code;
    }
    const auto code = impl.below_->xOpen(impl.below_, name, made->real(), flags, out);
    if (made->real()->pMethods != nullptr) {
      made->base.pMethods = methods();
    }
    if (code == SQLITE_OK) {
      const std::lock_guard lock{impl.mutex_};
      if (const auto watched = impl.watched(name)) {
        const bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0 &&
                             (flags & SQLITE_OPEN_CREATE) != 0;
        const bool is_new = !impl.disk_.has(*watched);
        made->inode = new std::shared_ptr<Inode>{impl.disk_.open(*watched, journal)};
        if (is_new) {
          impl.step();
        }
      }
    }
    return code;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    auto& impl = self(vfs);
    if (const auto code = impl.next(Call::remove); code != SQLITE_OK) {
      return code;
    }
    const auto code = impl.below_->xDelete(impl.below_, name, 0);
    const std::lock_guard lock{impl.mutex_};
    if (const auto watched = impl.watched(name); code == SQLITE_OK && watched) {
      impl.disk_.remove(*watched);
      impl.step();
      if (sync_directory != 0) {
        impl.disk_.sync_names();
      }
    }
    return code;
  }

  static int access(sqlite3_vfs* vfs, const char* name, int flags, int* result) {
    auto& impl = self(vfs);
    if (const auto code = impl.next(Call::access); code != SQLITE_OK) {
      return code;
    }
    return impl.below_->xAccess(impl.below_, name, flags, result);
  }

  static int close(sqlite3_file* file) {
    const auto code = real(file).xClose(of(file).real());
    delete of(file).inode;
    return code;
  }

  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 offset) {
    if (const auto code = of(file).impl->next(Call::read); code != SQLITE_OK) {
      return code;
    }
    return real(file).xRead(of(file).real(), to, size, offset);
  }

  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 offset) {
    auto& self = of(file);
    const auto failure = self.impl->next(Call::write);
    const auto written = failure == SQLITE_OK ? size : size / 2;
    const auto code = real(file).xWrite(self.real(), from, written, offset);
    if (code == SQLITE_OK && written > 0) {
      const auto* const bytes = static_cast<const std::byte*>(from);
      self.impl->changed(self, {static_cast<std::size_t>(offset), {bytes, bytes + written}});
    }
    return failure == SQLITE_OK ? code : failure;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    auto& self = of(file);
    if (const auto code = self.impl->next(Call::truncate); code != SQLITE_OK) {
      return code;
    }
    const auto code = real(file).xTruncate(self.real(), size);
    if (code == SQLITE_OK) {
      self.impl->changed(self, {static_cast<std::size_t>(size), {}});
    }
    return code;
  }

  static int sync(sqlite3_file* file, int /*flags*/) {
    auto& self = of(file);
    if (const auto code = self.impl->next(Call::sync); code != SQLITE_OK) {
      return code;
    }
    if (self.inode != nullptr) {
      const std::lock_guard lock{self.impl->mutex_};
      self.impl->step();
      self.impl->disk_.sync(**self.inode);
    }
    return SQLITE_OK;
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    if (const auto code = of(file).impl->next(Call::file_size); code != SQLITE_OK) {
      return code;
    }
    return real(file).xFileSize(of(file).real(), size);
  }

  static int lock(sqlite3_file* file, int level) {
    if (const auto code = of(file).impl->next(Call::lock); code != SQLITE_OK) {
      return code;
    }
    return real(file).xLock(of(file).real(), level);
  }

  static int shm_map(sqlite3_file* file, int region, int size, int extend, volatile void** out) {
    if (const auto code = of(file).impl->next(Call::shm_map); code != SQLITE_OK) {
      return code;
    }
    return real(file).xShmMap(of(file).real(), region, size, extend, out);
  }

  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    // A lock can be refused, but not given back in vain.
    if ((flags & SQLITE_SHM_LOCK) != 0) {
      if (const auto code = of(file).impl->next(Call::shm_lock); code != SQLITE_OK) {
        return code;
      }
    }
    return real(file).xShmLock(of(file).real(), offset, count, flags);
  }

  static const sqlite3_io_methods* methods() {
    static const auto kMethods = [] {
      sqlite3_io_methods made{};
      made.iVersion = 2;  // with shared memory, without memory mapping
      made.xClose = close;
      made.xRead = read;
      made.xWrite = write;
      made.xTruncate = truncate;
      made.xSync = sync;
      made.xFileSize = file_size;
      made.xLock = lock;
      made.xUnlock = [](sqlite3_file* file, int level) {
        return real(file).xUnlock(of(file).real(), level);
      };
      made.xCheckReservedLock = [](sqlite3_file* file, int* out) {
        return real(file).xCheckReservedLock(of(file).real(), out);
      };
      made.xFileControl = [](sqlite3_file* file, int operation, void* argument) {
        return real(file).xFileControl(of(file).real(), operation, argument);
      };
      made.xSectorSize = [](sqlite3_file* file) { return real(file).xSectorSize(of(file).real()); };
      made.xDeviceCharacteristics = [](sqlite3_file* file) {
        return real(file).xDeviceCharacteristics(of(file).real());
      };
      made.xShmMap = shm_map;
      made.xShmLock = shm_lock;
      made.xShmBarrier = [](sqlite3_file* file) { real(file).xShmBarrier(of(file).real()); };
      made.xShmUnmap = [](sqlite3_file* file, int remove_it) {
        return real(file).xShmUnmap(of(file).real(), remove_it);
      };
      return made;
    }();
    return &kMethods;
  }

  sqlite3_vfs* below_;
  sqlite3_vfs vfs_;
  mutable std::mutex mutex_;

  std::array<std::int64_t, kCalls> counts_{};
  std::optional<Call> failing_;
  int code_ = SQLITE_OK;
  std::int64_t from_ = 0;
  std::int64_t to_ = 0;
  std::int64_t failed_ = 0;

  std::filesystem::path directory_;
  Disk disk_;
  std::optional<Disk> frozen_;
  std::int64_t cut_in_ = 0;
  std::function<void()> at_cut_;
};

FaultVfs::FaultVfs() : impl_{std::make_unique<Impl>()} {}
FaultVfs::~FaultVfs() = default;

void FaultVfs::fail(Call call, int code, std::int64_t nth, std::int64_t times) {
  impl_->fail(call, code, nth, times);
}

void FaultVfs::heal() {
  impl_->heal();
}

std::int64_t FaultVfs::failed() const {
  return impl_->failed();
}

std::int64_t FaultVfs::calls(Call call) const {
  return impl_->calls(call);
}

void FaultVfs::watch(const std::filesystem::path& directory) {
  impl_->watch(directory);
}

void FaultVfs::cut_after(std::int64_t step, std::function<void()> cut) {
  impl_->cut_after(step, std::move(cut));
}

void FaultVfs::cut() {
  impl_->cut();
}

bool FaultVfs::was_cut() const {
  return impl_->was_cut();
}

void FaultVfs::restore(std::mt19937_64& random, const std::filesystem::path& directory) const {
  impl_->restore(random, directory);
}

}  // namespace netlog::test
