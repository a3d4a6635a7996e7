// SPDX-License-Identifier: MIT
#include "util/sha1.hpp"

#include <bit>
#include <cstdint>
#include <vector>

namespace netlog {
namespace {

constexpr std::size_t kBlockBytes = 64;
using Sha1State = std::array<std::uint32_t, 5>;

/// The message, a one bit, zeros, and the length in bits: whole blocks (FIPS 180-4 §5.1.1).
std::vector<std::byte> padded(std::span<const std::byte> bytes) {
  std::vector<std::byte> message{bytes.begin(), bytes.end()};
  message.push_back(std::byte{0x80});
  while (message.size() % kBlockBytes != kBlockBytes - sizeof(std::uint64_t)) {
    message.push_back(std::byte{0});
  }
  const auto bits = static_cast<std::uint64_t>(bytes.size()) * 8;
  for (int shift = 56; shift >= 0; shift -= 8) {
    message.push_back(static_cast<std::byte>(bits >> static_cast<unsigned>(shift)));
  }
  return message;
}

/// The function and the constant of a round.
std::uint32_t mixed(std::size_t round, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  switch (round / 20) {
    case 0:
      return ((b & c) | (~b & d)) + 0x5A827999;
    case 1:
      return (b ^ c ^ d) + 0x6ED9EBA1;
    case 2:
      return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
    default:
      return (b ^ c ^ d) + 0xCA62C1D6;
  }
}

void add_block(Sha1State& state, std::span<const std::byte> block) {
  std::array<std::uint32_t, 80> words{};
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    words[i / 4] = (words[i / 4] << 8U) | std::to_integer<std::uint32_t>(block[i]);
  }
  for (std::size_t i = 16; i < words.size(); ++i) {
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto next = std::rotl(a, 5) + mixed(i, b, c, d) + e + words[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

}  // namespace

std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) {
  Sha1State state{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  const auto message = padded(bytes);
  for (std::size_t at = 0; at < message.size(); at += kBlockBytes) {
    add_block(state, std::span{message}.subspan(at, kBlockBytes));
  }
  std::array<std::byte, 20> digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

}  // namespace netlog
