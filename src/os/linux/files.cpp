// SPDX-License-Identifier: MIT
#include "os/files.hpp"

#include "os/file_trust.hpp"
#include "os/linux/unique_fd.hpp"
#include "os/side_files.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace netlog::os {
namespace {

constexpr mode_t kPrivate = 0600;  // a command line or a peer's address is private
constexpr mode_t kShared = 0640;

constexpr rlim_t kMaxDescriptors = 1 << 16;

constexpr const char* kSystemDirectory = "/var/lib/netlog";

/// Changes the rights of the file of a descriptor, which may be one of O_PATH. First the group
/// loses access, so that the old group never has the new rights.
Result<void> share_with(const UniqueFd& fd, mode_t mode, const Readers& readers) {
  // fchmod() refuses a descriptor of O_PATH; this link leads to the same file.
  const auto link = fmt::format("/proc/self/fd/{}", fd.get());
  if (::chmod(link.c_str(), mode & 0700) != 0) {
    return fail_errno(errno, "set its rights");
  }
  if (::fchownat(fd.get(), "", static_cast<uid_t>(-1), readers.group, AT_EMPTY_PATH) != 0) {
    return fail_errno(errno, "change its group");
  }
  if (::chmod(link.c_str(), mode) != 0) {
    return fail_errno(errno, "set its rights");
  }
  return {};
}

/// Shares what SQLite keeps beside the recording. Closing an ordinary descriptor would drop
/// SQLite's locks on the file; closing one of O_PATH does not.
Result<void> share_side_file(const std::filesystem::path& path, const Readers& readers) {
  const UniqueFd fd{::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW)};
  if (!fd) {
    return errno == ENOENT ? Result<void>{} : fail_errno(errno, "open " + path.string());
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid() ||
      info.st_nlink > 1) {
    return fail(errc::untrusted, path.string());
  }
  return share_with(fd, kShared, readers);
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

bool is_sticky(const std::filesystem::path& folder) {
  struct stat info {};
  return ::stat(folder.empty() ? "." : folder.c_str(), &info) == 0 && (info.st_mode & S_ISVTX) != 0;
}

/// Renames what somebody else has put where SQLite keeps files of root's recording: a pipe, a link,
/// a file of that user. SQLite would believe it.
/// @returns where these files are now
std::vector<std::filesystem::path> set_foreign_files_aside(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> aside;
  for (const auto* const suffix : kSideFiles) {
    const auto name = with_suffix(path, suffix);
    struct stat info {};
    if (::geteuid() != 0 || ::lstat(name.c_str(), &info) != 0 ||
        (info.st_uid == 0 && S_ISREG(info.st_mode))) {
      continue;
    }
    if (auto unused = set_aside(name, ".foreign")) {  // else it is an objection
      aside.push_back(std::move(*unused));
    }
  }
  return aside;
}

/// Makes what SQLite keeps beside a recording private. In a sticky folder others may create these
/// files before SQLite does, so they are created here: empty ones, which SQLite takes for none.
Result<void> close_side_files(const std::filesystem::path& path) {
  const bool create = is_sticky(path.parent_path());
  for (const auto* const suffix : kSideFiles) {
    const auto name = with_suffix(path, suffix);
    if (create) {
      const UniqueFd fresh{::open(name.c_str(), O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, kPrivate)};
      if (!fresh && errno != EEXIST) {
        return fail_errno(errno, "create " + name.string());
      }
    }
    const UniqueFd side{::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat info {};
    if (!side) {
      if (errno == ENOENT) {
        continue;
      }
      return fail_errno(errno, "open " + name.string());
    }
    if (::fstat(side.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
        (info.st_uid != ::geteuid() && info.st_uid != 0)) {
      return fail(errc::untrusted, name.string());
    }
    if (auto closed = make_private(side); !closed) {
      return closed.error();
    }
  }
  return {};
}

/// A reader that asks whether a recorder is there holds a lock for a moment.
Result<void> lock(const UniqueFd& fd) {
  constexpr int kTries = 10;
  constexpr std::chrono::milliseconds kPause{20};
  for (int i = 1; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK || i == kTries) {
      return fail_errno(errno, "lock");
    }
    std::this_thread::sleep_for(kPause);
  }
  return {};
}

/// Locks by flock(). SQLite uses fcntl() locks, and closing any descriptor of a file drops all
/// fcntl() locks of the process on it. So the descriptor must stay open until SQLite has closed the
/// file.
class HeldFile final : public RecordingFile {
 public:
  HeldFile(UniqueFd fd,
           std::filesystem::path path,
           bool created,
           std::vector<std::filesystem::path> aside)
      : fd_{std::move(fd)}, path_{std::move(path)}, created_{created}, aside_{std::move(aside)} {}
  [[nodiscard]] bool created() const override { return created_; }
  [[nodiscard]] std::vector<std::filesystem::path> set_aside() const override { return aside_; }
  [[nodiscard]] Result<std::vector<std::filesystem::path>> secure_side_files() override {
    auto aside = set_foreign_files_aside(path_);
    if (auto why = distrust(path_, FileUse::write)) {
      return fail(errc::untrusted, std::move(*why));
    }
    if (auto closed = close_side_files(path_); !closed) {
      return closed.error();
    }
    return aside;
  }
  [[nodiscard]] bool in_place() const override {
    struct stat held {};
    struct stat named {};
    // A link to the file that was moved is no file to record into.
    if (::fstat(fd_.get(), &held) != 0 || ::lstat(path_.c_str(), &named) != 0) {
      // Where its place may not be looked at, it is somewhere else only if it can be seen there.
      return errno != ENOENT && errno != ENOTDIR && !moved_to();
    }
    return held.st_dev == named.st_dev && held.st_ino == named.st_ino;
  }
  [[nodiscard]] bool is_deleted() const override {
    struct stat held {};
    return ::fstat(fd_.get(), &held) == 0 && held.st_nlink == 0;
  }
  [[nodiscard]] std::optional<std::filesystem::path> moved_to() const override {
    struct stat held {};
    if (::fstat(fd_.get(), &held) != 0 || held.st_nlink == 0) {
      return std::nullopt;
    }
    const FileId id{held.st_dev, held.st_ino};
    std::error_code error;
    const auto now =
        std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd_.get()), error);
    if (!error && identify(now) == id) {
      return now;
    }
    // Another link of a file that was deleted.
    std::filesystem::directory_iterator entries{
        std::filesystem::absolute(path_, error).parent_path(), error};
    for (; !error && entries != std::filesystem::directory_iterator{}; entries.increment(error)) {
      if (entries->is_regular_file(error) && !entries->is_symlink(error) &&
          identify(entries->path()) == id) {
        return entries->path();
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] Result<void> grant_group_read(const Readers& readers) override {
    if (auto opened = share_with(fd_, kShared, readers); !opened) {
      return opened;
    }
    // SQLite creates later side files with the rights and the group of the file.
    for (const auto* const suffix : kWalFiles) {
      if (auto opened = share_side_file(with_suffix(path_, suffix), readers); !opened) {
        return opened;
      }
    }
    if (path_.parent_path() != kSystemDirectory) {
      return {};
    }
    constexpr mode_t kSharedDirectory = 0750;
    const UniqueFd directory{
        ::open(kSystemDirectory, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
    return directory ? share_with(directory, kSharedDirectory, readers)
                     : fail_errno(errno, std::string{"open "} + kSystemDirectory);
  }

 private:
  UniqueFd fd_;
  std::filesystem::path path_;
  bool created_;
  std::vector<std::filesystem::path> aside_;
};

std::filesystem::path environment_path(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::filesystem::path{} : std::filesystem::path{value};
}

/// $HOME, else what the user database says; empty if neither is an absolute path.
std::filesystem::path home_directory() {
  auto home = environment_path("HOME");
  if (home.is_absolute()) {
    return home;
  }
  std::vector<char> buffer(std::size_t{64} * 1024);
  ::passwd entry{};
  ::passwd* found = nullptr;
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  home = found == nullptr || found->pw_dir == nullptr ? "" : found->pw_dir;
  return home.is_absolute() ? home : std::filesystem::path{};
}

}  // namespace

std::optional<FileId> identify(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? std::optional{FileId{info.st_dev, info.st_ino}}
                                          : std::nullopt;
}

/// Not by /proc/self/fd: a process that was given capabilities may not read that.
bool has_open(const FileId& file) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto end = static_cast<int>(std::min(limit.rlim_cur, kMaxDescriptors));
  for (int fd = 0; fd < end; ++fd) {
    struct stat info {};
    if (::fstat(fd, &info) == 0 && FileId{info.st_dev, info.st_ino} == file) {
      return true;
    }
  }
  return false;
}

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
  if (auto why = distrust_folder(path)) {
    return fail(errc::untrusted, std::move(*why));
  }
  if (auto refused = refuse_name_of_side_file(path); !refused) {
    return refused.error();
  }
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
  const auto refused = [&](Error error) {
    if (created) {
      ::unlink(path.c_str());
    }
    return error;
  };
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return refused(fail_errno(EINVAL, "record into what is no regular file"));
  }
  auto aside = set_foreign_files_aside(path);
  if (auto why = distrust(path, FileUse::write)) {
    return refused(fail(errc::untrusted, std::move(*why)));
  }
  if (auto locked = lock(fd); !locked) {
    return locked.error();
  }
  if (!may_be_recording(fd, info)) {  // SQLite reports the error
    return std::unique_ptr<RecordingFile>{
        std::make_unique<HeldFile>(std::move(fd), path, created, std::move(aside))};
  }
  if (auto closed = make_private(fd); !closed) {
    return closed.error();
  }
  if (auto closed = close_side_files(path); !closed) {
    return refused(closed.error());
  }
  return std::unique_ptr<RecordingFile>{
      std::make_unique<HeldFile>(std::move(fd), path, created, std::move(aside))};
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  return std::filesystem::absolute(path);
}

