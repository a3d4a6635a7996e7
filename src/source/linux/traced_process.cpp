// SPDX-License-Identifier: MIT
#include "source/linux/traced_process.hpp"

#include "source/linux/procfs.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <sys/stat.h>

namespace netlog::source {
namespace {

constexpr std::size_t kHeadSize = 160;
constexpr std::size_t kNameSize = 16;
constexpr std::size_t kReserved = 80;
constexpr std::uint32_t kImage = 1;
constexpr std::uint32_t kExit = 2;
constexpr std::uint32_t kExeDeleted = 1;

std::string_view until_nul(std::string_view text) {
  return text.substr(0, std::min(text.find('\0'), text.size()));
}

/// The names of a path, the last one first, each with a NUL.
std::string path_from(std::string_view names) {
  auto parts = split(names, '\0');
  std::reverse(parts.begin(), parts.end());
  std::string path;
  for (const auto& part : parts) {
    if (!part.empty()) {
      path += '/';
      path += part;
    }
  }
  return path.empty() ? "/" : path;
}

/// One line for each hierarchy; a line feed in a name would make two of one.
std::string cgroup_line(std::string_view hierarchy, std::string_view names) {
  auto path = path_from(names);
  std::replace(path.begin(), path.end(), '\n', ' ');
  std::string line{hierarchy};
  line += path;
  line += '\n';
  return line;
}

}  // namespace

std::optional<ProcessReport> read_process_report(std::span<const std::byte> bytes,
                                                 std::int64_t clock_shift_ns) {
  ByteReader in{bytes};
  ProcessReport report;
  const auto shift = static_cast<std::uint64_t>(clock_shift_ns);
  report.at_ns = static_cast<std::int64_t>(in.u64() + shift);
  report.process.start_boot_ns = in.u64() + shift;
  const auto kind = in.u32();
  report.process.pid = in.u32();
  report.parent_pid = in.u32();
  report.uid = in.u32();
  const auto why = in.u32();
  const auto flags = in.u32();
  report.name = until_nul(as_text(in.take(kNameSize)));
  const auto exe_bytes = in.u32();
  const auto argument_bytes = in.u32();
  const std::array cgroup_bytes{in.u32(), in.u32(), in.u32()};
  in.u32();
  in.take(kReserved);
  if (kind == kExit && in.ok()) {
    report.kind = ProcessReport::Kind::ended;
    report.wait_status = static_cast<int>(why);
    return report;
  }
  if (kind != kImage || why > static_cast<std::uint32_t>(ProcessReport::Kind::user_changed)) {
    return std::nullopt;
  }
  report.kind = static_cast<ProcessReport::Kind>(why);
  if (exe_bytes > 0) {
    report.exe = path_from(as_text(in.take(exe_bytes)));
    report.exe += (flags & kExeDeleted) != 0 ? " (deleted)" : "";
  }
  report.arguments = as_text(in.take(argument_bytes));
  report.cgroups = cgroup_line("0::", as_text(in.take(cgroup_bytes[0])));
  for (const auto& [hierarchy, size] :
       {std::pair{"1:pids:", cgroup_bytes[1]}, std::pair{"2:memory:", cgroup_bytes[2]}}) {
    if (size > 0) {
      report.cgroups += cgroup_line(hierarchy, as_text(in.take(size)));
    }
  }
  return in.ok() ? std::optional{std::move(report)} : std::nullopt;
}

std::int64_t clock_shift_ns(std::string_view offsets, std::string_view clock) {
  for (const auto line : split(offsets, '\n')) {
    const auto fields = words(line);
    if (fields.size() == 3 && fields[0] == clock) {
      const auto seconds = parse_number<std::int64_t>(fields[1]).value_or(0);
      return seconds * kNsPerSecond + parse_number<std::int64_t>(fields[2]).value_or(0);
    }
  }
  return 0;
}

Result<std::int64_t> kernel_clock_shift_ns(std::string_view clock) {
  struct stat own {};
  struct stat children {};
  if (::stat("/proc/self/ns/time", &own) != 0) {
    return std::int64_t{0};  // the kernel has no time namespaces
  }
  // The file is about the namespace of our children.
  if (::stat("/proc/self/ns/time_for_children", &children) != 0 || own.st_ino != children.st_ino) {
    return fail_errno(ENOTSUP, "the offset of this time namespace's clock");
  }
  constexpr std::size_t kMaxOffsets = 4096;
  const auto offsets = read_file("/proc/self/timens_offsets", kMaxOffsets);
  if (!offsets) {
    return offsets.error();
  }
  return clock_shift_ns(as_text(*offsets), clock);
}

}  // namespace netlog::source
