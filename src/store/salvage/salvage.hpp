// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/salvaged.hpp"

#include <filesystem>
#include <functional>

namespace netlog::store {

/// Counts what a damaged recording still holds. Writes nothing.
/// @throws StoreError: the file cannot be read at all.
Salvaged survey(const std::filesystem::path& damaged, const std::function<bool()>& go_on = {});

/// Copies what a damaged recording still holds to a new recording, and repairs it so that `netlog
/// check` finds no violation. A row whose connection is lost is dropped. A lost session becomes one
/// of host `?`, a lost local address 0.0.0.0, a lost remote address or owner unknown. Where events
/// of a connection are lost, events that follow from its row and its other events are inserted; the
/// error of their times covers the lost ones. Sums are computed again. A gap of source `salvage`
/// for each table says how many rows could not be read.
/// @param out an empty file
/// @throws StoreError: nothing can be read, or `out` cannot be written.
Salvaged salvage(const std::filesystem::path& damaged,
                 const std::filesystem::path& out,
                 const std::function<bool()>& go_on = {});

}  // namespace netlog::store
