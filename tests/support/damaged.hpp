// SPDX-License-Identifier: MIT
#pragma once

#include "store/write/writer.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace netlog::test {

/// The page size of a recording, in bytes.
inline constexpr std::size_t kPage = 4096;

/// A recording of some hundred pages in two sessions: a.db in the folder.
inline std::filesystem::path two_sessions(const Scratch& scratch) {
  auto path = scratch / "a.db";
  for (std::int64_t session = 1; session <= 2; ++session) {
    Load load{11, session};
    store::Writer writer{path, load.session()};
    for (int i = 0; i < 8; ++i) {
      writer.push(load.batch(150));
    }
    writer.finish(load.now_ns());
  }
  return path;
}

/// The number of a table's or index's root page, from 1.
inline std::size_t root_of(const std::filesystem::path& path, const std::string& name) {
  return std::stoul(rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = '" + name + "'"));
}

inline std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream out{path, std::ios::binary};
  out << bytes;
}

/// Replaces a page of a file's bytes by noise. Pages are numbered from 1.
inline void overwrite_page(std::string& bytes, std::size_t number, std::mt19937& random) {
  for (std::size_t i = 0; i < kPage; ++i) {
    bytes.at((number - 1) * kPage + i) = static_cast<char>(random());
  }
}

}  // namespace netlog::test
