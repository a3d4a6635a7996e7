// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace netlog::os {

/// Who may use a recording, as SDDL: its owner, the system, administrators, and a reader. Command
/// lines and peers' addresses are private. Rights of the directory above are not inherited.
/// @param reader the SID of who may read it, too; empty: nobody
std::wstring private_file(std::wstring_view reader = {});

/// The same for a directory; it is inherited by the files in it, such as SQLite's side files.
std::wstring private_directory(std::wstring_view reader = {});

}  // namespace netlog::os
