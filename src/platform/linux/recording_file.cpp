// SPDX-License-Identifier: MIT
#include "platform/recording_file.hpp"

#include "platform/linux/unique_fd.hpp"

#include <cerrno>
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
  return std::unique_ptr<RecordingFile>{std::make_unique<HeldFile>(std::move(fd), path, created)};
}

Result<void> create_private_file(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
  if (!fd) {
    return fail_errno(errno, "create");
  }
  return {};
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
