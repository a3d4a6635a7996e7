// SPDX-License-Identifier: MIT
#include "model/address.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

#include <boost/asio/ip/address_v6.hpp>

namespace netlog {
namespace {

constexpr std::size_t kGroups = 8;

std::uint16_t group(const std::array<std::uint8_t, 16>& bytes, std::size_t index) {
  return static_cast<std::uint16_t>(bytes.at(2 * index) << 8U | bytes.at(2 * index + 1));
}

void append_number(std::string& out, unsigned value, int base) {
  std::array<char, 12> digits{};
  auto* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  out.append(digits.data(), end);
}

void append_quad(std::string& out, std::span<const std::uint8_t> quad) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i > 0) {
      out.push_back('.');
    }
    append_number(out, quad[i], 10);
  }
}

struct ZeroRun {
  std::size_t begin = 0;
  std::size_t length = 0;
};

// RFC 5952 §4.2: the longest run of at least two zero groups, the first of equals.
ZeroRun longest_zero_run(const IpAddress& address, std::size_t groups) {
  ZeroRun best;
  ZeroRun run;
  for (std::size_t i = 0; i < groups; ++i) {
    if (group(address.bytes, i) != 0) {
      run = ZeroRun{i + 1, 0};
      continue;
    }
    ++run.length;
    if (run.length > best.length) {
      best = run;
    }
  }
  return best.length >= 2 ? best : ZeroRun{groups, 0};
}

// RFC 5952 §5: ::ffff:a.b.c.d is recognisable and is written with a dotted quad.
bool is_v4_mapped(const IpAddress& address) {
  const auto& b = address.bytes;
  return std::all_of(b.begin(), b.begin() + 10, [](auto byte) { return byte == 0; }) &&
         b[10] == 0xFF && b[11] == 0xFF;
}

// Not by Asio: on Windows it also takes `10.1`, octal numbers and ports.
std::optional<IpAddress> parse_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 4) {
    return std::nullopt;
  }
  IpAddress address;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto number = parse_number<std::uint8_t>(parts[i]);
    if (!number || (parts[i].size() > 1 && parts[i].front() == '0')) {
      return std::nullopt;
    }
    address.bytes.at(i) = *number;
  }
  return address;
}

// RFC 4291 text without a scope.
std::optional<IpAddress> parse_ipv6(std::string_view text) {
  // Asio also takes scopes and, on Windows, brackets and ports.
  if (text.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
    return std::nullopt;
  }
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address_v6(std::string{text}, error);
  if (error) {
    return std::nullopt;
  }
  return IpAddress{Family::ipv6, 0, parsed.to_bytes()};
}

void set_host_bits(IpAddress& address, std::size_t prefix, bool ones) {
  for (std::size_t bit = prefix; bit < address.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    auto& byte = address.bytes.at(bit / 8);
    byte = ones ? static_cast<std::uint8_t>(byte | mask) : static_cast<std::uint8_t>(byte & ~mask);
  }
}

}  // namespace

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress address;
  address.bytes = {a, b, c, d};
  return address;
}

bool IpAddress::is_unspecified() const {
  return std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const {
  if (family == Family::ipv4) {
    return bytes[0] == 127;
  }
  if (is_v4_mapped(*this)) {
    return bytes[12] == 127;
  }
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; }) &&
         bytes.back() == 1;
}

// Not by Asio, which takes the system's text: it names interfaces in place of scope numbers, and
// Linux and Windows print some addresses differently. Recordings of both are compared as text.
std::string to_string(const IpAddress& address) {
  std::string out;
  if (address.family == Family::ipv4) {
    append_quad(out, address.bytes);
    return out;
  }
  const bool mapped = is_v4_mapped(address);
  const std::size_t groups = mapped ? kGroups - 2 : kGroups;
  const auto run = longest_zero_run(address, groups);
  for (std::size_t i = 0; i < groups; ++i) {
    if (run.length > 0 && i == run.begin) {
      out += "::";
      i += run.length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') {
      out.push_back(':');
    }
    append_number(out, group(address.bytes, i), 16);
  }
  if (mapped) {
    out.push_back(':');
    append_quad(out, std::span{address.bytes}.subspan(12));
  }
  if (address.scope != 0) {
    out.push_back('%');
    append_number(out, address.scope, 10);
  }
  return out;
}

IpAddress ipv4_if_mapped(const IpAddress& address) {
  const auto& b = address.bytes;
  return address.family == Family::ipv6 && is_v4_mapped(address)
             ? IpAddress::v4(b[12], b[13], b[14], b[15])
             : address;
}

std::optional<IpAddress> parse_address(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    return parse_ipv4(text);
  }
  // A scope is a number on every system; Asio would look up interface names.
  const auto percent = text.find('%');
  auto address = parse_ipv6(text.substr(0, percent));
  if (address && percent != std::string_view::npos) {
    const auto scope = parse_number<std::uint32_t>(text.substr(percent + 1));
    if (!scope) {
      return std::nullopt;
    }
    address->scope = *scope;
  }
  return address;
}

std::optional<AddressRange> parse_address_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  AddressRange range{*address, *address};
  if (slash != std::string_view::npos) {
    const auto prefix = parse_number<std::uint8_t>(text.substr(slash + 1));
    if (!prefix || *prefix > address->size() * 8) {
      return std::nullopt;
    }
    set_host_bits(range.first, *prefix, false);
    set_host_bits(range.last, *prefix, true);
  }
  return range;
}

std::string to_string(const Endpoint& endpoint) {
  const auto text = to_string(endpoint.address);
  std::string out = endpoint.address.family == Family::ipv6 ? "[" + text + "]:" : text + ":";
  append_number(out, endpoint.port, 10);
  return out;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  auto host = text.substr(0, colon);
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (has_brackets) {
    host = host.substr(1, host.size() - 2);
  }
  const auto address = parse_address(host);
  if (!port || !address || has_brackets != (address->family == Family::ipv6)) {
    return std::nullopt;
  }
  return Endpoint{*address, *port};
}

std::size_t hash_value(const Endpoint& endpoint) {
  std::array<std::uint64_t, 2> halves{};
  std::memcpy(halves.data(), endpoint.address.bytes.data(), endpoint.address.bytes.size());
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
  std::uint64_t hash = halves[0] * kOdd;
  hash = (hash ^ (hash >> 29U) ^ halves[1]) * kOdd;
  hash = (hash ^ (hash >> 32U) ^ (std::uint64_t{endpoint.port} << 32U | endpoint.address.scope)) *
         kOdd;
  return static_cast<std::size_t>(hash ^ (hash >> 31U));
}

}  // namespace netlog
