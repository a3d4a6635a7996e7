// SPDX-License-Identifier: MIT
#pragma once

#include <windows.h>

namespace netlog::os {

/// A function of a system library; nullptr if the library does not have it. An older Windows, or
/// wine, lacks some functions: if they were linked, netlog would not start there.
template <typename Function>
Function look_up(HMODULE library, const char* name) {
  return library == nullptr
             ? nullptr
             : reinterpret_cast<Function>(reinterpret_cast<void*>(::GetProcAddress(library, name)));
}

/// Also loads the library, which stays loaded: callers keep the result.
template <typename Function>
Function look_up(const wchar_t* library, const char* name) {
  return look_up<Function>(::LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32), name);
}

}  // namespace netlog::os
