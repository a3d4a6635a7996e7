// SPDX-License-Identifier: MIT
#include "model/cgroup.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cstddef>

namespace netlog {

std::optional<std::string> container_in(std::string_view cgroup) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::size_t kIdSize = 64;
  std::optional<std::string> found;
  for (auto name : split(cgroup, '/')) {
    const bool is_monitor = name.find("conmon") != std::string_view::npos ||
                            name.find("monitor") != std::string_view::npos ||
                            name.find("shim") != std::string_view::npos;
    while (!name.empty() && !is_monitor) {
      name.remove_prefix(std::min(name.find_first_of(kHex), name.size()));
      const auto size = std::min(name.find_first_not_of(kHex), name.size());
      if (size == kIdSize) {
        found = std::string{name.substr(0, size)};
      }
      name.remove_prefix(size);
    }
  }
  return found;
}

std::optional<std::string> cgroup_path(std::string_view text) {
  std::optional<std::string> path;
  std::optional<std::string> unified;
  for (const auto line : split(text, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) {
      continue;
    }
    const std::string here{line.substr(second + 1)};
    if (container_in(here)) {
      return here;
    }
    if (line.starts_with("0::")) {
      unified = here;
    } else if (here != "/" && (!path || line.substr(first + 1).starts_with("name=systemd:"))) {
      path = here;
    }
  }
  return unified && (*unified != "/" || !path) ? unified : path;
}

std::optional<std::string> unit_in(std::string_view cgroup) {
  std::optional<std::string> unit;
  for (const auto name : split(cgroup, '/')) {
    if (name.ends_with(".service") || (name.ends_with(".scope") && !container_in(name))) {
      unit = std::string{name};
    }
  }
  return unit;
}

std::optional<std::string> pod_in(std::string_view cgroup) {
  constexpr std::string_view kUid = "0123456789abcdef-_";
  constexpr std::size_t kMinSize = 32;
  if (cgroup.find("kubepods") == std::string_view::npos) {
    return std::nullopt;
  }
  for (auto name : split(cgroup, '/')) {
    const auto at = name.rfind("pod");
    if (at == std::string_view::npos) {
      continue;
    }
    name.remove_prefix(at + 3);
    std::string uid{name.substr(0, name.find_first_not_of(kUid))};
    if (uid.size() >= kMinSize) {
      std::replace(uid.begin(), uid.end(), '_', '-');
      return uid;
    }
  }
  return std::nullopt;
}

}  // namespace netlog
