// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace netlog::store {

/// What a damaged recording still holds of one of its tables.
struct SalvagedTable {
  std::string name;
  std::int64_t rows = 0;     ///< that can be read
  std::int64_t lost = 0;     ///< that cannot, as far as their numbers tell; at most
  std::int64_t dropped = 0;  ///< that say nothing without what is lost
};

struct Salvaged {
  std::vector<SalvagedTable> tables;  ///< those that are recorded; what is summed up is made anew
  std::int64_t damaged_pages = 0;     ///< of those tables

  [[nodiscard]] bool damaged() const;
  [[nodiscard]] std::int64_t rows() const;
};

/// Looks what could be saved.
/// @throws StoreError: it cannot be read at all.
Salvaged survey(const std::filesystem::path& damaged);

/// Writes what a damaged recording still holds to a new one, which is as `netlog check` wants it. A
/// row whose connection is lost is dropped; a lost session becomes one of host `?`, a lost address
/// of ours 0.0.0.0, a lost peer or owner unknown. Where events of a connection are lost, what its
/// row and the events around say is put in, with an error that reaches over the hole. Sums are made
/// anew, and a gap of source `salvage` for each table says how much could not be read.
/// @param out an empty file
/// @throws StoreError: nothing can be read, or `out` cannot be written.
Salvaged salvage(const std::filesystem::path& damaged, const std::filesystem::path& out);

}  // namespace netlog::store
