// SPDX-License-Identifier: MIT
#include "source/linux/namespaces.hpp"

#include "source/linux/procfs.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace netlog::source {
namespace {

std::uint64_t inode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

void add(std::uint32_t pid, Namespaces& found) {
  if (const auto netns = inode_of(fmt::format("/proc/{}/ns/net", pid)); netns != 0) {
    found.emplace(netns, pid);
  }
}

// False for the id of a thread: threads have directories in /proc, too.
bool is_process(std::uint32_t pid) {
  constexpr std::size_t kMax = 16'384;
  const auto bytes = read_file(fmt::format("/proc/{}/status", pid), kMax);
  return bytes && as_text(*bytes).find(fmt::format("\nTgid:\t{}\n", pid)) != std::string_view::npos;
}

}  // namespace

NamespaceSearch::NamespaceSearch() : loadavg_{::open("/proc/loadavg", O_RDONLY | O_CLOEXEC)} {}

// proc(5): the last field of /proc/loadavg is the newest pid.
std::optional<std::uint32_t> NamespaceSearch::newest_pid() const {
  std::array<char, 256> bytes{};
  const auto got = ::pread(loadavg_.get(), bytes.data(), bytes.size(), 0);
  const auto line = trim({bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))});
  return parse_number<std::uint32_t>(line.substr(line.rfind(' ') + 1));
}

std::uint64_t own_network_namespace() {
  return inode_of("/proc/thread-self/ns/net");
}

Namespaces NamespaceSearch::all() {
  newest_pid_ = newest_pid();
  Namespaces found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry{"/proc", error}, end; !error && entry != end;
       entry.increment(error)) {
    if (const auto pid = parse_number<std::uint32_t>(entry->path().filename().native())) {
      add(*pid, found);
    }
  }
  return found;
}

Namespaces NamespaceSearch::newcomers() {
  constexpr std::uint32_t kMany = 1000;  // more than this: reading all of /proc is as fast
  const auto newest = newest_pid();
  if (!newest || !newest_pid_ || *newest < *newest_pid_ || *newest - *newest_pid_ > kMany) {
    return all();
  }
  Namespaces found;
  for (auto pid = *newest_pid_ + 1; pid <= *newest; ++pid) {
    if (is_process(pid)) {
      add(pid, found);
    }
  }
  newest_pid_ = newest;
  return found;
}

std::set<std::uint64_t> pinned_namespaces() {
  constexpr std::size_t kMax = std::size_t{16} << 20U;
  constexpr std::string_view kRoot = "net:[";
  std::set<std::uint64_t> pinned;
  const auto bytes = read_file("/proc/thread-self/mountinfo", kMax);
  if (!bytes) {
    return pinned;
  }
  for (const auto line : split(as_text(*bytes), '\n')) {
    // proc(5): the fourth field is the root of the mount.
    const auto fields = words(line);
    if (fields.size() > 3 && fields[3].starts_with(kRoot) && fields[3].ends_with("]")) {
      auto number = fields[3].substr(kRoot.size());
      number.remove_suffix(1);
      if (const auto netns = parse_number<std::uint64_t>(number)) {
        pinned.insert(*netns);
      }
    }
  }
  return pinned;
}

Result<void> within_namespace(std::uint64_t netns,
                              std::uint32_t pid,
                              const std::function<void()>& work) {
  const auto path = fmt::format("/proc/{}/ns/net", pid);
  const os::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    return fail_errno(errno, path);
  }
  if (info.st_ino != netns) {
    return fail_errno(ESRCH, path);
  }
  int refused = 0;
  try {
    std::thread{[&] {
      if (::setns(fd.get(), CLONE_NEWNET) != 0) {
        refused = errno;
      } else {
        work();
      }
    }}.join();
  } catch (const std::system_error& no_thread) {
    return fail(no_thread.code(), fmt::format("entering network namespace {}", netns));
  }
  if (refused != 0) {
    return fail_errno(refused, fmt::format("entering network namespace {}", netns));
  }
  return {};
}

}  // namespace netlog::source
