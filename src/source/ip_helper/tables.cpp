// SPDX-License-Identifier: MIT
#include "source/ip_helper/tables.hpp"

#include "util/error.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace netlog::source::ip_helper {
namespace {

constexpr int kMaxTries = 8;
constexpr std::uint32_t kMin = 16 << 10;
constexpr std::uint32_t kMax = 256 << 20;  // room for a million of the longest rows

std::string_view class_name(capture::MibTable table) {
  switch (table) {
    case capture::MibTable::owner_module:
      return "OWNER_MODULE";
    case capture::MibTable::owner_pid:
      return "OWNER_PID";
    default:
      return "BASIC";
  }
}

// Rows are added between two calls: an eighth more, and room for a few rows.
std::uint32_t with_headroom(std::uint32_t size) {
  return std::min(kMax, std::max(kMin, size + size / 8 + 4096));
}

/// Whether a field of any row is not zero. Rows begin at `first` and have `row` bytes.
bool any_set(std::span<const std::byte> table,
             std::size_t first,
             std::size_t row,
             std::size_t field,
             std::size_t size) {
  auto left = row_count(table);
  for (auto at = first; left > 0 && at + row <= table.size(); at += row, --left) {
    const auto bytes = table.subspan(at + field, size);
    if (std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{}; })) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::span<const std::byte> no_rows() {
  static constexpr std::array<std::byte, 4> kNoRows{};
  return kNoRows;
}

std::uint32_t row_count(std::span<const std::byte> table) {
  std::uint32_t count = 0;
  if (table.empty()) {
    return count;
  }
  std::memcpy(&count, table.data(), std::min(table.size(), sizeof(count)));
  return count;
}

bool shows_create_timestamp(std::span<const std::byte> table) {
  return any_set(table, 8, 160, 24, 8);
}

bool shows_offload(std::span<const std::byte> table, Family family) {
  const bool ipv4 = family == Family::ipv4;
  return any_set(table, 4, ipv4 ? 28 : 60, ipv4 ? 24 : 56, 4);
}

void throw_exception_from_error(const Refusal& refusal, const boost::source_location& /*where*/) {
  throw CommandFailed{refusal.text};
}

std::string call_name(Protocol protocol, Family family, capture::MibTable table) {
  const bool tcp = protocol == Protocol::tcp;
  const bool ipv4 = family == Family::ipv4;
  switch (table) {
    case capture::MibTable::basic:
      return tcp ? (ipv4 ? "GetTcpTable" : "GetTcp6Table")
                 : (ipv4 ? "GetUdpTable" : "GetUdp6Table");
    case capture::MibTable::offload:
      return ipv4 ? "GetTcpTable2" : "GetTcp6Table2";
    default:
      return fmt::format("{} ({}, {})",
                         tcp ? "GetExtendedTcpTable" : "GetExtendedUdpTable",
                         ipv4 ? "IPv4" : "IPv6",
                         class_name(table));
  }
}

std::string_view call_name(capture::MibStatistics which) {
  switch (which) {
    case capture::MibStatistics::udp4:
    case capture::MibStatistics::udp6:
      return "GetUdpStatisticsEx";
    case capture::MibStatistics::udp4_wide:
    case capture::MibStatistics::udp6_wide:
      return "GetUdpStatisticsEx2";
    case capture::MibStatistics::bound4:
    case capture::MibStatistics::bound6:
      return "InternalGetBoundTcpEndpointTable";
    case capture::MibStatistics::tcp4_wide:
    case capture::MibStatistics::tcp6_wide:
      return "GetTcpStatisticsEx2";
    default:
      return "GetTcpStatisticsEx";
  }
}

Refusal refuse(Api& api, std::string_view call, std::uint32_t code) {
  const auto words = api.text_of(code);
  return {code, fmt::format("{}: {} [win32:{}]", call, words.empty() ? "failed" : words, code)};
}

Answer<std::span<const std::byte>> TableReader::read(Protocol protocol,
                                                     Family family,
                                                     capture::MibTable table) {
  auto& size = sizes_.try_emplace({protocol, family, table}, kMin).first->second;
  std::span<std::byte> buffer;
  std::uint32_t code = kInsufficientBuffer;
  for (int tries = 0; tries < kMaxTries && is_transient(code); ++tries) {
    if (buffer_.size() < size) {
      buffer_.resize(size);
    }
    buffer = std::span{buffer_}.first(size);
    auto used = size;
    code = api_.read_table(protocol, family, table, buffer, used);
    if (code == kNoError) {
      return buffer.first(std::clamp<std::uint32_t>(used, 4, size));
    }
    if (code == kNoData) {
      return no_rows();
    }
    if (is_transient(code)) {
      size = with_headroom(std::max(used, size));
    }
  }
  auto refusal = refuse(api_, call_name(protocol, family, table), code);
  if (is_transient(code)) {
    refusal.text +=
        fmt::format(" after {} tries, the last with {} bytes", kMaxTries, buffer.size());
    size = kMin;
  }
  return refusal;
}

}  // namespace netlog::source::ip_helper
