// SPDX-License-Identifier: MIT
#include "os/privileges.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <span>

#include <linux/sched.h>
#include <sys/socket.h>

#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

namespace netlog::os {
namespace {

// What recording never needs. A number that libseccomp does not know on this machine is left out.
constexpr std::array kForbidden{// other programs, other processes
                                "execve",
                                "execveat",
                                "fork",
                                "vfork",
                                "ptrace",
                                "process_vm_readv",
                                "process_vm_writev",
                                "process_madvise",
                                "pidfd_getfd",
                                "kcmp",
                                "kill",
                                "tkill",
                                "pidfd_send_signal",
                                "rt_sigqueueinfo",
                                "rt_tgsigqueueinfo",
                                // other users and other rights
                                "setuid",
                                "setgid",
                                "setreuid",
                                "setregid",
                                "setresuid",
                                "setresgid",
                                "setgroups",
                                "setfsuid",
                                "setfsgid",
                                // the file system's shape
                                "mount",
                                "umount2",
                                "pivot_root",
                                "chroot",
                                "move_mount",
                                "open_tree",
                                "fsopen",
                                "fsmount",
                                "fsconfig",
                                "fspick",
                                "mount_setattr",
                                "mknod",
                                "mknodat",
                                "swapon",
                                "swapoff",
                                "quotactl",
                                "open_by_handle_at",
                                "name_to_handle_at",
                                "fanotify_init",
                                // the kernel
                                "init_module",
                                "finit_module",
                                "delete_module",
                                "kexec_load",
                                "kexec_file_load",
                                "reboot",
                                "iopl",
                                "ioperm",
                                "perf_event_open",
                                "userfaultfd",
                                "add_key",
                                "request_key",
                                "keyctl",
                                "io_uring_setup",
                                "io_uring_enter",
                                "io_uring_register",
                                "syslog",
                                "acct",
                                "settimeofday",
                                "clock_settime",
                                "clock_adjtime",
                                "adjtimex",
                                "sethostname",
                                "setdomainname",
                                "vhangup",
                                "modify_ldt",
                                "personality",
                                "lookup_dcookie",
                                "nfsservctl",
                                // the network
                                "listen"};

constexpr std::array kAccepting{"accept", "accept4"};

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, Release>;

/// A condition on the first argument of a system call.
scmp_arg_cmp first_argument(scmp_compare compare, scmp_datum_t value, scmp_datum_t masked = 0) {
  return {0, compare, value, masked};
}

int forbid(const Filter& filter, std::span<const char* const> names) {
  for (const auto* const name : names) {
    if (const auto number = seccomp_syscall_resolve_name(name); number != __NR_SCMP_ERROR) {
      if (const auto code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0);
          code != 0) {
        return code;
      }
    }
  }
  return 0;
}

/// Sockets of all kinds but those that netlog needs, of which none reaches another machine.
int forbid_sockets(const Filter& filter) {
  const auto forbid_families = [&](scmp_compare compare, int family) {
    const auto arg = first_argument(compare, static_cast<scmp_datum_t>(family));
    return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, arg);
  };
  static_assert(AF_UNIX < AF_NETLINK);
  for (int family = AF_UNIX + 1; family < AF_NETLINK; ++family) {
    if (const auto code = forbid_families(SCMP_CMP_EQ, family); code != 0) {
      return code;
    }
  }
  return forbid_families(SCMP_CMP_GT, AF_NETLINK);
}

/// Signals to other processes. abort() sends one to this process.
int forbid_signals(const Filter& filter) {
  const auto arg = first_argument(SCMP_CMP_NE, static_cast<scmp_datum_t>(::getpid()));
  return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1, arg);
}

/// clone() makes threads, not processes: CLONE_VM is set.
int forbid_processes(const Filter& filter) {
  const auto arg = first_argument(SCMP_CMP_MASKED_EQ, CLONE_VM);
  return seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, arg);
}

int forbid_all(const Filter& filter, const AllowedCalls& allowed) {
  if (const auto code = forbid(filter, kForbidden); code != 0) {
    return code;
  }
  if (!allowed.accept) {
    if (const auto code = forbid(filter, kAccepting); code != 0) {
      return code;
    }
  }
  // The arguments of clone3() are in memory, where a filter cannot look. glibc then uses clone().
  if (const auto code = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
      code != 0) {
    return code;
  }
  if (const auto code = forbid_processes(filter); code != 0) {
    return code;
  }
  if (const auto code = forbid_signals(filter); code != 0) {
    return code;
  }
  return forbid_sockets(filter);
}

}  // namespace

Result<void> restrict_system_calls(const AllowedCalls& allowed) {
  const Filter filter{seccomp_init(SCMP_ACT_ALLOW)};
  if (!filter) {
    return fail_errno(ENOMEM, "make a system call filter");
  }
  auto code = forbid_all(filter, allowed);
  if (code == 0) {
    // Also for the threads that run already.
    code = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  }
  if (code == 0) {
    code = seccomp_load(filter.get());
  }
  if (code != 0) {
    return fail_errno(-code, "load a system call filter");
  }
  return {};
}

}  // namespace netlog::os
