// SPDX-License-Identifier: MIT
#include "store/write/wal_index.hpp"

#include <algorithm>
#include <cstddef>

namespace netlog::store {
namespace {

/// A part of the index of the WAL, which the process has mapped (sqlite.org/walformat.html, 2.2):
/// the page numbers of its frames, and a hash table of them. The first part begins with the header.
class IndexPart {
 public:
  /// Part `number`. It is absent without an index, or if the index has no such part.
  IndexPart(SQLite::Database& database, std::uint32_t number) : is_first_{number == 0} {
    auto* const file = open_file(database, SQLITE_FCNTL_FILE_POINTER);
    if (file == nullptr || file->pMethods->iVersion < 2) {
      return;
    }
    volatile void* part = nullptr;
    if (file->pMethods->xShmMap(file, static_cast<int>(number), kBytes, 0, &part) == SQLITE_OK) {
      at_ = static_cast<volatile std::byte*>(part);
    }
  }

  [[nodiscard]] bool is_absent() const { return at_ == nullptr; }
  /// isInit and mxFrame of the header.
  [[nodiscard]] bool is_initialized() const { return at_[12] != std::byte{}; }
  [[nodiscard]] std::uint32_t frames() const {
    return *reinterpret_cast<const volatile std::uint32_t*>(at_ + 16);
  }
  /// How many frames it can have.
  [[nodiscard]] std::uint32_t capacity() const { return 4'096 - header() / 4; }
  /// Whether it has the numbers of its first frames. What was cut off and is there again is zeros.
  [[nodiscard]] bool has(std::uint32_t frames) const {
    const auto* const numbers = reinterpret_cast<const volatile std::uint32_t*>(at_ + header());
    const auto* const slots = reinterpret_cast<const volatile std::uint16_t*>(at_ + kBytes / 2);
    return is_set(numbers, frames) >= frames && is_set(slots, kSlots) >= frames;
  }
  /// Without a header, whoever reads next makes the index again, also those who have it open.
  void invalidate() {
    for (std::size_t at = 0; at_ != nullptr && at < kHeaders; ++at) {
      at_[at] = std::byte{};
    }
  }

 private:
  static constexpr int kBytes = 32'768;
  static constexpr std::size_t kHeaders = 96;  ///< two copies
  static constexpr std::uint32_t kSlots = 8'192;

  [[nodiscard]] std::uint32_t header() const { return is_first_ ? 136 : 0; }
  template <typename Number>
  static std::uint32_t is_set(const volatile Number* numbers, std::uint32_t count) {
    std::uint32_t set = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      set += numbers[i] != 0 ? 1U : 0U;
    }
    return set;
  }

  volatile std::byte* at_ = nullptr;
  bool is_first_;
};

}  // namespace

sqlite3_file* open_file(SQLite::Database& database, int which) {
  sqlite3_file* file = nullptr;
  const bool is_open =
      sqlite3_file_control(database.getHandle(), "main", which, &file) == SQLITE_OK &&
      file != nullptr && file->pMethods != nullptr;
  return is_open ? file : nullptr;
}

std::optional<std::uint32_t> frames_in_wal(SQLite::Database& database) {
  const IndexPart first{database, 0};
  return first.is_absent() ? std::nullopt : std::optional{first.frames()};
}

bool is_index_whole(SQLite::Database& database) {
  const IndexPart first{database, 0};
  if (first.is_absent()) {
    return true;
  }
  auto left = first.frames();
  bool is_whole = first.is_initialized();
  for (std::uint32_t number = 0; is_whole && left > 0; ++number) {
    const IndexPart part{database, number};
    const auto here = part.is_absent() ? 0 : std::min(left, part.capacity());
    is_whole = here > 0 && part.has(here);
    left -= here;
  }
  return is_whole;
}

void invalidate_index(SQLite::Database& database) {
  IndexPart{database, 0}.invalidate();
}

}  // namespace netlog::store
