// SPDX-License-Identifier: MIT
#include "capture/sections.hpp"
#include "decode/tables.hpp"
#include "model/cgroup.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

constexpr std::size_t kMaxName = 256;
// Some 146 years: sums of two such times do not overflow.
constexpr std::int64_t kMaxTimeNs = (std::int64_t{1} << 62U) - 1;
constexpr std::size_t kMaxText = 4096;

// proc(5): pid (comm) state ppid … starttime is field 22. comm may hold blanks and parentheses, so
// the last `)` ends it.
Result<void> read_stat(std::string_view stat, Process& process) {
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return fail(errc::malformed, fmt::format("process stat {}", quote(stat)));
  }
  const auto fields = words(stat.substr(close + 1));
  const auto pid = parse_number<std::uint32_t>(trim(stat.substr(0, open)));
  const auto start = fields.size() > 19 ? parse_number<std::uint64_t>(fields[19]) : std::nullopt;
  if (!pid || !start) {
    return fail(errc::malformed, fmt::format("process stat {}", quote(stat)));
  }
  process.id = ProcessId{*pid, *start};
  process.name = to_utf8(stat.substr(open + 1, close - open - 1), kMaxName);
  process.parent_pid = parse_number<std::uint32_t>(fields[1]);
  return {};
}

// `pid start parent name`; the name is the rest, blanks and all.
Result<void> read_listed(std::string_view listed, Process& process) {
  const auto fields = words(listed);
  const auto pid = fields.empty() ? std::nullopt : parse_number<std::uint32_t>(fields[0]);
  const auto start = fields.size() < 3 ? std::nullopt : parse_number<std::uint64_t>(fields[1]);
  const auto parent = fields.size() < 3 ? std::nullopt : parse_number<std::uint32_t>(fields[2]);
  if (!pid || !start || !parent) {
    return fail(errc::malformed, fmt::format("listed process {}", quote(listed)));
  }
  process.id = ProcessId{*pid, *start};
  process.parent_pid = parent;
  if (fields.size() > 3) {
    const auto name = listed.substr(static_cast<std::size_t>(fields[3].data() - listed.data()));
    process.name = to_utf8(name, kMaxName);
  }
  return {};
}

void append_name(std::string_view name, std::optional<std::string>& names) {
  const auto one = to_utf8(name, kMaxName);
  if (!names) {
    names = one;
  } else if (names->size() + one.size() < kMaxText) {
    *names += ", " + one;
  }
}

std::string join_arguments(std::string_view arguments) {
  while (!arguments.empty() && arguments.back() == '\0') {
    arguments.remove_suffix(1);
  }
  auto text = to_utf8(arguments, kMaxText);
  for (char& c : text) {
    if (c == '\0') {
      c = ' ';
    }
  }
  return text;
}

Result<void> read_section(capture::ProcessSection tag, std::string_view text, Process& process) {
  switch (tag) {
    case capture::ProcessSection::stat:
      return read_stat(text, process);
    case capture::ProcessSection::exe:
      process.exe = to_utf8(text, kMaxText);
      break;
    case capture::ProcessSection::cmdline:
      // Kernel threads and zombies have none.
      if (!text.empty()) {
        process.cmdline = join_arguments(text);
      }
      break;
    case capture::ProcessSection::cgroup:
      if (const auto path = cgroup_path(text)) {
        process.cgroup = to_utf8(*path, kMaxText);
      }
      process.container = container_in(process.cgroup.value_or(""));
      process.unit = unit_in(process.cgroup.value_or(""));
      process.pod = pod_in(process.cgroup.value_or(""));
      break;
    case capture::ProcessSection::user:
      process.user = to_utf8(text, kMaxName);
      break;
    case capture::ProcessSection::started_ns:
      if (const auto at = parse_number<std::int64_t>(text); at && std::abs(*at) <= kMaxTimeNs) {
        process.started_ns = *at;
        break;
      }
      return fail(errc::malformed, fmt::format("process start time {}", quote(text)));
    case capture::ProcessSection::container_name:
      process.container_name = to_utf8(text, kMaxName);
      break;
    case capture::ProcessSection::pod_name:
      process.pod_name = to_utf8(text, kMaxName);
      break;
    case capture::ProcessSection::image_since_ns:
      if (const auto at = parse_number<std::int64_t>(text); at && std::abs(*at) <= kMaxTimeNs) {
        process.image_since_ns = *at;
        break;
      }
      return fail(errc::malformed, fmt::format("time of an exec {}", quote(text)));
    case capture::ProcessSection::listed:
      return read_listed(text, process);
    case capture::ProcessSection::service:
      append_name(text, process.service);
      break;
    case capture::ProcessSection::service_caption:
      append_name(text, process.service_caption);
      break;
  }
  return {};
}

}  // namespace

