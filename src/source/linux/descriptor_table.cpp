// SPDX-License-Identifier: MIT
#include "source/linux/descriptor_table.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxLikely = 64;  // likely descriptors read for one query
constexpr int kMaxMisses = 2;           // numbers tried above the highest
// Directories of other processes that stay open.
constexpr std::size_t kMaxOpen = 400;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

template <typename Use>
void for_each_number(int directory_fd, Use&& use) {
  const int copy = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const Directory directory{copy < 0 ? nullptr : ::fdopendir(copy)};
  if (!directory) {
    return;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread uses this stream
  while (const auto* const entry = ::readdir(directory.get())) {
    if (const auto number = parse_number<std::uint32_t>(std::string_view{entry->d_name})) {
      use(*number);
    }
  }
}

/// The inode in a link text such as `socket:[4711]`; nothing for other files.
std::optional<std::uint64_t> socket_inode(std::string_view link) {
  constexpr std::string_view kPrefix = "socket:[";
  if (!link.starts_with(kPrefix) || link.back() != ']') {
    return std::nullopt;
  }
  link.remove_prefix(kPrefix.size());
  link.remove_suffix(1);
  return parse_number<std::uint64_t>(link);
}

}  // namespace

std::vector<std::uint32_t> all_pids() {
  std::vector<std::uint32_t> pids;
  const os::UniqueFd proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for_each_number(proc.get(), [&](std::uint32_t pid) { pids.push_back(pid); });
  std::sort(pids.begin(), pids.end());
  return pids;
}

bool DescriptorTable::read(Descriptor at, const OnSocket& on_socket) {
  const auto process = processes_.find(at.pid);
  return process != processes_.end() && read_link(at.pid, process->second, at.number, on_socket);
}

void DescriptorTable::read_likely(std::uint32_t pid,
                                  const OnSocket& on_socket,
                                  const std::function<bool()>& found) {
  auto& process = processes_[pid];
  if (!open(pid, process)) {
    return;
  }
  std::vector<int> likely{process.likely.begin(), process.likely.end()};
  likely.resize(std::min(likely.size(), kMaxLikely));
  for (const int number : likely) {
    read_link(pid, process, number, on_socket);
    if (found()) {
      return;
    }
  }
  for (int misses = 0; misses < kMaxMisses && !found();) {
    misses += read_link(pid, process, process.highest + 1 + misses, on_socket) ? 0 : 1;
  }
}

void DescriptorTable::read_all(std::uint32_t pid, const OnSocket& on_socket) {
  auto& process = processes_[pid];
  if (!open(pid, process)) {
    return;
  }
  std::vector<int> numbers;
  for_each_number(process.directory.get(),
                  [&](std::uint32_t number) { numbers.push_back(static_cast<int>(number)); });
  process.likely.clear();
  process.highest = -1;
  bool has_new = false;
  const OnSocket note_new = [&](std::uint64_t inode, Descriptor at) {
    const bool is_new = on_socket(inode, at);
    has_new = has_new || is_new;
    return is_new;
  };
  for (const int number : numbers) {
    process.highest = std::max(process.highest, number);
    if (!process.answered.contains(number)) {
      read_link(pid, process, number, note_new);
    }
  }
  // A process without sockets of interest costs no descriptor. open() opens it again.
  if (process.answered.empty() && (!has_new || processes_.size() > kMaxOpen)) {
    process.directory.reset();
  }
}

bool DescriptorTable::note(Descriptor at) {
  auto& process = processes_[at.pid];
  process.highest = std::max(process.highest, at.number);
  return !process.answered.contains(at.number);
}

void DescriptorTable::mark_answered(Descriptor at) {
  if (const auto process = processes_.find(at.pid); process != processes_.end()) {
    process->second.answered.insert(at.number);
    process->second.likely.erase(at.number);
  }
}

void DescriptorTable::mark_released(Descriptor at) {
  if (const auto process = processes_.find(at.pid); process != processes_.end()) {
    process->second.answered.erase(at.number);
    process->second.likely.insert(at.number);
  }
}

void DescriptorTable::drop_vanished(const std::vector<std::uint32_t>& alive) {
  opened_ = 0;
  std::erase_if(processes_, [&](const auto& entry) {
    return !std::binary_search(alive.begin(), alive.end(), entry.first);
  });
}

bool DescriptorTable::open(std::uint32_t pid, Process& process) {
  if (process.directory && ::faccessat(process.directory.get(), ".", F_OK, 0) == 0) {
    return true;
  }
  process = Process{};
  process.directory.reset(
      ::open(("/proc/" + std::to_string(pid) + "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ++opened_;
  if (!process.directory) {
    refused_ = refused_ || errno == EACCES;
  }
  return static_cast<bool>(process.directory);
}

/// A descriptor stays likely until its socket is answered: it may have been opened after the tables
/// were read, and may lead to another socket by the next query.
bool DescriptorTable::read_link(std::uint32_t pid,
                                Process& process,
                                int number,
                                const OnSocket& on_socket) {
  std::array<char, 16> name{};
  *std::to_chars(name.data(), name.data() + name.size() - 1, number).ptr = '\0';
  std::array<char, 64> link{};
  ++links_read_;
  const auto length = ::readlinkat(process.directory.get(), name.data(), link.data(), link.size());
  process.likely.insert(number);
  if (length <= 0) {
    refused_ = refused_ || errno == EACCES;
    return false;
  }
  process.highest = std::max(process.highest, number);
  if (const auto inode = socket_inode({link.data(), static_cast<std::size_t>(length)})) {
    on_socket(*inode, {pid, number});
  } else {
    process.likely.erase(number);  // read_all() finds a later socket of this number
  }
  return true;
}

}  // namespace netlog::source
