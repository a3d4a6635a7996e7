// SPDX-License-Identifier: MIT
#include "source/linux/bpf/cgroup_root.hpp"

#include "source/linux/procfs.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <fcntl.h>

namespace netlog::source {

Result<os::UniqueFd> open_cgroup_root() {
  constexpr std::size_t kMax = std::size_t{4} << 20U;
  constexpr ino_t kRootInode = 1;  // cgroup_setup_root() in kernel/cgroup/cgroup.c
  const auto bytes = read_file("/proc/self/mountinfo", kMax);
  // proc(5): id, parent, device, root, mount point, options, optional fields, `-`, type, …
  for (const auto line : split(bytes ? as_text(*bytes) : std::string_view{}, '\n')) {
    const auto fields = words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() <= 5 || fields.end() - dash <= 1 || *(dash + 1) != "cgroup2") {
      continue;
    }
    os::UniqueFd mounted{
        ::open(std::string{fields[4]}.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct stat info {};
    struct statfs system {};  // another one may be mounted over it
    if (mounted && ::fstat(mounted.get(), &info) == 0 && info.st_ino == kRootInode &&
        ::fstatfs(mounted.get(), &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC) {
      return mounted;
    }
  }
  return fail_errno(ENOENT, "a mount of the cgroup2 root");
}

}  // namespace netlog::source
