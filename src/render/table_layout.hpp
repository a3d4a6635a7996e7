// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "render/render.hpp"

#include <iosfwd>

namespace netlog::render {

/// Writes a table as aligned columns under their titles. On a narrow terminal columns are left out:
/// first counts of nothing and texts that no row has, then optional columns, last those that
/// distinguish rows. Then texts are shortened. `dates`: times are shown with their date.
void write_table(std::ostream& out, const Table& table, const TextStyle& style, bool dates);

}  // namespace netlog::render
