// SPDX-License-Identifier: MIT
#include "source/linux/bpf/prepare.hpp"

#include <cerrno>
#include <cstdarg>
#include <string>

#include <bpf/libbpf.h>
#include <sys/stat.h>

#include <unistd.h>

namespace netlog::source {
namespace {

constexpr const char* kTypes = "/sys/kernel/btf/vmlinux";
// The inode number of the first pid namespace (include/linux/proc_ns.h PROC_PID_INIT_INO).
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFCU;

}  // namespace

Result<void> prepare_bpf() {
  libbpf_set_print([](libbpf_print_level, const char*, std::va_list) { return 0; });
  if (::access(kTypes, R_OK) != 0) {
    return fail_errno(errno, std::string{"this kernel's type information, "} + kTypes);
  }
  struct stat pids {};
  if (::stat("/proc/self/ns/pid", &pids) != 0 || pids.st_ino != kFirstPidNamespace) {
    return fail_errno(ENOTSUP,
                      "BPF reports pids of the first pid namespace, and this is another one");
  }
  return {};
}

}  // namespace netlog::source
