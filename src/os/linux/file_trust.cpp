// SPDX-License-Identifier: MIT
#include "os/file_trust.hpp"

#include "os/linux/unique_fd.hpp"
#include "os/side_files.hpp"
#include "util/text.hpp"

#include <array>
#include <deque>
#include <string_view>

#include <fmt/format.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog::os {
namespace {

constexpr mode_t kOthersMayWrite = 0022;
constexpr std::string_view kAdvice =
    "run netlog as that user, or use a folder where only root may write, such as /var/lib/netlog";

bool is_root() {
  return ::geteuid() == 0;
}

bool is_trusted_owner(uid_t owner) {
  return owner == 0 || owner == ::geteuid();
}

/// Why root must not rely on a name in this folder.
std::optional<std::string> distrust_directory(const std::filesystem::path& path,
                                              const struct stat& info) {
  if (!is_trusted_owner(info.st_uid)) {
    return fmt::format("its folder {} belongs to user {}, who could replace it; {}",
                       utf8(path),
                       info.st_uid,
                       kAdvice);
  }
  if ((info.st_mode & kOthersMayWrite) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return fmt::format(
        "others than root may write in its folder {} and could replace it; chmod go-w that folder, "
        "or use another, such as /var/lib/netlog",
        utf8(path));
  }
  return std::nullopt;
}

std::optional<std::string> distrust_link(const std::filesystem::path& path,
                                         const struct stat& info) {
  if (is_trusted_owner(info.st_uid)) {
    return std::nullopt;
  }
  return fmt::format("the link {} on its path belongs to user {}, who could turn it; {}",
                     utf8(path),
                     info.st_uid,
                     kAdvice);
}

/// Where one part of a path leads from here.
std::filesystem::path step(const std::filesystem::path& from, const std::filesystem::path& part) {
  if (part == "..") {
    return from.parent_path();
  }
  return part == "." || part.empty() || part == "/" ? from : from / part;
}

/// Walks the path from the root, as the kernel does, and looks at each folder and link.
std::optional<std::string> distrust_path(const std::filesystem::path& folder) {
  constexpr int kMaxLinks = 40;  // path_resolution(7)
  int links = 0;
  std::deque<std::filesystem::path> left;
  std::filesystem::path at;
  const auto follow = [&](const std::filesystem::path& path) {
    if (path.is_absolute()) {
      at = "/";
    }
    left.insert(left.begin(), path.begin(), path.end());
  };
  std::error_code error;
  follow(std::filesystem::absolute(folder, error));
  while (!error && !left.empty()) {
    const auto part = left.front();
    left.pop_front();
    at = step(at, part);
    struct stat info {};
    if (::lstat(at.c_str(), &info) != 0) {
      return std::nullopt;  // opening it fails, too
    }
    if (S_ISLNK(info.st_mode)) {
      if (auto why = distrust_link(at, info)) {
        return why;
      }
      if (++links > kMaxLinks) {
        return std::nullopt;
      }
      const auto target = std::filesystem::read_symlink(at, error);
      at = at.parent_path();
      follow(target);
    } else if (S_ISDIR(info.st_mode)) {
      if (auto why = distrust_directory(at, info)) {
        return why;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> distrust_file(const struct stat& info, FileUse use) {
  if (!is_trusted_owner(info.st_uid) && (is_root() || use == FileUse::write)) {
    return fmt::format("it belongs to user {}; {}",
                       info.st_uid,
                       is_root() ? kAdvice : "name a file of your own with --db");
  }
  if (is_root() && (info.st_mode & kOthersMayWrite) != 0) {
    return "others than root may write it; look at it, then chmod it to 600";
  }
  if (use == FileUse::write && info.st_nlink > 1) {
    return fmt::format(
        "it has {} names, and SQLite keeps files beside one only; remove the others "
        "or copy it",
        info.st_nlink);
  }
  return std::nullopt;
}

/// Whether a journal ends with the name of a super-journal (sqlite.org/fileformat.html, 2.4).
/// SQLite deletes that file after a rollback. netlog writes to one file at a time and never makes
/// one.
bool names_super_journal(const std::filesystem::path& path) {
  constexpr std::string_view kMagic{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"};
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  struct stat info {};
  std::array<char, kMagic.size()> end{};
  return fd && ::fstat(fd.get(), &info) == 0 && info.st_size >= 16 &&
         ::pread(fd.get(), end.data(), end.size(), info.st_size - 8) == 8 &&
         std::string_view{end.data(), end.size()} == kMagic;
}

std::optional<std::string> distrust_side_file(const std::filesystem::path& path,
                                              const char* suffix,
                                              std::optional<uid_t> owner_of_recording) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return std::nullopt;
  }
  const auto found = [&](std::string_view what) {
    return fmt::format("what stands beside it as {} {}", suffix, what);
  };
  if (!S_ISREG(info.st_mode)) {
    return found("is not a regular file");
  }
  if (!is_trusted_owner(info.st_uid) && (is_root() || owner_of_recording != info.st_uid)) {
    return found(fmt::format(
        "belongs to user {}, not to its owner; look at that file, then delete it", info.st_uid));
  }
  if (is_root() && (info.st_mode & kOthersMayWrite) != 0) {
    return found("may be written by others than root; look at that file, then delete it");
  }
  if (info.st_nlink > 1) {
    return found("is another file, too: it has more than one name; remove that name");
  }
  if (std::string_view{suffix} == "-journal" && names_super_journal(path)) {
    return found(
        "names another file, which SQLite would delete; netlog makes no such journal: look at it, "
        "then delete it");
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> distrust_folder(const std::filesystem::path& file) {
  if (!is_root()) {
    return std::nullopt;
  }
  const auto folder = file.parent_path();
  return distrust_path(folder.empty() ? std::filesystem::path{"."} : folder);
}

std::optional<std::string> distrust(const std::filesystem::path& recording, FileUse use) {
  if (auto why = distrust_folder(recording)) {
    return why;
  }
  std::optional<uid_t> owner;
  struct stat info {};
  if (::lstat(recording.c_str(), &info) == 0) {
    owner = info.st_uid;
    if (auto why = distrust_file(info, use)) {
      return why;
    }
  }
  for (const auto* const suffix : kSideFiles) {
    if (auto why = distrust_side_file(with_suffix(recording, suffix), suffix, owner)) {
      return why;
    }
  }
  return std::nullopt;
}

}  // namespace netlog::os
