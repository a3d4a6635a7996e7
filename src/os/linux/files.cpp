// SPDX-License-Identifier: MIT
#include "os/files.hpp"

#include "os/linux/unique_fd.hpp"
#include "util/text.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

namespace netlog::os {
namespace {

constexpr mode_t kPrivate = 0600;  // a command line or a peer's address is private
constexpr mode_t kShared = 0640;

constexpr const char* kSystemDirectory = "/var/lib/netlog";

/// Changes rights by name, because closing a descriptor would drop SQLite's locks. First the group
/// loses access, so that the old group never has the new rights.
Result<void> share_with(const std::filesystem::path& path, mode_t mode, const Readers& readers) {
  const auto owner_only = mode & 0700;
  const auto refused = [&](const char* doing) {
    return fail_errno(errno, fmt::format("{} {}", doing, path.string()));
  };
  if (::chmod(path.c_str(), owner_only) != 0) {
    return refused("set the rights of");
  }
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), readers.group) != 0) {
    return refused("change the group of");
  }
  if (::chmod(path.c_str(), mode) != 0) {
    return refused("set the rights of");
  }
  return {};
}

/// Empty, or an SQLite database (sqlite.org/fileformat.html, 1.3) with our application_id.
bool may_be_recording(const UniqueFd& fd, const struct stat& info) {
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  constexpr std::string_view kOurs{"nlog"};
  constexpr std::size_t kApplicationIdAt = 68;
  std::array<char, kApplicationIdAt + kOurs.size()> header{};
  const std::string_view text{header.data(), header.size()};
  return info.st_size == 0 || (::pread(fd.get(), header.data(), header.size(), 0) ==
                                   static_cast<ssize_t>(header.size()) &&
                               text.starts_with(kMagic) && text.ends_with(kOurs));
}

Result<void> make_private(const UniqueFd& fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 ||
      ((info.st_mode & 0077) != 0 && ::fchmod(fd.get(), kPrivate) != 0)) {
    return fail_errno(errno, "make it private");
  }
  return {};
}

/// Locks by flock(). SQLite uses fcntl() locks, and closing any descriptor of a file drops all
/// fcntl() locks of the process on it. So the descriptor must stay open until SQLite has closed the
/// file.
class HeldFile final : public RecordingFile {
 public:
  HeldFile(UniqueFd fd, std::filesystem::path path, bool created)
      : fd_{std::move(fd)}, path_{std::move(path)}, created_{created} {}
  [[nodiscard]] bool created() const override { return created_; }
  [[nodiscard]] bool in_place() const override {
    struct stat held {};
    struct stat named {};
    if (::fstat(fd_.get(), &held) != 0 || ::stat(path_.c_str(), &named) != 0) {
      return errno != ENOENT && errno != ENOTDIR;
    }
    return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
  }
  [[nodiscard]] Result<void> grant_group_read(const Readers& readers) override {
    for (const auto* const suffix : {"", "-wal", "-shm"}) {
      // SQLite creates later side files with the rights and the group of the file.
      const auto path = with_suffix(path_, suffix);
      if (::access(path.c_str(), F_OK) != 0) {
        continue;
      }
      if (auto opened = share_with(path, kShared, readers); !opened) {
        return opened;
      }
    }
    constexpr mode_t kSharedDirectory = 0750;
    return path_.parent_path() == kSystemDirectory
               ? share_with(kSystemDirectory, kSharedDirectory, readers)
               : Result<void>{};
  }

 private:
  UniqueFd fd_;
  std::filesystem::path path_;
  bool created_;
};

std::filesystem::path environment_path(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::filesystem::path{} : std::filesystem::path{value};
}

}  // namespace

