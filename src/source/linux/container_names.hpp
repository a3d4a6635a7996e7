// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace netlog::source {

/// What people call a container. What is not known is empty.
struct ContainerName {
  std::string name;
  std::string pod;  ///< `namespace/name`

  bool operator==(const ContainerName&) const = default;
};

/// Finds the names of containers in files that runtimes keep: the links of the kubelet, and those
/// of Docker, Podman and CRI-O. No runtime is asked.
class ContainerNames {
 public:
  /// @param root where the file system begins; tests have one of their own
  explicit ContainerNames(std::string root = {}) : root_{std::move(root)} {}

  /// The names of the container with this id of 64 digits. One that is not found is looked for
  /// again the next time, at most once a second.
  const ContainerName& find(const std::string& id);

 private:
  struct Found {
    ContainerName name;
    std::int64_t looked_ns = 0;
  };
  [[nodiscard]] ContainerName look(const std::string& id) const;

  std::string root_;
  std::map<std::string, Found> known_;
};

/// From `POD_NAMESPACE_CONTAINER-ID.log`, a name in /var/log/containers.
std::optional<ContainerName> name_in_log_link(std::string_view file, std::string_view id);

/// From Docker's config.v2.json.
std::string name_in_docker_config(std::string_view json);

/// From containers.json of Podman and CRI-O.
std::string name_in_storage_list(std::string_view json, std::string_view id);

}  // namespace netlog::source
