// SPDX-License-Identifier: MIT
#include "store/salvage/sqlite_pages.hpp"

#include "os/file_trust.hpp"
#include "os/files.hpp"
#include "store/db/store_error.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::size_t kFileHeader = 100;
constexpr std::size_t kWalHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr std::uint32_t kWalMagic = 0x377F0682;  // last bit set: checksums of big-endian words
constexpr std::size_t kMinPage = 512;
constexpr std::size_t kMaxPage = 65536;
// Rows of a recording are shorter. The limit bounds the time that a hostile file can cost.
constexpr std::uint64_t kMaxPayload = std::uint64_t{1} << 17U;
constexpr std::uint64_t kMaxOfPage = std::uint64_t{1} << 22U;
constexpr std::size_t kMaxColumns = 1000;

std::uint32_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = value << 8U | std::to_integer<std::uint32_t>(bytes[at + i]);
  }
  return value;
}

std::uint32_t u32(std::span<const std::byte> bytes, std::size_t at) {
  return big_endian(bytes, at, 4);
}

std::size_t u16(std::span<const std::byte> bytes, std::size_t at) {
  return big_endian(bytes, at, 2);
}

/// Reads a varint and moves `at` behind it. Absent if the bytes end inside it.
std::optional<std::uint64_t> varint(std::span<const std::byte> bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int i = 0; i < 9; ++i) {
    if (at >= bytes.size()) {
      return std::nullopt;
    }
    const auto byte = std::to_integer<std::uint64_t>(bytes[at++]);
    if (i == 8) {
      return value << 8U | byte;
    }
    value = value << 7U | (byte & 0x7FU);
    if ((byte & 0x80U) == 0) {
      return value;
    }
  }
  return value;
}

std::uint64_t size_of_type(std::uint64_t type) {
  constexpr std::array<std::uint64_t, 10> kSizes{0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
  return type < kSizes.size() ? kSizes.at(type) : (type - 12) / 2;
}

Value value_of(std::uint64_t type, std::span<const std::byte> bytes) {
  if (type == 0) {
    return std::monostate{};
  }
  if (type == 8 || type == 9) {
    return static_cast<std::int64_t>(type - 8);
  }
  if (type < 8) {
    std::uint64_t bits =
        !bytes.empty() && std::to_integer<unsigned>(bytes[0]) >= 0x80 ? ~std::uint64_t{0} : 0;
    for (const auto byte : bytes) {
      bits = bits << 8U | std::to_integer<std::uint64_t>(byte);
    }
    return type == 7 ? Value{std::bit_cast<double>(bits)} : Value{static_cast<std::int64_t>(bits)};
  }
  if (type % 2 == 1) {
    return std::string{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  return std::vector<std::byte>{bytes.begin(), bytes.end()};
}

std::optional<std::vector<Value>> values_of(std::span<const std::byte> payload) {
  std::size_t at = 0;
  const auto header = varint(payload, at);
  if (!header || *header > payload.size() || *header < at) {
    return std::nullopt;
  }
  auto content = static_cast<std::size_t>(*header);
  const auto types = payload.first(content);
  std::vector<Value> values;
  while (at < types.size()) {
    const auto type = varint(types, at);
    if (!type || *type == 10 || *type == 11 || values.size() >= kMaxColumns) {
      return std::nullopt;
    }
    const auto size = size_of_type(*type);
    if (size > payload.size() - content) {
      return std::nullopt;
    }
    values.push_back(value_of(*type, payload.subspan(content, static_cast<std::size_t>(size))));
    content += static_cast<std::size_t>(size);
  }
  return content == payload.size() ? std::optional{std::move(values)} : std::nullopt;
}

bool is_page_size(std::size_t size) {
  return size >= kMinPage && size <= kMaxPage && std::has_single_bit(size);
}

bool holds_records(TreePage::Kind kind) {
  return kind != TreePage::Kind::table_inner;
}

bool is_inner(TreePage::Kind kind) {
  return kind == TreePage::Kind::table_inner || kind == TreePage::Kind::index_inner;
}

bool is_of_table(TreePage::Kind kind) {
  return kind == TreePage::Kind::table_inner || kind == TreePage::Kind::table_leaf;
}

/// The cumulative checksum of a WAL.
struct Checksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void add(std::span<const std::byte> bytes, bool big) {
    const auto word = [&](std::size_t at) {
      const auto value = u32(bytes, at);
      return big ? value
                 : (value >> 24U | (value >> 8U & 0xFF00U) | (value << 8U & 0xFF0000U) |
                    value << 24U);
    };
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first += word(at) + second;
      second += word(at + 4) + first;
    }
  }
  [[nodiscard]] bool is(std::span<const std::byte> bytes, std::size_t at) const {
    return u32(bytes, at) == first && u32(bytes, at + 4) == second;
  }
};

bool read_at(std::ifstream& file, std::uint64_t offset, std::span<std::byte> to) {
  file.clear();
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(to.data()), static_cast<std::streamsize>(to.size()));
  return static_cast<std::size_t>(file.gcount()) == to.size();
}

}  // namespace