Result<Process> decode_process(std::span<const std::byte> sections, std::int64_t start_shift_ns) {
  Process process;
  bool has_start = false;
  Result<void> read;
  const bool whole =
      capture::for_each_section<capture::ProcessSection>(sections, [&](auto tag, auto bytes) {
        read = read_section(tag, as_text(bytes), process);
        has_start = has_start || tag == capture::ProcessSection::started_ns;
        return read.has_value();
      });
  if (!read) {
    return read.error();
  }
  if (!whole) {
    return fail(errc::truncated, fmt::format("process record of {} bytes", sections.size()));
  }
  if (process.id.pid == 0 || !has_start) {
    return fail(errc::malformed, "process record without its identity");
  }
  process.started_ns += start_shift_ns;
  if (process.image_since_ns) {
    *process.image_since_ns += start_shift_ns;
  }
  return process;
}

Result<std::vector<Holder>> decode_holders(std::string_view text) {
  std::vector<Holder> holders;
  for (const auto line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.empty()) {
      continue;
    }
    const auto key = parse_number<std::uint64_t>(fields[0]);
    const auto pid = fields.size() == 2 ? parse_number<std::uint32_t>(fields[1]) : std::nullopt;
    const bool nobody = fields.size() == 3 && fields[1] == "-";
    const auto why = nobody && fields[2] == name(UnknownOwner::not_permitted)
                         ? UnknownOwner::not_permitted
                         : UnknownOwner::gone;
    if (!key || (!pid && !nobody)) {
      return fail(errc::malformed, fmt::format("socket holder {}", quote(line)));
    }
    holders.push_back(Holder{*key, pid, why});
  }
  return holders;
}

Result<Session> decode_session(std::string_view text) {
  // As `record --interval` takes them.
  constexpr std::int64_t kMinInterval = 1'000'000;
  constexpr std::int64_t kMaxInterval = 3'600'000'000'000;
  Session session;
  for (const auto line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      continue;
    }
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    if (key == "host") {
      session.host = to_utf8(value, kMaxName);
    } else if (key == "os") {
      session.os = to_utf8(value, kMaxName);
    } else if (key == "kernel") {
      session.kernel = to_utf8(value, kMaxName);
    } else if (key == "boot_id") {
      session.boot_id = to_utf8(value, kMaxName);
    } else if (key == "sources") {
      session.sources = to_utf8(value, kMaxName);
    } else if (key == "utc_offset_s") {
      session.utc_offset_s = parse_number<std::int32_t>(value).value_or(0);
    } else if (key == "interval_ns") {
      session.interval_ns = parse_number<std::int64_t>(value).value_or(0);
    } else if (key == "started_ns") {
      session.started_ns = parse_number<std::int64_t>(value).value_or(0);
    }
  }
  if (session.interval_ns < kMinInterval || session.interval_ns > kMaxInterval) {
    return fail(errc::malformed, "interval_ns of the session");
  }
  return session;
}

}  // namespace netlog::decode
