// SPDX-License-Identifier: MIT
#pragma once

#include <windows.h>

namespace netlog::os {

/// The function of a system library, looked up when it is wanted: an older Windows, or wine, lacks
/// some, and linked directly they would keep netlog from starting. nullptr: not there.
template <typename Function>
Function look_up(HMODULE library, const char* name) {
  return library == nullptr
             ? nullptr
             : reinterpret_cast<Function>(reinterpret_cast<void*>(::GetProcAddress(library, name)));
}

/// Loads the library, which stays: to be kept by the caller.
template <typename Function>
Function look_up(const wchar_t* library, const char* name) {
  return look_up<Function>(::LoadLibraryExW(library, nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32), name);
}

}  // namespace netlog::os
