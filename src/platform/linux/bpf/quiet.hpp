// SPDX-License-Identifier: MIT
#pragma once

#include <cstdarg>

#include <bpf/libbpf.h>

namespace netlog::platform {

/// libbpf would write what goes wrong to standard error, the verifier's pages of reasons too; our
/// errors say it in one line.
inline void silence_libbpf() {
  libbpf_set_print([](libbpf_print_level, const char*, std::va_list) { return 0; });
}

}  // namespace netlog::platform
