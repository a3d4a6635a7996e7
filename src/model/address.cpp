// SPDX-License-Identifier: MIT
#include "model/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <span>

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

struct Run {
  std::size_t begin = 0;
  std::size_t length = 0;
};

// RFC 5952 §4.2: the longest run of at least two zero groups, the first of equals.
Run longest_zero_run(const IpAddress& address, std::size_t groups) {
  Run best;
  Run run;
  for (std::size_t i = 0; i < groups; ++i) {
    if (group(address.bytes, i) != 0) {
      run = Run{i + 1, 0};
      continue;
    }
    ++run.length;
    if (run.length > best.length) {
      best = run;
    }
  }
  return best.length >= 2 ? best : Run{groups, 0};
}

// RFC 5952 §5: ::ffff:a.b.c.d is recognisable and is written with a dotted quad.
bool is_v4_mapped(const IpAddress& address) {
  const auto& b = address.bytes;
  return std::all_of(b.begin(), b.begin() + 10, [](auto byte) { return byte == 0; }) &&
         b[10] == 0xFF && b[11] == 0xFF;
}

template <typename T>
std::optional<T> number(std::string_view text, int base) {
  T value{};
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

bool parse_quad(std::string_view text, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < 4; ++i) {
    const auto dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot == 0 || dot > 3) {
      return false;
    }
    const auto value = number<std::uint8_t>(text.substr(0, dot), 10);
    if (!value || (dot > 1 && text.front() == '0')) {
      return false;
    }
    out[i] = *value;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return text.empty();
}

// Groups of one side of `::` into `out`; the number of bytes, or nothing.
std::optional<std::size_t> parse_groups(std::string_view text, std::span<std::uint8_t> out) {
  std::size_t used = 0;
  while (!text.empty()) {
    const auto colon = std::min(text.find(':'), text.size());
    const auto piece = text.substr(0, colon);
    const bool last = colon == text.size();
    if (last && piece.find('.') != std::string_view::npos) {
      if (used + 4 > out.size() || !parse_quad(piece, out.subspan(used, 4))) {
        return std::nullopt;
      }
      return used + 4;
    }
    const auto value = number<std::uint16_t>(piece, 16);
    if (!value || piece.size() > 4 || used + 2 > out.size()) {
      return std::nullopt;
    }
    out[used] = static_cast<std::uint8_t>(*value >> 8U);
    out[used + 1] = static_cast<std::uint8_t>(*value & 0xFFU);
    used += 2;
    if (!last && colon + 1 == text.size()) {
      return std::nullopt;  // a lone colon at the end
    }
    text.remove_prefix(last ? text.size() : colon + 1);
  }
  return used;
}

bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) {
    return parse_groups(text, out) == std::size_t{16};
  }
  std::array<std::uint8_t, 16> tail{};
  const auto before = parse_groups(text.substr(0, gap), out);
  const auto after = parse_groups(text.substr(gap + 2), tail);
  if (!before || !after || *before + *after > 14) {
    return false;
  }
  std::copy_n(tail.begin(), *after, out.end() - static_cast<std::ptrdiff_t>(*after));
  return true;
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

std::optional<IpAddress> parse_address(std::string_view text) {
  IpAddress address;
  if (text.find(':') == std::string_view::npos) {
    return parse_quad(text, address.bytes) ? std::optional{address} : std::nullopt;
  }
  address.family = Family::ipv6;
  if (const auto percent = text.find('%'); percent != std::string_view::npos) {
    const auto scope = number<std::uint32_t>(text.substr(percent + 1), 10);
    if (!scope) {
      return std::nullopt;
    }
    address.scope = *scope;
    text = text.substr(0, percent);
  }
  return parse_v6(text, address.bytes) ? std::optional{address} : std::nullopt;
}

std::optional<AddressRange> parse_address_range(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  AddressRange range{*address, *address};
  if (slash != std::string_view::npos) {
    const auto prefix = number<std::uint8_t>(text.substr(slash + 1), 10);
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
