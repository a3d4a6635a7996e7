// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace netlog::store {

/// The key of the pseudonyms. Whoever has it can test guesses of names and addresses.
using RedactionKey = std::array<std::uint8_t, 32>;

/// A random key.
RedactionKey random_key();

/// A key from a secret of any length. The same secret gives the same key.
RedactionKey key_of(std::string_view secret);

/// Makes pseudonyms. Under one key the same original has the same pseudonym. Without the key
/// a pseudonym reveals nothing about its original (keyed BLAKE2b). Pure.
class Pseudonyms {
 public:
  explicit Pseudonyms(const RedactionKey& key);

  /// `user-3f9a0c51e2b7`: 48 bits, so that a million different originals have equal pseudonyms with
  /// a probability of 0.2 %. The same text of two kinds has two pseudonyms.
  [[nodiscard]] std::string text(std::string_view kind, std::string_view original) const;

  /// A permutation of the addresses of a family. Two pseudonyms have as many leading bits in common
  /// as their originals (Xu, Fan, Ammar and Moon, 2002). An address stays in its special-purpose
  /// block (RFC 6890): private stays private, public stays public. If a block lies within another,
  /// the bits that lead to it stay, so addresses close to a special block keep more leading bits.
  /// 127.0.0.1, 0.0.0.0, 255.255.255.255, :: and ::1 are their own pseudonyms. An IPv6 multicast
  /// address keeps its flags and scope. The IPv4 address in ::ffff:0:0/96 and 64:ff9b::/96 has its
  /// own pseudonym. A scope id stays.
  [[nodiscard]] IpAddress address(const IpAddress& original) const;

  /// The same for an address as text. A scope that is a name (`%eth0`) gets a pseudonym. A text
  /// that is not an address gets the pseudonym of a text.
  [[nodiscard]] std::string address_text(std::string_view original) const;

 private:
  void permute(std::span<std::uint8_t> bytes, Family family) const;

  RedactionKey key_;
};

}  // namespace netlog::store
