// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace netlog::os {

// Somebody may cut short a file that this process has mapped, such as the -shm of a recording,
// which is SQLite's index of the WAL. Reading or writing what is gone raises SIGBUS, mmap(2), which
// kills the process unless it has chosen one of these. Defined in linux/ and in windows/, where
// they do nothing: Windows refuses to cut such a file.

/// From now on, the process says so in one line and ends with 1.
void end_when_a_mapped_file_is_cut();

/// From now on, each page that is gone is replaced by one of zeros, which no file has, and counted.
/// Whoever relies on a mapped file must look at the count before it uses what it has read.
void go_on_when_a_mapped_file_is_cut();

/// How many pages were replaced in this process.
std::uint64_t replaced_pages();

}  // namespace netlog::os
