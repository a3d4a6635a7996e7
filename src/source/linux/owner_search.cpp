// SPDX-License-Identifier: MIT
#include "source/linux/owner_search.hpp"

#include "source/linux/process.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>

namespace netlog::source {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxFreed = 64;  // freed descriptors tried for one socket
constexpr int kBeyond = 2;             // numbers tried above the highest
constexpr auto kFullScanEvery = 1s;
constexpr std::size_t kMaxSeen = 200'000;
// Descriptors of ours kept open on other processes' lists.
constexpr std::size_t kMaxOpen = 400;

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
  const os::UniqueFd proc{::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  for_each_number(proc.get(), [&](std::uint32_t pid) { pids.push_back(pid); });
  std::sort(pids.begin(), pids.end());
  return pids;
}

}  // namespace

std::vector<HolderAnswer> OwnerSearch::find(std::span<const OwnerQuery> questions,
                                            std::chrono::nanoseconds budget) {
  const auto began = Clock::now();
  deadline_ = began + budget;
  if (opened_ >= kSweepAfter) {
    opened_ = 0;
    drop_vanished(all_pids());
  }
  if (!full_scan_began_) {
    list_all_processes();
  }
  note_questions(questions, began);
  std::erase_if(open_, [&](const OwnerQuery* question) {
    if (!answer_seen(question->key)) {
      probe_likely(*question);
    }
    return held_.contains(question->key) || answer_seen(question->key);
  });
  list_likely();
  if (!open_.empty() && in_time()) {
    list_new_processes();
    settle();
  }
  const bool again = std::any_of(open_.begin(), open_.end(), [&](const auto* question) {
    return asked_[question->key].times > 1;
  });
  if (again && began - *full_scan_began_ >= kFullScanEvery) {
    list_all_processes();
    settle();
  }
  give_up_scanned();
  open_.clear();
  return std::exchange(answers_, {});
}

/// Answers what is known already; the rest is open, with when it was asked first.
void OwnerSearch::note_questions(std::span<const OwnerQuery> questions, Clock::time_point now) {
  std::unordered_map<std::uint64_t, Asked> asked;
  for (const auto& question : questions) {
    recheck_held(question.key);
    if (!answer_seen(question.key)) {
      const auto before = asked_.find(question.key);
      auto& entry = asked[question.key];
      entry = before == asked_.end() ? Asked{now, 0} : before->second;
      ++entry.times;
      open_.push_back(&question);
    }
  }
  asked_ = std::move(asked);
}

void OwnerSearch::settle() {
  std::erase_if(open_, [&](const OwnerQuery* question) { return answer_seen(question->key); });
}

void OwnerSearch::list_likely() {
  std::set<std::uint32_t> pids;
  for (const auto* const question : open_) {
    const auto likely = candidates(*question);
    pids.insert(likely.begin(), likely.end());
  }
  for (const auto pid : pids) {
    if (in_time()) {
      list(pid);
    }
  }
  settle();
}

