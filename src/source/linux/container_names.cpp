// SPDX-License-Identifier: MIT
#include "source/linux/container_names.hpp"

#include "os/clock.hpp"
#include "source/linux/procfs.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>

#include <dirent.h>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxKnown = 10'000;
constexpr std::size_t kMaxFile = std::size_t{16} << 20U;
constexpr std::size_t kMaxName = 255;

/// The characters of names that runtimes and Kubernetes allow. Anything else is not a name.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

/// The text between `before` and the next quotation mark, if it is a name.
std::string name_after(std::string_view json, std::string_view before) {
  const auto at = json.find(before);
  if (at == std::string_view::npos) {
    return {};
  }
  json.remove_prefix(at + before.size());
  const auto name = json.substr(0, json.find('"'));
  return is_name(name) ? std::string{name} : std::string{};
}

}  // namespace

std::optional<ContainerName> name_in_log_link(std::string_view file, std::string_view id) {
  const auto suffix = "-" + std::string{id} + ".log";
  if (!file.ends_with(suffix)) {
    return std::nullopt;
  }
  file.remove_suffix(suffix.size());
  const auto parts = split(file, '_');
  if (parts.size() != 3 || !std::all_of(parts.begin(), parts.end(), is_name)) {
    return std::nullopt;
  }
  return ContainerName{std::string{parts[2]}, std::string{parts[1]} + '/' + std::string{parts[0]}};
}

std::string name_in_docker_config(std::string_view json) {
  return name_after(json, R"("Name":"/)");
}

std::string name_in_storage_list(std::string_view json, std::string_view id) {
  const auto at = json.find(R"("id":")" + std::string{id} + '"');
  if (at == std::string_view::npos) {
    return {};
  }
  json.remove_prefix(at);
  // Up to the next container.
  const auto next = json.find(R"("id":")", 1);
  return name_after(json.substr(0, next), R"("names":[")");
}

const ContainerName& ContainerNames::find(const std::string& id) {
  if (known_.size() >= kMaxKnown) {
    known_.clear();
  }
  const auto now_ns = os::read_boot_clock_ns();
  const auto [entry, is_new] = known_.try_emplace(id);
  auto& found = entry->second;
  if (is_new || (found.name == ContainerName{} && now_ns - found.looked_ns >= kNsPerSecond)) {
    found = Found{look(id), now_ns};
  }
  return found.name;
}

ContainerName ContainerNames::look(const std::string& id) const {
  const auto links = root_ + "/var/log/containers";
  if (const std::unique_ptr<DIR, int (*)(DIR*)> listing{::opendir(links.c_str()), &::closedir}) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): of a listing of our own
    while (const auto* const entry = ::readdir(listing.get())) {
      if (auto name = name_in_log_link(&entry->d_name[0], id)) {
        return std::move(*name);
      }
    }
  }
  if (const auto config =
          read_file(root_ + "/var/lib/docker/containers/" + id + "/config.v2.json", kMaxFile)) {
    return {name_in_docker_config(as_text(*config)), {}};
  }
  if (const auto list = read_file(
          root_ + "/var/lib/containers/storage/overlay-containers/containers.json", kMaxFile)) {
    return {name_in_storage_list(as_text(*list), id), {}};
  }
  return {};
}

}  // namespace netlog::source
