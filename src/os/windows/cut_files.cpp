// SPDX-License-Identifier: MIT
#include "os/cut_files.hpp"

namespace netlog::os {

void end_when_a_mapped_file_is_cut() {}

void go_on_when_a_mapped_file_is_cut() {}

std::uint64_t replaced_pages() {
  return 0;
}

}  // namespace netlog::os