bool is_on_network(const std::filesystem::path& path) {
  struct statfs about {};
  const auto folder = path.parent_path().empty() ? std::filesystem::path{"."} : path.parent_path();
  return ::statfs(folder.c_str(), &about) == 0 && is_network_file_system(about.f_type);
}

bool is_being_recorded(const std::filesystem::path& path) {
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::uintmax_t stored_bytes(const std::filesystem::path& path) {
  constexpr std::uintmax_t kBlock = 512;  // inode(7)
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0
             ? std::min(static_cast<std::uintmax_t>(info.st_size),
                        static_cast<std::uintmax_t>(info.st_blocks) * kBlock)
             : 0;
}

Result<std::uint64_t> current_size(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? Result<std::uint64_t>{fail_errno(error.value(), "ask for its size")}
               : Result<std::uint64_t>{size};
}

std::optional<std::int64_t> file_size_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(limit.rlim_cur);
}

bool may_open_more_files() {
  constexpr std::size_t kEnough = 16;
  std::vector<UniqueFd> opened;
  while (opened.size() < kEnough) {
    opened.emplace_back(::open("/", O_PATH | O_CLOEXEC));
    if (!opened.back()) {
      return errno != EMFILE && errno != ENFILE;
    }
  }
  return true;
}

Result<void> create_private_file(const std::filesystem::path& path) {
  if (auto why = distrust_folder(path)) {
    return fail(errc::untrusted, std::move(*why));
  }
  if (auto refused = refuse_name_of_side_file(path); !refused) {
    return refused;
  }
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
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fail_errno(
        EACCES,
        fmt::format("it belongs to user {}, who may know and change it; use a file of your own",
                    status.st_uid));
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
  // A relative path is not valid (XDG Base Directory Specification).
  auto state = environment_path("XDG_STATE_HOME");
  if (!state.is_absolute()) {
    const auto home = home_directory();
    if (home.empty()) {
      return {};
    }
    state = home / ".local" / "state";
  }
  return state / "netlog" / "netlog.db";
}

}  // namespace netlog::os