PageFile::PageFile(const std::filesystem::path& path, std::function<bool()> go_on)
    : path_{path}, work_{path, std::move(go_on)} {
  if (const auto why = os::distrust(path, os::FileUse::read)) {
    throw StoreError{fmt::format("cannot read recording {}: {}", utf8(path), *why)};
  }
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error))) {
    throw StoreError{fmt::format("cannot read recording {}: {}",
                                 utf8(path),
                                 error ? error.message() : "not a regular file")};
  }
  file_.open(path, std::ios::binary);
  file_size_ = std::filesystem::file_size(path, error);
  if (!file_ || error) {
    throw StoreError{
        fmt::format("cannot read recording {}: it may not be read; ask its owner, or run as that "
                    "user",
                    utf8(path))};
  }
  read_header();
  pages_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      file_size_ / page_size_, std::numeric_limits<std::uint32_t>::max() - 1));
  const auto in_file = pages_;
  read_wal(with_suffix(path, "-wal"));
  // What the header of a commit says may be anything. Other pages than these are nowhere.
  pages_ = static_cast<std::uint32_t>(
      std::min({std::uint64_t{pages_},
                in_file + std::uint64_t{in_wal_.size()},
                std::uint64_t{std::numeric_limits<std::uint32_t>::max() - 1}}));
}

void PageFile::check_time() {
  constexpr std::uint64_t kPagesAtOnce = 32;
  if (++pages_read_ % kPagesAtOnce != 0) {
    return;
  }
  if (!work_.may_go_on()) {
    throw work_.why_not("read recording " + utf8(path_));
  }
}

void PageFile::read_header() {
  std::array<std::byte, kFileHeader> header{};
  if (!read_at(file_, 0, header)) {
    return;
  }
  constexpr std::string_view kMagic{"SQLite format 3"};
  constexpr std::uint32_t kUtf8 = 1;
  constexpr std::uint32_t kUtf16be = 3;
  const bool is_header = as_text(std::span<const std::byte>{header}).starts_with(kMagic);
  if (const auto encoding = u32(header, 56);
      is_header && encoding > kUtf8 && encoding <= kUtf16be) {
    throw StoreError{fmt::format(
        "cannot salvage {}: its texts are in UTF-16, and those of a recording in UTF-8; "
        "convert it first: sqlite3 '{}' .dump | sqlite3 NEW",
        utf8(path_),
        utf8(path_))};
  }
  // Valid if the last to write was an SQLite that writes it (1.3.8 of sqlite.org/fileformat2.html).
  if (is_header && u32(header, 24) == u32(header, 92)) {
    claimed_pages_ = u32(header, 28);
  }
  const auto size = u16(header, 16) == 1 ? kMaxPage : u16(header, 16);
  const auto reserved = std::to_integer<std::size_t>(header[20]);
  if (is_page_size(size)) {
    page_size_ = size;
    usable_ = size - reserved >= kMinPage - 32 ? size - reserved : size;
  }
}

void PageFile::read_wal(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error))) {
    return;  // opening a pipe would wait
  }
  wal_.open(path, std::ios::binary);
  std::array<std::byte, kWalHeader> header{};
  if (!wal_ || !read_at(wal_, 0, header) || (u32(header, 0) & ~1U) != kWalMagic ||
      u32(header, 8) != page_size_) {
    return;
  }
  const bool big = (u32(header, 0) & 1U) != 0;
  Checksum sum;
  sum.add(std::span{header}.first(24), big);
  if (!sum.is(header, 24)) {
    return;
  }
  std::map<std::uint32_t, std::uint64_t> pending;
  Bytes frame(kFrameHeader + page_size_);
  for (std::uint64_t at = kWalHeader; read_at(wal_, at, frame); at += frame.size()) {
    check_time();
    sum.add(std::span{frame}.first(8), big);
    sum.add(std::span{frame}.subspan(kFrameHeader), big);
    if (u32(frame, 8) != u32(header, 16) || u32(frame, 12) != u32(header, 20) ||
        !sum.is(frame, 16)) {
      return;  // a frame from before the last WAL reset
    }
    pending[u32(frame, 0)] = at + kFrameHeader;
    if (const auto pages = u32(frame, 4); pages != 0) {  // a commit
      for (const auto& [number, offset] : std::exchange(pending, {})) {
        in_wal_[number] = offset;
      }
      pages_ = claimed_pages_ = pages;
    }
  }
}

PageFile::Bytes PageFile::page(std::uint32_t number) {
  check_time();
  if (number == 0 || number > pages_) {
    return {};
  }
  Bytes bytes(page_size_);
  const auto newer = in_wal_.find(number);
  const bool there = newer == in_wal_.end()
                         ? read_at(file_, std::uint64_t{number - 1} * page_size_, bytes)
                         : read_at(wal_, newer->second, bytes);
  return there ? bytes : Bytes{};
}

