// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace netlog {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// One IP address. IPv4 fills the first four of `bytes` and leaves the rest zero; bytes are in
/// network order. An IPv6 scope id (RFC 4007) is part of the address; 0 means none.
struct IpAddress {
  Family family = Family::ipv4;
  std::uint32_t scope = 0;
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);

  [[nodiscard]] std::size_t size() const { return family == Family::ipv4 ? 4 : 16; }
  /// 0.0.0.0 or ::.
  [[nodiscard]] bool is_unspecified() const;
  /// 127.0.0.0/8, also behind a dual-stack socket, or ::1.
  [[nodiscard]] bool is_loopback() const;

  auto operator<=>(const IpAddress&) const = default;
};

/// RFC 5952 text, `fe80::1%2` with a scope, dotted quad for IPv4 and for IPv4-mapped tails.
std::string to_string(const IpAddress& address);

/// The IPv4 address behind ::ffff:a.b.c.d; any other address as it is.
IpAddress ipv4_if_mapped(const IpAddress& address);

/// Reads dotted quad or RFC 4291 text with an optional numeric `%scope`; nothing when it is
/// neither.
std::optional<IpAddress> parse_address(std::string_view text);

/// An address block such as 192.0.2.0/24.
struct AddressRange {
  IpAddress first;
  IpAddress last;
};

/// Reads `ADDR` or `ADDR/LEN`; host bits below the prefix are ignored.
std::optional<AddressRange> parse_address_range(std::string_view text);

/// Address and port, both in host order in the sense of RFC 9293 (the port is an ordinary integer).
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

/// `192.0.2.1:80`, `[2001:db8::1]:80`.
std::string to_string(const Endpoint& endpoint);

/// Reads what to_string() writes, with a number as the port; nothing when it is neither.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// FNV-1a style mixing; good enough for hash tables, stable across runs.
std::size_t hash_value(const Endpoint& endpoint);

}  // namespace netlog
