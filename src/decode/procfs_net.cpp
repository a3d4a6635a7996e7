// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"
#include "decode/tables.hpp"
#include "util/text.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

// The kernel prints each 32-bit word of an address in its own byte order.
std::optional<IpAddress> parse_words(std::string_view text, Family family) {
  IpAddress address;
  address.family = family;
  if (text.size() != address.size() * 2) {
    return std::nullopt;
  }
  for (std::size_t word = 0; word * 8 < text.size(); ++word) {
    const auto value = parse_number<std::uint32_t>(text.substr(word * 8, 8), 16);
    if (!value) {
      return std::nullopt;
    }
    std::memcpy(&address.bytes.at(word * 4), &*value, 4);
  }
  return address;
}

std::optional<Endpoint> parse_endpoint(std::string_view text, Family family) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto address = parse_words(text.substr(0, colon), family);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 16);
  return address && port ? std::optional{Endpoint{*address, *port}} : std::nullopt;
}

std::optional<TcpState> parse_state(std::string_view text) {
  const auto code = parse_number<std::uint8_t>(text, 16);
  return code ? state_from_kernel(*code) : std::nullopt;
}

// Columns: sl local rem st tx:rx tr:tm retrnsmt uid timeout inode …
std::optional<SocketRow> parse_line(std::string_view line, Protocol protocol, Family family) {
  const auto fields = words(line);
  if (fields.size() < 10) {
    return std::nullopt;
  }
  const auto local = parse_endpoint(fields[1], family);
  const auto remote = parse_endpoint(fields[2], family);
  const auto state = parse_state(fields[3]);
  const auto uid = parse_number<std::uint32_t>(fields[7]);
  const auto inode = parse_number<std::uint64_t>(fields[9]);
  if (!local || !remote || !state || !uid || !inode) {
    return std::nullopt;
  }
  SocketRow row;
  row.tuple = FiveTuple{protocol, *local, *remote};
  row.uid = uid;
  row.holder_key = *inode;
  if (protocol == Protocol::tcp) {
    row.state = state;
  }
  if (protocol == Protocol::udp || state == TcpState::listen) {
    row.incarnation = *inode;
  }
  return row;
}

}  // namespace

Result<std::vector<SocketRow>> decode_procfs_net(std::string_view text,
                                                 Protocol protocol,
                                                 Family family) {
  std::vector<SocketRow> rows;
  if (text.empty() || text.back() != '\n') {
    return fail(errc::truncated,
                fmt::format("{} bytes of /proc/net text without a last line's end", text.size()));
  }
  const auto lines = split(text.substr(0, text.size() - 1), '\n');
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto row = parse_line(lines[i], protocol, family);
    if (!row) {
      return fail(errc::malformed,
                  fmt::format("line {} of /proc/net text, {}", i + 1, quote(lines[i])));
    }
    if (row->state != TcpState::closed) {
      rows.push_back(*row);
    }
  }
  return rows;
}

}  // namespace netlog::decode
