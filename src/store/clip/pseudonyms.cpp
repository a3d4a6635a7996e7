// SPDX-License-Identifier: MIT
#include "store/clip/pseudonyms.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include <sodium.h>

namespace netlog::store {
namespace {

/// A block of addresses: their first `length` bits are those of `bytes`.
struct Block {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t length = 0;
  std::size_t kept = 0;  ///< leading bits that stay, if more than `length`
};

Block block(std::string_view text, std::size_t length, std::size_t kept = 0) {
  const auto address = parse_address(text);
  if (!address) {
    throw std::logic_error{fmt::format("{} is no address", text)};
  }
  return {address->bytes, length, kept};
}

// From IANA's special-purpose registries (RFC 6890), the blocks that people recognise.
const std::vector<Block>& blocks(Family family) {
  static const std::vector<Block> v4{
      block("0.0.0.0", 8),          // this network
      block("0.0.0.0", 32),         // unspecified
      block("10.0.0.0", 8),         // private, RFC 1918
      block("100.64.0.0", 10),      // carriers' NAT, RFC 6598
      block("127.0.0.0", 8),        // loopback
      block("127.0.0.1", 32),       // loopback
      block("169.254.0.0", 16),     // link-local, RFC 3927
      block("172.16.0.0", 12),      // private
      block("192.0.2.0", 24),       // documentation, RFC 5737
      block("192.168.0.0", 16),     // private
      block("198.18.0.0", 15),      // benchmarks, RFC 2544
      block("198.51.100.0", 24),    // documentation
      block("203.0.113.0", 24),     // documentation
      block("224.0.0.0", 4),        // multicast
      block("240.0.0.0", 4),        // reserved
      block("255.255.255.255", 32)  // broadcast
  };
  static const std::vector<Block> v6{
      block("::", 128),         // unspecified
      block("::1", 128),        // loopback
      block("::ffff:0:0", 96),  // IPv4-mapped: the IPv4 address has its own pseudonym
      block("64:ff9b::", 96),   // NAT64, RFC 6052: the same
      block("2000::", 3),       // global unicast
      block("2001:db8::", 32),  // documentation, RFC 3849
      block("3fff::", 20),      // documentation, RFC 9637
      block("fc00::", 8),       // unique local, RFC 4193
      block("fd00::", 8),       // unique local, locally assigned
      block("fe80::", 10),      // link-local
      block("fe80::", 64),      // link-local, as assigned
      block("fec0::", 10),      // site-local, RFC 3879
      block("ff00::", 8, 16)    // multicast: flags and scope
  };
  return family == Family::ipv4 ? v4 : v6;
}

bool bit_of(std::span<const std::uint8_t> bytes, std::size_t index) {
  return ((unsigned{bytes[index / 8]} >> (7U - index % 8)) & 1U) != 0;
}

std::size_t common_bits(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  std::size_t bits = 0;
  while (bits < a.size() * 8 && bit_of(a, bits) == bit_of(b, bits)) {
    ++bits;
  }
  return bits;
}

/// How many leading bits stay: as long as some addresses with the same bits so far are in a block
/// and others are not.
std::size_t kept_bits(std::span<const std::uint8_t> bytes, Family family) {
  std::size_t kept = 0;
  for (const auto& block : blocks(family)) {
    const auto common =
        common_bits(bytes, std::span<const std::uint8_t>{block.bytes}.first(bytes.size()));
    kept = std::max(kept, common >= block.length ? std::max(block.length, block.kept) : common + 1);
  }
  return kept;
}

void check_sodium() {
  if (sodium_init() < 0) {
    throw std::runtime_error{"libsodium cannot start: the system gives no random numbers"};
  }
}

using Digest = std::array<std::uint8_t, 32>;

/// Hash of a label and bytes. To be unambiguous, a label has a fixed length or ends in a character
/// that occurs in it once.
Digest digest(const RedactionKey& key,
              std::string_view label,
              std::span<const std::uint8_t> bytes) {
  Digest digest{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), digest.size());
  crypto_generichash_update(
      &state, reinterpret_cast<const unsigned char*>(label.data()), label.size());
  crypto_generichash_update(&state, bytes.data(), bytes.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  return digest;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::size_t embedded_ipv4_at(const IpAddress& address) {
  constexpr std::size_t kNowhere = 16;
  if (address.family == Family::ipv4) {
    return kNowhere;
  }
  for (const auto* const prefix : {"::ffff:0:0", "64:ff9b::"}) {
    if (common_bits(address.bytes, parse_address(prefix)->bytes) >= 96) {
      return 12;
    }
  }
  return kNowhere;
}

}  // namespace

RedactionKey random_key() {
  check_sodium();
  RedactionKey key{};
  randombytes_buf(key.data(), key.size());
  return key;
}

RedactionKey key_of(std::string_view secret) {
  check_sodium();
  return digest({}, "netlog redaction key:", bytes_of(secret));
}

Pseudonyms::Pseudonyms(const RedactionKey& key) : key_{key} {
  check_sodium();
}

std::string Pseudonyms::text(std::string_view kind, std::string_view original) const {
  const auto hash = digest(key_, fmt::format("text {}:", kind), bytes_of(original));
  auto pseudonym = fmt::format("{}-", kind);
  for (const auto byte : std::span{hash}.first(6)) {
    pseudonym += fmt::format("{:02x}", byte);
  }
  return pseudonym;
}

IpAddress Pseudonyms::address(const IpAddress& original) const {
  auto address = original;
  const auto embedded = embedded_ipv4_at(original);
  if (embedded < original.size()) {
    permute(std::span{address.bytes}.subspan(embedded, 4), Family::ipv4);
  } else {
    permute(std::span{address.bytes}.first(original.size()), original.family);
  }
  return address;
}

std::string Pseudonyms::address_text(std::string_view original) const {
  const auto percent = original.find('%');
  const auto parsed = parse_address(original.substr(0, percent));
  if (!parsed) {
    return text("address", original);
  }
  auto pseudonym = to_string(address(*parsed));
  if (percent != std::string_view::npos) {
    const auto scope = original.substr(percent + 1);
    pseudonym +=
        "%" + (parse_number<std::uint32_t>(scope) ? std::string{scope} : text("scope", scope));
  }
  return pseudonym;
}

void Pseudonyms::permute(std::span<std::uint8_t> bytes, Family family) const {
  const std::vector<std::uint8_t> before{bytes.begin(), bytes.end()};
  const auto kept = kept_bits(before, family);
  // Whether a bit is flipped depends on the bits before it. One digest has a bit for each node of
  // the tree of a byte.
  for (std::size_t at = 0; at < before.size(); ++at) {
    const auto turns = digest(key_,
                              family == Family::ipv4 ? "ipv4:" : "ipv6:",
                              std::span<const std::uint8_t>{before}.first(at));
    std::size_t node = 1;
    for (std::size_t index = at * 8; index < at * 8 + 8; ++index) {
      if (index >= kept && bit_of(turns, node)) {
        bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (0x80U >> (index % 8)));
      }
      node = node * 2 + (bit_of(before, index) ? 1 : 0);
    }
  }
}

}  // namespace netlog::store
