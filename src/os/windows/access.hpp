// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace netlog::os {

/// Who may use a recording, as SDDL: its owner, the system, administrators, and a reader. Command
/// lines and peers' addresses are private. Rights of the directory above are not inherited.
/// @param reader the SID of who may read it, too; empty: nobody
std::wstring private_file(std::wstring_view reader = {});

/// The same for a directory; it is inherited by the files in it, such as SQLite's side files.
std::wstring private_directory(std::wstring_view reader = {});

/// Whether a SID (PSID) is ours, the system's, or that of the administrators.
bool is_trusted(void* sid);

/// Whether an entry of an access list (ACE) lets somebody else write or replace what it is of.
/// Windows' own installer is trusted, too. True for any entry that names rights to write and
/// neither simply allows nor denies them, such as one with a condition.
bool lets_others_write(const void* entry);

/// Refuses a file or a directory that others may write or replace: whoever can does what SYSTEM may
/// if it is a service's program. Windows' own installer is trusted, too. Errors: access_denied; the
/// system's reason.
Result<void> refuse_writable_by_others(const std::filesystem::path& path);

}  // namespace netlog::os
