// SPDX-License-Identifier: MIT
#include "os/files.hpp"

#include <algorithm>
#include <array>

namespace netlog::os {

bool is_network_file_system(std::int64_t type) {
  // NFS, SMB, CIFS, SMB2, Ceph, 9P (drives of Windows in WSL2).
  constexpr std::array<std::int64_t, 6> kTypes{
      0x6969, 0x517B, 0xFF534D42, 0xFE534D42, 0x00C36400, 0x01021997};
  // The kernel's long may be negative.
  return std::find(kTypes.begin(), kTypes.end(), type & 0xFFFF'FFFF) != kTypes.end();
}

}  // namespace netlog::os
