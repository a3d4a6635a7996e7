// SPDX-License-Identifier: MIT
#include "source/linux/executable_hashes.hpp"

#include "os/clock.hpp"
#include "os/linux/capabilities.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/file_hashes.hpp"
#include "source/linux/process.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog::source {
namespace {

constexpr std::chrono::seconds kWaitForEnd{1};

std::string_view file_name(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  return path.substr(path.rfind('/') + 1);
}

/// Of the calling thread.
void lower_priority() {
  constexpr int kLowestPriority = 19;
  // ioprio_set(2); linux/ioprio.h is no C++.
  constexpr int kOfThread = 1;
  constexpr int kIdleClass = 3 << 13;
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  ::setpriority(PRIO_PROCESS, thread, kLowestPriority);
  ::syscall(SYS_ioprio_set, kOfThread, thread, kIdleClass);
}

/// To follow /proc/PID/exe and to read a file that only its owner may read.
void keep_needed_rights() {
  static_cast<void>(os::keep_capabilities((std::uint64_t{1} << CAP_SYS_PTRACE) |
                                          (std::uint64_t{1} << CAP_DAC_READ_SEARCH)));
}

std::string target_of(int fd) {
  std::array<char, 4096> link{};
  const auto length =
      ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), link.data(), link.size());
  return {link.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

std::optional<capture::RawRecord> hash_record(const ReportedProcess& process, FileHashes& hashes) {
  const os::UniqueFd directory{
      ::open(fmt::format("/proc/{}", process.id.pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || process_start(process.id.pid) != process.id.start) {
    return std::nullopt;
  }
  // Without O_NONBLOCK the holder of a lease could let us wait.
  const os::UniqueFd file{
      ::openat(directory.get(), "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  // It may have executed another program since, which nobody has reported yet.
  if (!file || !same_file_name(target_of(file.get()), process.exe)) {
    return std::nullopt;
  }
  const Span opened{process.at_ns, os::read_boot_clock_ns()};
  const auto hash = hashes.hash(file.get());
  if (!hash) {
    return std::nullopt;
  }
  return capture::RawRecord{0, opened, capture::ExecutableHash{process.id, *hash}};
}

}  // namespace

bool same_file_name(std::string_view a, std::string_view b) {
  return !file_name(a).empty() && file_name(a) == file_name(b);
}

/// What the thread and its starter have in common. It lives as long as one of them.
struct ExecutableHashes::Shared {
  std::mutex mutex;  ///< held for moments only
  std::condition_variable changed;
  std::deque<ReportedProcess> requested;
  std::vector<capture::RawRecord> results;
  bool has_ended = false;
  std::atomic<bool> stopping = false;

  void run() {
    lower_priority();
    keep_needed_rights();
    FileHashes hashes{kMaxFileBytes, stopping};
    while (const auto process = next()) {
      if (auto result = hash_record(*process, hashes)) {
        const std::lock_guard lock{mutex};
        results.push_back(std::move(*result));
      }
    }
    const std::lock_guard lock{mutex};
    has_ended = true;
    changed.notify_all();
  }

  std::optional<ReportedProcess> next() {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return stopping || !requested.empty(); });
    if (stopping) {
      return std::nullopt;
    }
    auto process = std::move(requested.front());
    requested.pop_front();
    return process;
  }
};

ExecutableHashes::ExecutableHashes() : shared_{std::make_shared<Shared>()} {}

ExecutableHashes::~ExecutableHashes() {
  if (!thread_.joinable()) {
    return;
  }
  std::unique_lock lock{shared_->mutex};
  shared_->stopping = true;
  shared_->changed.notify_all();
  const bool has_ended =
      shared_->changed.wait_for(lock, kWaitForEnd, [&] { return shared_->has_ended; });
  lock.unlock();
  if (has_ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void ExecutableHashes::request(ReportedProcess process) {
  if (requested_.size() < kMaxWaiting) {
    process.exe = std::string{file_name(process.exe)};
    requested_.push_back(std::move(process));
  }
}

void ExecutableHashes::exchange() {
  if (!requested_.empty() && !thread_.joinable() && std::exchange(may_start_, false)) {
    start();
  }
  // The thread may lose the processor while it has the lock: then the next call does it.
  const std::unique_lock lock{shared_->mutex, std::try_to_lock};
  if (!lock) {
    return;
  }
  auto& waiting = shared_->requested;
  const auto moved = std::min(requested_.size(), kMaxWaiting - waiting.size());
  const auto end = requested_.begin() + static_cast<std::ptrdiff_t>(moved);
  std::move(requested_.begin(), end, std::back_inserter(waiting));
  requested_.erase(requested_.begin(), end);
  auto& results = shared_->results;
  std::move(results.begin(), results.end(), std::back_inserter(results_));
  results.clear();
  if (moved > 0) {
    shared_->changed.notify_all();
  }
}

void ExecutableHashes::report(capture::RecordSink& sink) {
  for (const auto& result : std::exchange(results_, {})) {
    sink.consume(result);
  }
}

void ExecutableHashes::start() {
  try {
    thread_ = std::thread{[shared = shared_] { shared->run(); }};
  } catch (const std::system_error& error) {
    const auto now_ns = os::read_boot_clock_ns();
    results_.push_back(
        {0,
         Span{now_ns, now_ns},
         capture::TableFailed{
             0,
             capture::RecordKind::executable_hash,
             fmt::format("start a thread that hashes executables: {}", error.code().message())}});
  }
}

}  // namespace netlog::source