/// A socket that a full scan begun after its question did not find has no holder that we can see.
void OwnerSearch::give_up_scanned() {
  const auto why = unreadable_ ? UnknownOwner::not_permitted : UnknownOwner::gone;
  for (const auto* const question : open_) {
    const auto asked = asked_.find(question->key);
    if (asked != asked_.end() && asked->second.since < *full_scan_began_) {
      answers_.push_back(HolderAnswer{question->key, std::nullopt, why});
    }
  }
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

/// A socket that was answered is asked for again when its holder has ended: it may have changed
/// hands.
void OwnerSearch::recheck_held(std::uint64_t inode) {
  const auto held = held_.find(inode);
  if (held == held_.end()) {
    return;
  }
  const auto place = held->second;
  held_.erase(held);
  if (const auto process = processes_.find(place.pid); process != processes_.end()) {
    process->second.known.erase(place.fd);
    probe(place.pid, process->second, place.fd);
  }
}

bool OwnerSearch::answer_seen(std::uint64_t inode) {
  const auto seen = seen_.find(inode);
  if (seen == seen_.end()) {
    return false;
  }
  const auto place = seen->second;
  seen_.erase(seen);
  held_[inode] = place;
  if (const auto process = processes_.find(place.pid); process != processes_.end()) {
    process->second.known.insert(place.fd);
    process->second.freed.erase(place.fd);
  }
  answers_.push_back(HolderAnswer{inode, place.pid, {}});
  asked_.erase(inode);
  return true;
}

/// Tries the descriptors that the next socket of a process would get, until this one is found.
void OwnerSearch::probe_likely(const OwnerQuery& question) {
  for (const auto pid : candidates(question)) {
    auto& process = processes_[pid];
    if (!in_time() || seen_.contains(question.key)) {
      return;
    }
    if (!open(pid, process)) {
      continue;
    }
    std::vector<int> candidates{process.freed.begin(), process.freed.end()};
    candidates.resize(std::min(candidates.size(), kMaxFreed));
    for (const int fd : candidates) {
      probe(pid, process, fd);
      if (seen_.contains(question.key)) {
        return;
      }
    }
    for (int missed = 0; missed < kBeyond && !seen_.contains(question.key);) {
      missed += probe(pid, process, process.highest + 1 + missed) ? 0 : 1;
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
  if (inode) {
    meet(*inode, Place{pid, fd});
  }
  return true;
}

/// A process holds this socket.
void OwnerSearch::meet(std::uint64_t inode, Place place) {
  if (const auto held = held_.find(inode); held != held_.end()) {
    if (held->second.pid != place.pid) {
      shared_socket_pids_[held->second.pid].insert(place.pid);
    }
    return;
  }
  const auto [entry, added] = seen_.try_emplace(inode, place);
  if (!added && entry->second.pid != place.pid) {
    // A socket that several hold belongs to the one that was there first: a server's master, not
    // its workers.
    const auto other = entry->second.pid;
    const bool first = process_start(place.pid) < process_start(other);
    entry->second = first ? place : entry->second;
    shared_socket_pids_[first ? place.pid : other].insert(first ? other : place.pid);
  }
}

std::vector<std::uint32_t> OwnerSearch::candidates(const OwnerQuery& question) const {
  auto pids = question.likely_pids;
  for (const auto pid : question.likely_pids) {
    const auto companions = shared_socket_pids_.find(pid);
    if (companions == shared_socket_pids_.end()) {
      continue;
    }
    for (const auto companion : companions->second) {
      if (std::find(pids.begin(), pids.end(), companion) == pids.end()) {
        pids.push_back(companion);
      }
    }
  }
  return pids;
}

bool OwnerSearch::open(std::uint32_t pid, Process& process) {
  if (process.descriptors && ::faccessat(process.descriptors.get(), ".", F_OK, 0) == 0) {
    return true;
  }
  process = Process{};
  process.descriptors.reset(
      ::open(("/proc/" + std::to_string(pid) + "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ++opened_;
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
      process.known.empty() && (seen_.size() == before || processes_.size() > kMaxOpen);
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
  if (seen_.size() > kMaxSeen) {
    seen_.clear();
  }
  const auto alive = all_pids();
  drop_vanished(alive);
  if (take_kernel_list()) {
    return;
  }
  for (const auto pid : alive) {
    list(pid);
  }
}

/// False where there is no such list, or none any more.
bool OwnerSearch::take_kernel_list() {
  if (!all_) {
    return false;
  }
  const auto held = all_->list();
  if (!held) {
    all_.reset();
    return false;
  }
  for (const auto& socket : *held) {
    auto& process = processes_[socket.pid];
    process.highest = std::max(process.highest, socket.descriptor);
    if (!process.known.contains(socket.descriptor)) {
      meet(socket.inode, Place{socket.pid, socket.descriptor});
    }
  }
  return true;
}

void OwnerSearch::drop_vanished(const std::vector<std::uint32_t>& alive) {
  const auto vanished = [&](std::uint32_t pid) {
    return !std::binary_search(alive.begin(), alive.end(), pid);
  };
  std::erase_if(processes_, [&](const auto& entry) { return vanished(entry.first); });
  for (auto entry = shared_socket_pids_.begin(); entry != shared_socket_pids_.end();) {
    std::erase_if(entry->second, vanished);
    const bool over = vanished(entry->first) || entry->second.empty();
    entry = over ? shared_socket_pids_.erase(entry) : std::next(entry);
  }
}

}  // namespace netlog::source
