// SPDX-License-Identifier: MIT
#pragma once

#include "os/service.hpp"
#include "util/error.hpp"

#include <string>

namespace netlog::os {

/// By which a unit of `netlog service install` is recognised.
constexpr const char* kFirstLineOfUnit =
    "# Written by `netlog service install`; `netlog service uninstall` deletes it.";

/// The unit of the package (packaging/netlog.service, systemd.service(5)), for another program and
/// other options of `record`. Without the package there is no group netlog, so root alone reads the
/// recording.
/// Errors: a word has a control character, which a unit cannot have.
Result<std::string> service_unit(const std::string& program, const RecordCommand& command);

}  // namespace netlog::os
