// SPDX-License-Identifier: MIT
#include "source/linux/process.hpp"

#include "capture/sections.hpp"
#include "os/clock.hpp"
#include "source/linux/procfs.hpp"
#include "source/live_source.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxStat = std::size_t{8} * 1024;
constexpr std::size_t kMaxCmdline = std::size_t{4} * 1024;
constexpr std::size_t kMaxCgroup = std::size_t{16} * 1024;
constexpr std::size_t kMaxPidfds = 4'000;

// comm may hold anything, the last `)` ends it; starttime is the 20th field after it.
std::optional<std::uint64_t> start_in(std::string_view stat) {
  const auto close = stat.rfind(')');
  if (close == std::string_view::npos) {
    return std::nullopt;
  }
  const auto fields = words(stat.substr(close + 1));
  return fields.size() > 19 ? parse_number<std::uint64_t>(fields[19]) : std::nullopt;
}

std::uint64_t clock_tick_ns() {
  static const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(kNsPerSecond) / ticks_per_second;
}

void append_text(std::vector<std::byte>& out, capture::ProcessSection tag, std::string_view text) {
  capture::append_section(out, tag, as_bytes(text));
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(uid);
}

/// A file that is longer is cut: a command line can be megabytes.
std::vector<std::byte> read_beginning(int directory, const char* name, std::size_t most) {
  const os::UniqueFd fd{::openat(directory, name, O_RDONLY | O_CLOEXEC)};
  std::vector<std::byte> bytes(most);
  const auto got = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : -1;
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

}  // namespace

std::optional<std::uint64_t> process_start(std::uint32_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", kMaxStat);
  return stat ? start_in(as_text(*stat)) : std::nullopt;
}

bool ProcessTable::report(std::uint32_t pid, capture::RecordSink& sink) {
  const auto began_ns = os::read_boot_clock_ns();
  const os::UniqueFd directory{
      ::open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const auto stat =
      directory ? read_file_at(directory.get(), "stat", kMaxStat) : fail(errc::truncated, "");
  const auto start = stat ? start_in(as_text(*stat)) : std::nullopt;
  if (!start) {
    return false;
  }
  if (const auto known = known_.find(pid); known != known_.end() && known->second.start == *start) {
    return true;
  }
  capture::ProcessRead read{pid, 0, {}};
  capture::append_section(read.sections, capture::ProcessSection::stat, *stat);
  std::array<char, 4096> link{};
  const auto length = ::readlinkat(directory.get(), "exe", link.data(), link.size());
  if (length > 0) {
    append_text(read.sections,
                capture::ProcessSection::exe,
                {link.data(), static_cast<std::size_t>(length)});
  }
  capture::append_section(read.sections,
                          capture::ProcessSection::cmdline,
                          read_beginning(directory.get(), "cmdline", kMaxCmdline));
  if (const auto cgroup = read_file_at(directory.get(), "cgroup", kMaxCgroup)) {
    capture::append_section(read.sections, capture::ProcessSection::cgroup, *cgroup);
  }
  struct stat owner {};
  if (::fstat(directory.get(), &owner) == 0) {
    append_text(read.sections, capture::ProcessSection::user, user_name(owner.st_uid));
  }
  const auto since_boot_ns = static_cast<std::int64_t>(*start * clock_tick_ns());
  append_text(read.sections, capture::ProcessSection::started_ns, std::to_string(since_boot_ns));
  const Span asked{began_ns, os::read_boot_clock_ns()};
  const auto pidfd = known_.size() < kMaxPidfds ? ::syscall(SYS_pidfd_open, pid, 0) : -1;
  known_[pid] = Known{*start, os::UniqueFd{static_cast<int>(pidfd)}};
  sink.consume({0, asked, std::move(read)});
  return true;
}

bool ProcessTable::has_reported(const TracedProcess& process) const {
  const auto known = known_.find(process.pid);
  return known != known_.end() && known->second.start == process.start_boot_ns / clock_tick_ns();
}

void ProcessTable::report_ended(capture::RecordSink& sink) {
  const auto now_ns = os::read_boot_clock_ns();
  std::vector<pollfd> polled;
  std::vector<std::uint32_t> pids;
  for (const auto& [pid, known] : known_) {
    polled.push_back(pollfd{known.pidfd.get(), POLLIN, 0});
    pids.push_back(pid);
  }
  if (!polled.empty()) {
    ::poll(polled.data(), polled.size(), 0);
  }
  for (std::size_t i = 0; i < polled.size(); ++i) {
    const auto& known = known_[pids[i]];
    const bool ended = known.pidfd ? polled[i].revents != 0 : process_start(pids[i]) != known.start;
    if (!ended) {
      continue;
    }
    const Span asked{last_check_ns_ == 0 ? now_ns : last_check_ns_, now_ns};
    const ProcessId process{pids[i], known.start};
    known_.erase(pids[i]);
    sink.consume({0, asked, capture::ProcessExit{process}});
  }
  last_check_ns_ = now_ns;
}

}  // namespace netlog::source
