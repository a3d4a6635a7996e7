// SPDX-License-Identifier: MIT
#include "source/linux/process.hpp"

#include "capture/sections.hpp"
#include "model/cgroup.hpp"
#include "os/clock.hpp"
#include "source/linux/procfs.hpp"
#include "source/live_source.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxStat = std::size_t{8} * 1024;
constexpr std::size_t kMaxCmdline = std::size_t{4} * 1024;
constexpr std::size_t kMaxStatus = std::size_t{16} * 1024;
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

std::string find_user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(uid);
}

/// The effective user: the second number behind `Uid:` in the status. The owner of the directory
/// would be root as soon as the process is gone.
std::optional<std::uint32_t> user_in(std::string_view status) {
  for (const auto line : split(status, '\n')) {
    const auto fields = words(line);
    if (fields.size() > 2 && fields[0] == "Uid:") {
      return parse_number<std::uint32_t>(fields[2]);
    }
  }
  return std::nullopt;
}

/// A file that is longer is cut: a command line can be megabytes.
std::vector<std::byte> read_beginning(int directory, const char* name, std::size_t most) {
  const os::UniqueFd fd{::openat(directory, name, O_RDONLY | O_CLOEXEC)};
  std::vector<std::byte> bytes(most);
  const auto got = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : -1;
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

std::string read_link(int directory, const char* name) {
  std::array<char, 4096> link{};
  const auto length = ::readlinkat(directory, name, link.data(), link.size());
  return {link.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

/// The directory of a thread of the process that has memory; none if there is no such thread.
os::UniqueFd living_thread(int process) {
  os::UniqueFd tasks{::openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const std::unique_ptr<DIR, int (*)(DIR*)> listing{tasks ? ::fdopendir(tasks.get()) : nullptr,
                                                    &::closedir};
  if (!listing) {
    return {};
  }
  const int directory = tasks.release();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): of a listing of our own
  while (const auto* const entry = ::readdir(listing.get())) {
    os::UniqueFd thread{::openat(directory, &entry->d_name[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (entry->d_name[0] != '.' && thread && !read_link(thread.get(), "exe").empty()) {
      return thread;
    }
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> process_start(std::uint32_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", kMaxStat);
  return stat ? start_in(as_text(*stat)) : std::nullopt;
}

std::optional<std::uint32_t> process_parent(std::uint32_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", kMaxStat);
  const auto text = stat ? as_text(*stat) : std::string_view{};
  const auto close = text.rfind(')');
  // The state follows the name, then the parent.
  const auto fields = words(text.substr(std::min(close, text.size())));
  return fields.size() > 2 ? parse_number<std::uint32_t>(fields[2]) : std::nullopt;
}

ProcessId process_id(const TracedProcess& process) {
  return ProcessId{process.pid, process.start_boot_ns / clock_tick_ns()};
}

/// The directory of a process in /proc, which is of this process only.
struct ProcessTable::Opened {
  static std::optional<Opened> open(std::uint32_t pid) {
    Opened process;
    process.directory = os::UniqueFd{
        ::open(("/proc/" + std::to_string(pid)).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    auto stat = process.directory ? read_file_at(process.directory.get(), "stat", kMaxStat)
                                  : fail(errc::truncated, "");
    const auto start = stat ? start_in(as_text(*stat)) : std::nullopt;
    if (!start) {
      return std::nullopt;
    }
    process.stat = std::move(*stat);
    process.start = *start;
    return process;
  }

  std::int64_t began_ns = os::read_boot_clock_ns();
  os::UniqueFd directory;
  std::vector<std::byte> stat;
  std::uint64_t start = 0;
};

bool ProcessTable::report(std::uint32_t pid, capture::RecordSink& sink) {
  const auto process = Opened::open(pid);
  if (!process) {
    return false;
  }
  if (const auto known = known_.find(pid); known != known_.end()) {
    if (known->second.start == process->start) {
      return true;
    }
    report_ended({Ended{{pid, known->second.start}, {last_check_ns_, process->began_ns}}}, sink);
  }
  auto record = read(pid, *process);
  add(pid, process->start);
  sink.consume(record);
  return true;
}

void ProcessTable::report_again(std::uint32_t pid, capture::RecordSink& sink) {
  const auto known = known_.find(pid);
  const auto process = known != known_.end() ? Opened::open(pid) : std::nullopt;
  if (process && process->start == known->second.start) {
    sink.consume(read(pid, *process));
  }
}

capture::RawRecord ProcessTable::read(std::uint32_t pid, const Opened& process) {
  const int directory = process.directory.get();
  capture::ProcessRead read{pid, 0, {}};
  capture::append_section(read.sections, capture::ProcessSection::stat, process.stat);
  auto exe = read_link(directory, "exe");
  auto cmdline = read_beginning(directory, "cmdline", kMaxCmdline);
  if (exe.empty() && cmdline.empty()) {
    // Its main thread may have ended before the others: those have the same.
    if (const auto thread = living_thread(directory)) {
      exe = read_link(thread.get(), "exe");
      cmdline = read_beginning(thread.get(), "cmdline", kMaxCmdline);
    }
  }
  if (!exe.empty()) {
    append_text(read.sections, capture::ProcessSection::exe, exe);
  }
  capture::append_section(read.sections, capture::ProcessSection::cmdline, cmdline);
  if (const auto cgroup = read_file_at(directory, "cgroup", kMaxCgroup)) {
    append_cgroups(read.sections, as_text(*cgroup));
  }
  if (const auto status = read_file_at(directory, "status", kMaxStatus)) {
    if (const auto uid = user_in(as_text(*status))) {
      append_text(read.sections, capture::ProcessSection::user, user_name(*uid));
    }
  }
  const auto since_boot_ns = static_cast<std::int64_t>(process.start * clock_tick_ns());
  append_text(read.sections, capture::ProcessSection::started_ns, std::to_string(since_boot_ns));
  const Span asked{process.began_ns, os::read_boot_clock_ns()};
  on_reported_({pid, process.start}, exe, asked.ended_ns);
  return {0, asked, std::move(read)};
}

void ProcessTable::report(const ProcessReport& process, capture::RecordSink& sink) {
  const auto& [pid, start_boot_ns] = process.process;
  const bool is_first = !has_reported(process.process);
  const auto start = start_boot_ns / clock_tick_ns();
  capture::ProcessRead read{pid, 0, {}};
  append_text(read.sections,
              capture::ProcessSection::listed,
              fmt::format("{} {} {} {}", pid, start, process.parent_pid, process.name));
  if (!process.exe.empty()) {
    append_text(read.sections, capture::ProcessSection::exe, process.exe);
  }
  append_text(read.sections, capture::ProcessSection::cmdline, process.arguments);
  append_cgroups(read.sections, process.cgroups);
  append_text(read.sections, capture::ProcessSection::user, user_name(process.uid));
  append_text(read.sections, capture::ProcessSection::started_ns, std::to_string(start_boot_ns));
  if (process.kind != ProcessReport::Kind::first_use) {
    append_text(
        read.sections, capture::ProcessSection::image_since_ns, std::to_string(process.at_ns));
  }
  if (is_first) {
    add(pid, start);
  }
  sink.consume({0, Span{process.at_ns, process.at_ns}, std::move(read)});
  on_reported_({pid, start}, process.exe, process.at_ns);
}

void ProcessTable::report_end(const ProcessReport& process, capture::RecordSink& sink) {
  if (has_reported(process.process)) {
    const auto found = known_.find(process.process.pid);
    const ProcessId id{found->first, found->second.start};
    known_.erase(found);
    sink.consume(
        {0, Span{process.at_ns, process.at_ns}, capture::ProcessExit{id, process.wait_status}});
  }
}

void ProcessTable::append_cgroups(std::vector<std::byte>& sections, std::string_view cgroups) {
  append_text(sections, capture::ProcessSection::cgroup, cgroups);
  const auto id = container_in(cgroup_path(cgroups).value_or(""));
  if (!id) {
    return;
  }
  const auto& [name, pod] = containers_.find(*id);
  if (!name.empty()) {
    append_text(sections, capture::ProcessSection::container_name, name);
  }
  if (!pod.empty()) {
    append_text(sections, capture::ProcessSection::pod_name, pod);
  }
}

void ProcessTable::add(std::uint32_t pid, std::uint64_t start) {
  const auto pidfd = known_.size() < kMaxPidfds ? ::syscall(SYS_pidfd_open, pid, 0) : -1;
  known_[pid] = Known{start, os::UniqueFd{static_cast<int>(pidfd)}};
}

const std::string& ProcessTable::user_name(std::uint32_t uid) {
  constexpr std::size_t kMaxUsers = 10'000;
  if (user_names_.size() >= kMaxUsers) {
    user_names_.clear();
  }
  const auto [entry, is_new] = user_names_.try_emplace(uid);
  if (is_new) {
    entry->second = find_user_name(uid);
  }
  return entry->second;
}

bool ProcessTable::has_reported(const TracedProcess& process) const {
  const auto known = known_.find(process.pid);
  return known != known_.end() && known->second.start == process.start_boot_ns / clock_tick_ns();
}

std::vector<ProcessTable::Ended> ProcessTable::find_ended() {
  const auto now_ns = os::read_boot_clock_ns();
  std::set<std::uint32_t> pids;
  for (const auto& [pid, known] : known_) {
    pids.insert(pid);
  }
  auto ended = find_ended(pids);
  for (const auto& [pid, known] : known_) {
    if (!known.pidfd && process_start(pid) != known.start) {
      ended.push_back({ProcessId{pid, known.start}, {last_check_ns_, os::read_boot_clock_ns()}});
    }
  }
  last_check_ns_ = now_ns;
  return ended;
}

std::vector<ProcessTable::Ended> ProcessTable::find_ended(
    const std::set<std::uint32_t>& pids) const {
  std::vector<pollfd> polled;
  std::vector<ProcessId> watched;
  for (const auto pid : pids) {
    if (const auto known = known_.find(pid); known != known_.end() && known->second.pidfd) {
      polled.push_back(pollfd{known->second.pidfd.get(), POLLIN, 0});
      watched.push_back(ProcessId{pid, known->second.start});
    }
  }
  if (!polled.empty()) {
    ::poll(polled.data(), polled.size(), 0);
  }
  const Span within{last_check_ns_, os::read_boot_clock_ns()};
  std::vector<Ended> ended;
  for (std::size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) {
      ended.push_back({watched[i], within});
    }
  }
  return ended;
}

void ProcessTable::report_ended(const std::vector<Ended>& ended, capture::RecordSink& sink) {
  for (const auto& [id, within] : ended) {
    const auto known = known_.find(id.pid);
    if (known != known_.end() && known->second.start == id.start) {
      known_.erase(known);
      sink.consume({0, within, capture::ProcessExit{id, {}}});
    }
  }
}

}  // namespace netlog::source