std::optional<TreePage> PageFile::tree_page(std::uint32_t number) {
  const auto bytes = page(number);
  if (bytes.empty()) {
    return std::nullopt;
  }
  const std::size_t header = number == 1 ? kFileHeader : 0;
  const auto kind = static_cast<TreePage::Kind>(bytes[header]);
  if (kind != TreePage::Kind::index_inner && kind != TreePage::Kind::index_leaf &&
      !is_of_table(kind)) {
    return std::nullopt;
  }
  const auto cells = u16(bytes, header + 3);
  const auto pointers = header + (is_inner(kind) ? 12 : 8);
  if (pointers + 2 * cells > usable_) {
    return std::nullopt;
  }
  TreePage made{kind, {}, {}, 0, {}};
  std::uint64_t decoded = 0;
  for (std::size_t i = 0; i < cells; ++i) {
    auto at = u16(bytes, pointers + 2 * i);
    if (at < pointers + 2 * cells || at + 4 > usable_) {
      ++made.unreadable;
      continue;
    }
    if (is_inner(kind)) {
      made.children.push_back(u32(bytes, at));
      at += 4;
    }
    if (kind == TreePage::Kind::table_inner) {
      auto key_at = at;
      if (const auto key = varint(bytes, key_at)) {
        made.last_key = std::max(made.last_key.value_or(0), static_cast<std::int64_t>(*key));
      }
    }
    if (!holds_records(kind)) {
      continue;
    }
    // Overlapping cells could make the content many times larger than the page.
    auto begins = at;
    decoded += varint(bytes, begins).value_or(0);
    if (decoded > kMaxOfPage) {
      ++made.unreadable;
      continue;
    }
    cell_ = (std::uint64_t{number} << 16U) | i;
    if (auto found = record(std::span{bytes}.first(usable_), at, kind)) {
      made.records.push_back(std::move(*found));
    } else {
      ++made.unreadable;
    }
  }
  if (is_inner(kind)) {
    made.children.push_back(u32(bytes, header + 8));
  }
  return made;
}

std::optional<Record> PageFile::record(std::span<const std::byte> page,
                                       std::size_t at,
                                       TreePage::Kind kind) {
  const auto size = varint(page, at);
  const auto rowid = is_of_table(kind) ? varint(page, at) : std::optional<std::uint64_t>{0};
  if (!size || !rowid) {
    return std::nullopt;
  }
  const auto bytes = payload(page, at, *size, kind);
  if (!bytes) {
    return std::nullopt;
  }
  auto values = values_of(*bytes);
  if (!values) {
    return std::nullopt;
  }
  return Record{static_cast<std::int64_t>(*rowid), std::move(*values)};
}

std::optional<PageFile::Bytes> PageFile::payload(std::span<const std::byte> page,
                                                 std::size_t at,
                                                 std::uint64_t size,
                                                 TreePage::Kind kind) {
  if (size > kMaxPayload) {
    return std::nullopt;
  }
  const auto whole = static_cast<std::size_t>(size);
  const auto most = is_of_table(kind) ? usable_ - 35 : (usable_ - 12) * 64 / 255 - 23;
  auto local = whole;
  if (whole > most) {
    const auto least = (usable_ - 12) * 32 / 255 - 23;
    const auto fitting = least + (whole - least) % (usable_ - 4);
    local = fitting <= most ? fitting : least;
  }
  if (local > page.size() - std::min(at, page.size()) ||
      (local < whole && at + local + 4 > page.size())) {
    return std::nullopt;
  }
  const auto begin = page.begin() + static_cast<std::ptrdiff_t>(at);
  Bytes bytes{begin, begin + static_cast<std::ptrdiff_t>(local)};
  auto next = local < whole ? u32(page, at + local) : 0;
  while (bytes.size() < whole) {  // each page adds bytes, so a circular list ends too
    const auto overflow =
        overflow_of_.try_emplace(next, cell_).first->second == cell_ ? this->page(next) : Bytes{};
    if (overflow.empty()) {
      return std::nullopt;
    }
    next = u32(overflow, 0);
    const auto more = std::min(whole - bytes.size(), usable_ - 4);
    bytes.insert(bytes.end(),
                 overflow.begin() + 4,
                 overflow.begin() + 4 + static_cast<std::ptrdiff_t>(more));
  }
  return bytes;
}

std::vector<bool> PageFile::free_pages() {
  std::vector<bool> free(std::size_t{pages_} + 1, false);
  const auto header = page(1);
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  if (header.empty() ||
      std::string_view{reinterpret_cast<const char*>(header.data()), 16} != kMagic) {
    return free;  // the header is damaged, so is its freelist
  }
  for (auto trunk = u32(header, 32); trunk > 1 && trunk <= pages_ && !free[trunk];) {
    free[trunk] = true;
    const auto bytes = page(trunk);
    if (bytes.empty()) {
      break;
    }
    const auto leaves = std::min<std::size_t>(u32(bytes, 4), usable_ / 4 - 2);
    for (std::size_t i = 0; i < leaves; ++i) {
      const auto leaf = u32(bytes, 8 + 4 * i);
      if (leaf > 1 && leaf <= pages_) {
        free[leaf] = true;
      }
    }
    trunk = u32(bytes, 0);
  }
  return free;
}

}  // namespace netlog::store
