// SPDX-License-Identifier: MIT
#include "platform/linux/owner_search.hpp"

#include "base/text.hpp"
#include "platform/linux/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

namespace netlog::platform {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostFreed = 64;  // freed descriptors tried for one socket
constexpr int kBeyond = 2;              // numbers tried above the highest
constexpr auto kFullScanEvery = 1s;
constexpr std::size_t kMostSeen = 200'000;
// Descriptors of ours kept open on other processes' lists.
constexpr std::size_t kMostOpen = 400;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

template <typename Use>
bool for_each_number(int directory_fd, Use&& use) {
  const int copy = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const Directory directory{copy < 0 ? nullptr : ::fdopendir(copy)};
  if (!directory) {
    return false;
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone
  while (const auto* const entry = ::readdir(directory.get())) {
    if (const auto number = parse_number<std::uint32_t>(std::string_view{entry->d_name})) {
      use(*number);
    }
  }
  return true;
}

std::vector<std::uint32_t> all_pids() {
  std::vector<std::uint32_t> pids;
  const UniqueFd proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for_each_number(proc.get(), [&](std::uint32_t pid) { pids.push_back(pid); });
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace

std::vector<HolderAnswer> OwnerSearch::find(std::span<const OwnerQuestion> questions,
                                            std::chrono::nanoseconds budget) {
  const auto began = Clock::now();
  deadline_ = began + budget;
  if (!full_scan_began_) {
    list_all_processes();
  }
  std::unordered_map<std::uint64_t, Asked> asked;
  std::vector<HolderAnswer> answers;
  std::vector<const OwnerQuestion*> open;
  for (const auto& question : questions) {
    if (!answer_known(question.inode, answers)) {
      const auto before = asked_.find(question.inode);
      auto& entry = asked[question.inode];
      entry = before == asked_.end() ? Asked{began, 0} : before->second;
      ++entry.times;
      open.push_back(&question);
    }
  }
  asked_ = std::move(asked);
  const auto settle = [&](auto&& step) {
    std::erase_if(open, [&](const OwnerQuestion* question) {
      if (answer_known(question->inode, answers)) {
        return true;
      }
      const auto size = answers.size();
      step(*question);
      return answers.size() > size;
    });
  };
  settle([&](const OwnerQuestion& question) {
    if (in_time()) {
      probe_likely(question, answers);
    }
  });
  std::set<std::uint32_t> listed;
  settle([&](const OwnerQuestion& question) {
    for (const auto pid : question.likely_pids) {
      if (in_time() && listed.insert(pid).second) {
        list(pid);
        if (answer_known(question.inode, answers)) {
          return;
        }
      }
    }
  });
  if (!open.empty() && in_time()) {
    list_new_processes();
    settle([](const OwnerQuestion&) {});
  }
  const bool again = std::any_of(open.begin(), open.end(), [&](const auto* question) {
    return asked_[question->inode].times > 1;
  });
  if (again && began - *full_scan_began_ >= kFullScanEvery) {
    list_all_processes();
    settle([](const OwnerQuestion&) {});
  }
  settle([&](const OwnerQuestion& question) {
    if (asked_[question.inode].since < *full_scan_began_) {
      answers.push_back(
          HolderAnswer{question.inode,
                       std::nullopt,
                       unreadable_ ? UnknownOwner::not_permitted : UnknownOwner::gone});
    }
  });
  return answers;
}

void OwnerSearch::forget(std::span<const std::uint64_t> inodes) {
  for (const auto inode : inodes) {
    const auto held = held_.find(inode);
    if (held == held_.end()) {
      continue;
    }
    if (const auto process = processes_.find(held->second.pid); process != processes_.end()) {
      process->second.known.erase(held->second.fd);
      process->second.freed.insert(held->second.fd);
    }
    held_.erase(held);
  }
}

bool OwnerSearch::answer_known(std::uint64_t inode, std::vector<HolderAnswer>& answers) {
  if (const auto seen = seen_.find(inode); seen != seen_.end()) {
    const auto place = seen->second;
    held_[inode] = place;
    seen_.erase(seen);
    if (const auto process = processes_.find(place.pid); process != processes_.end()) {
      process->second.known.insert(place.fd);
      process->second.freed.erase(place.fd);
    }
  } else if (const auto held = held_.find(inode); held != held_.end()) {
    // Asked again: it may have changed hands.
    const auto place = held->second;
    const auto process = processes_.find(place.pid);
    held_.erase(held);
    if (process == processes_.end() || !probe(place.pid, process->second, place.fd) ||
        !seen_.contains(inode)) {
      return false;
    }
    return answer_known(inode, answers);
  } else {
    return false;
  }
  answers.push_back(HolderAnswer{inode, held_[inode].pid, {}});
  asked_.erase(inode);
  return true;
}

void OwnerSearch::probe_likely(const OwnerQuestion& question, std::vector<HolderAnswer>& answers) {
  for (const auto pid : question.likely_pids) {
    auto& process = processes_[pid];
    if (!open(pid, process)) {
      continue;
    }
    std::vector<int> candidates{process.freed.begin(), process.freed.end()};
    candidates.resize(std::min(candidates.size(), kMostFreed));
    for (const int fd : candidates) {
      probe(pid, process, fd);
      if (answer_known(question.inode, answers)) {
        return;
      }
      if (!in_time()) {
        return;
      }
    }
    int missed = 0;
    for (int fd = process.highest + 1; missed < kBeyond; ++fd) {
      missed += probe(pid, process, fd) ? 0 : 1;
      if (answer_known(question.inode, answers)) {
        return;
      }
      if (!in_time()) {
        return;
      }
    }
  }
}

/// Reads one link. True when the descriptor exists; a socket is then in seen_.
/// A descriptor stays a candidate until its socket is asked for: it may have been opened after the
/// tables were read, and be another one by the next time.
bool OwnerSearch::probe(std::uint32_t pid, Process& process, int fd) {
  std::array<char, 16> name{};
  *std::to_chars(name.data(), name.data() + name.size() - 1, fd).ptr = '\0';
  std::array<char, 64> link{};
  ++links_read_;
  const auto length =
      ::readlinkat(process.descriptors.get(), name.data(), link.data(), link.size());
  process.freed.insert(fd);
  if (length <= 0) {
    unreadable_ = unreadable_ || errno == EACCES;
    return false;
  }
  process.highest = std::max(process.highest, fd);
  constexpr std::string_view kPrefix = "socket:[";
  const std::string_view text{link.data(), static_cast<std::size_t>(length)};
  if (!text.starts_with(kPrefix) || text.back() != ']') {
    process.freed.erase(fd);  // a file; should a socket take its number, listing will find it
    return true;
  }
  const auto inode =
      parse_number<std::uint64_t>(text.substr(kPrefix.size(), text.size() - kPrefix.size() - 1));
  if (!inode || held_.contains(*inode)) {
    return true;
  }
  const auto [entry, added] = seen_.try_emplace(*inode, Place{pid, fd});
  // A socket that several hold belongs to the one that was there first: a server's master, not its
  // workers.
  if (!added && entry->second.pid != pid && process_start(pid) < process_start(entry->second.pid)) {
    entry->second = Place{pid, fd};
  }
  return true;
}

bool OwnerSearch::open(std::uint32_t pid, Process& process) {
  if (process.descriptors && ::faccessat(process.descriptors.get(), ".", F_OK, 0) == 0) {
    return true;
  }
  process = Process{};
  process.descriptors.reset(
      ::open(("/proc/" + std::to_string(pid) + "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.descriptors) {
    unreadable_ = unreadable_ || errno == EACCES;
  }
  return static_cast<bool>(process.descriptors);
}

void OwnerSearch::list(std::uint32_t pid) {
  auto& process = processes_[pid];
  if (!open(pid, process)) {
    return;
  }
  const auto before = seen_.size();
  std::vector<int> numbers;
  for_each_number(process.descriptors.get(),
                  [&](std::uint32_t fd) { numbers.push_back(static_cast<int>(fd)); });
  process.freed.clear();
  process.highest = -1;
  for (const int fd : numbers) {
    process.highest = std::max(process.highest, fd);
    if (!process.known.contains(fd)) {
      probe(pid, process, fd);
    }
  }
  // Its list is opened again when it comes to hold a socket.
  const bool idle =
      process.known.empty() && (seen_.size() == before || processes_.size() > kMostOpen);
  if (idle) {
    process.descriptors.reset();
  }
}

void OwnerSearch::list_new_processes() {
  const auto alive = all_pids();
  drop_vanished(alive);
  for (const auto pid : alive) {
    if (!processes_.contains(pid)) {
      list(pid);
    }
  }
}

void OwnerSearch::list_all_processes() {
  full_scan_began_ = Clock::now();
  unreadable_ = false;
  if (seen_.size() > kMostSeen) {
    seen_.clear();
  }
  const auto alive = all_pids();
  drop_vanished(alive);
  for (const auto pid : alive) {
    list(pid);
  }
}

void OwnerSearch::drop_vanished(const std::vector<std::uint32_t>& alive) {
  std::erase_if(processes_, [&](const auto& entry) {
    return !std::binary_search(alive.begin(), alive.end(), entry.first);
  });
}

}  // namespace netlog::platform
