// SPDX-License-Identifier: MIT
#include "platform/recording_file.hpp"

#include "platform/linux/unique_fd.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog::platform {
namespace {

constexpr mode_t kPrivate = 0600;  // a command line or a peer's address is private

/// Closing any descriptor of a file drops all fcntl() locks that the process holds on it, and
/// SQLite locks that way: so this lock is flock()'s, and the descriptor is to stay open until
/// SQLite has closed the file.
class HeldFile final : public RecordingFile {
 public:
  HeldFile(UniqueFd fd, bool created) : fd_{std::move(fd)}, created_{created} {}
  [[nodiscard]] bool created() const override { return created_; }

 private:
  UniqueFd fd_;
  bool created_;
};

std::filesystem::path environment_path(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::filesystem::path{} : std::filesystem::path{value};
}

}  // namespace

Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path) {
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
  const bool created = static_cast<bool>(fd);
  if (!created && errno == EEXIST) {
    fd.reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  if (!fd) {
    return fail_errno(errno, "open for writing");
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail_errno(errno, "lock");
  }
  return std::unique_ptr<RecordingFile>{std::make_unique<HeldFile>(std::move(fd), created)};
}

Result<void> create_private_file(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
  if (!fd) {
    return fail_errno(errno, "create");
  }
  return {};
}

Result<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  // A link is refused where the name is taken; a plain rename would replace what is there. Not
  // every file system has links.
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
  constexpr std::size_t kMost = std::size_t{64} << 10U;
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
  std::string text(kMost + 1, '\0');
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
  if (size > kMost) {
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
    return "/var/lib/netlog/netlog.db";
  }
  auto state = environment_path("XDG_STATE_HOME");
  if (state.empty()) {
    state = environment_path("HOME") / ".local" / "state";
  }
  return state / "netlog" / "netlog.db";
}

}  // namespace netlog::platform
