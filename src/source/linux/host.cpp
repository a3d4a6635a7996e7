// SPDX-License-Identifier: MIT
#include "os/clock.hpp"
#include "source/linux/procfs.hpp"
#include "source/live_source.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <sys/utsname.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxHostText = std::size_t{64} * 1024;

std::string text_of(const std::string& path) {
  const auto bytes = read_file(path, kMaxHostText);
  return bytes ? std::string{as_text(*bytes)} : std::string{};
}

// os-release(5): shell-like assignments, values perhaps in quotes.
std::string os_name() {
  const auto text = text_of("/etc/os-release");
  constexpr std::string_view kKey = "PRETTY_NAME=";
  for (auto line : split(text, '\n')) {
    if (line.starts_with(kKey)) {
      line.remove_prefix(kKey.size());
      std::string name{line};
      std::erase(name, '"');
      return name;
    }
  }
  return "Linux";
}

}  // namespace

std::string describe_host() {
  utsname system{};
  ::uname(&system);
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    std::string line{trim(value)};
    std::replace(line.begin(), line.end(), '\n', ' ');
    if (!line.empty()) {
      text += fmt::format("{}={}\n", key, line);
    }
  };
  add("host", system.nodename);
  add("os", os_name());
  add("kernel", system.release);
  add("boot_id", text_of("/proc/sys/kernel/random/boot_id"));
  add("utc_offset_s",
      std::to_string(os::local_utc_offset_s(os::read_wall_clock_ns() / kNsPerSecond)));
  return text;
}

}  // namespace netlog::source
