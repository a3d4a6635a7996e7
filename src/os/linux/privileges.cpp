// SPDX-License-Identifier: MIT
#include "os/privileges.hpp"

#include "os/linux/capabilities.hpp"

#include <array>
#include <cerrno>

#include <linux/capability.h>
#include <sys/prctl.h>

#include <unistd.h>

namespace netlog::os {
namespace {

struct Right {
  int number;
  const char* name;
};

// CAP_BPF and CAP_PERFMON are not here: only loading the BPF programs needs them.
constexpr std::array kForSources{
    // To read links in /proc/PID of other users' processes: exe, fd/…, ns/net
    // (ptrace_may_access()).
    Right{CAP_SYS_PTRACE, "sys_ptrace"},
    // To list the descriptors of those processes: only its owner may list /proc/PID/fd.
    Right{CAP_DAC_READ_SEARCH, "dac_read_search"},
    // To enter network namespaces that begin later with setns().
    Right{CAP_SYS_ADMIN, "sys_admin"},
    // For receive buffers larger than net.core.rmem_max in those namespaces (SO_RCVBUFFORCE).
    Right{CAP_NET_ADMIN, "net_admin"},
};
constexpr std::array kForReaders{Right{CAP_CHOWN, "chown"}};

std::vector<Right> needed(const RetainedRights& retained) {
  std::vector<Right> rights{kForSources.begin(), kForSources.end()};
  if (retained.group_read) {
    rights.insert(rights.end(), kForReaders.begin(), kForReaders.end());
  }
  return rights;
}

}  // namespace

Result<void> drop_rights(const RetainedRights& retained) {
  std::uint64_t kept = 0;
  for (const auto& right : needed(retained)) {
    kept |= std::uint64_t{1} << static_cast<unsigned>(right.number);
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) {
    return fail_errno(errno, "clear the ambient capabilities");
  }
  // Without CAP_SETPCAP the bounding set stays. no_new_privs then prevents gaining any of it.
  for (int number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number) {
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EPERM) {
      return fail_errno(errno, "clear the bounding set");
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail_errno(errno, "set no_new_privs");
  }
  return keep_capabilities(kept);
}

void lower_rights() {
  if (::geteuid() != 0) {
    set_effective_capabilities(0);
  }
}

RaisedRights::RaisedRights() : before_{capabilities()} {
  set_effective_capabilities(~std::uint64_t{0});
}

RaisedRights::~RaisedRights() {
  set_effective_capabilities(before_);
}

std::vector<std::string> retained_capabilities(const RetainedRights& retained) {
  std::vector<std::string> names;
  for (const auto& right : needed(retained)) {
    if ((capabilities() >> static_cast<unsigned>(right.number) & 1U) != 0) {
      names.emplace_back(right.name);
    }
  }
  return names;
}

}  // namespace netlog::os