Result<Readers> find_readers(const std::string& group) {
  std::vector<char> buffer(std::size_t{64} * 1024);
  ::group entry{};
  ::group* found = nullptr;
  ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) {
    return Readers{found->gr_gid};
  }
  if (const auto number = parse_number<std::uint32_t>(group);
      number && *number != static_cast<std::uint32_t>(-1)) {
    return Readers{*number};
  }
  return fail_errno(EINVAL, "no such group");
}

Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path) {
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
  const bool created = static_cast<bool>(fd);
  if (!created && errno == EEXIST) {
    fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd && errno == ELOOP) {
      return fail_errno(ELOOP, "follow a symbolic link, name the file that it leads to");
    }
  }
  if (!fd) {
    return fail_errno(errno, "open for writing");
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno(errno, "lock");
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return fail_errno(EINVAL, "record into what is no regular file");
  }
  if (!may_be_recording(fd, info)) {  // SQLite reports the error
    return std::unique_ptr<RecordingFile>{std::make_unique<HeldFile>(std::move(fd), path, created)};
  }
  if (auto closed = make_private(fd); !closed) {
    return closed.error();
  }
  for (const auto* const suffix : {"-wal", "-shm"}) {
    const UniqueFd side{
        ::open(with_suffix(path, suffix).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    if (side) {
      if (auto closed = make_private(side); !closed) {
        return closed.error();
      }
    }
  }
  return std::unique_ptr<RecordingFile>{std::make_unique<HeldFile>(std::move(fd), path, created)};
}

Result<void> create_private_file(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
  if (!fd) {
    return fail_errno(errno, "create");
  }
  return {};
}

Result<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  // link() fails if the new name is in use; rename() would replace that file. Not every file system
  // has links.
  const bool linked = ::link(from.c_str(), to.c_str()) == 0;
  if (!linked &&
      (errno == EEXIST ||
       ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0)) {
    return fail_errno(errno, "rename");
  }
  if (linked && ::unlink(from.c_str()) != 0) {
    return fail_errno(errno, "remove its first name");
  }
  const auto directory = to.has_parent_path() ? to.parent_path() : std::filesystem::path{"."};
  const UniqueFd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!fd || ::fsync(fd.get()) != 0) {
    return fail_errno(errno, "sync its directory");
  }
  return {};
}

Result<std::optional<std::string>> read_private_file(const std::filesystem::path& path) {
  constexpr mode_t kOthers = 0077;
  constexpr std::size_t kMax = std::size_t{64} << 10U;
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!fd) {
    return errno == ENOENT ? Result<std::optional<std::string>>{std::nullopt}
                           : fail_errno(errno, "open");
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, "look at");
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(errc::malformed, "not a regular file");
  }
  if ((status.st_mode & kOthers) != 0) {
    return fail_errno(EACCES, "others than its owner may use it, chmod it to 600");
  }
  std::string text(kMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno != EINTR) {
      return fail_errno(errno, "read");
    }
    if (got == 0) {
      break;
    }
    size += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  if (size > kMax) {
    return fail(errc::too_large, "longer than 64 KiB");
  }
  text.resize(size);
  return std::optional{std::move(text)};
}

Result<void> create_private_directories(const std::filesystem::path& path) {
  constexpr mode_t kPrivateDirectory = 0700;
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) {
    return {};
  }
  if (path.has_relative_path()) {
    if (auto made = create_private_directories(path.parent_path()); !made) {
      return made;
    }
  }
  if (::mkdir(path.c_str(), kPrivateDirectory) != 0 && errno != EEXIST) {
    return fail_errno(errno, "create");
  }
  return {};
}

std::filesystem::path default_recording_path() {
  if (auto named = environment_path("NETLOG_DB"); !named.empty()) {
    return named;
  }
  if (::geteuid() == 0) {
    return std::filesystem::path{kSystemDirectory} / "netlog.db";
  }
  auto state = environment_path("XDG_STATE_HOME");
  if (state.empty()) {
    state = environment_path("HOME") / ".local" / "state";
  }
  return state / "netlog" / "netlog.db";
}

}  // namespace netlog::os
