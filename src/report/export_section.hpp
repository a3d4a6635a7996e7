// SPDX-License-Identifier: MIT
#pragma once

#include "report/definition.hpp"

#include <string_view>

namespace netlog::report {

/// A query of src/report/sql/export/. @throws std::invalid_argument if there is none of that name
Section export_section(std::string_view name);

}  // namespace netlog::report
