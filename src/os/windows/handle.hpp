// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <windows.h>

namespace netlog::os {

struct CloseHandle {
  using pointer = HANDLE;
  void operator()(HANDLE handle) const { ::CloseHandle(handle); }
};
/// Owns a kernel object; nullptr is none. own() makes one from a handle that can be
/// INVALID_HANDLE_VALUE.
using UniqueHandle = std::unique_ptr<void, CloseHandle>;

inline UniqueHandle own(HANDLE handle) {
  return UniqueHandle{handle == INVALID_HANDLE_VALUE ? nullptr : handle};
}

}  // namespace netlog::os
