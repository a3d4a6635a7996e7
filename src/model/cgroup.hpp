// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace netlog {

/// Of lines `hierarchy:controllers:path` as in /proc/PID/cgroup the path that says most. The
/// unified hierarchy is `0::path`. Where both versions are in use the path that leads to a
/// container counts, then the unified one, then that of systemd, then the first one that is not the
/// root.
std::optional<std::string> cgroup_path(std::string_view text);

/// The id of a container. Runtimes (Docker, containerd, CRI-O, Podman) put its 64 digits into the
/// name of the cgroup: `/docker/<id>`, `…/cri-containerd-<id>.scope`. The innermost one counts. The
/// process that watches a container, `…/crio-conmon-<id>.scope`, is not in it.
std::optional<std::string> container_in(std::string_view cgroup);

/// The innermost unit of systemd: `…/system.slice/nginx.service`, `…/session-3.scope`. The scope of
/// a container says no more than its id.
std::optional<std::string> unit_in(std::string_view cgroup);

/// The uid of a Kubernetes pod: `/kubepods/burstable/pod<uid>/…`, or
/// `…/kubepods-burstable-pod<uid>.slice/…` with `_` for `-`.
std::optional<std::string> pod_in(std::string_view cgroup);

}  // namespace netlog
