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

/// What the pseudonyms of a clip hang on. Who has it can try names and addresses against them.
using RedactionKey = std::array<std::uint8_t, 32>;

/// A key that nobody knows.
RedactionKey random_key();

/// The key that a secret of any length stands for; the same secret gives the same key.
RedactionKey key_of(std::string_view secret);

/// Pseudonyms that are the same for the same original under one key, and tell nothing of it without
/// the key (keyed BLAKE2b). Pure.
class Pseudonyms {
 public:
  explicit Pseudonyms(const RedactionKey& key);

  /// `user-3f9a0c51e2b7`: 48 bits, so that a million different originals have equal pseudonyms with
  /// a probability of 0.2 %. The same text of two kinds has two pseudonyms.
  [[nodiscard]] std::string text(std::string_view kind, std::string_view original) const;

  /// A permutation of the addresses of a family that keeps how many leading bits any two of them
  /// have in common (Xu, Fan, Ammar and Moon, 2002), and the special-purpose block (RFC 6890) that
  /// an address is in: what is private stays private, what is public public. Where a block of
  /// one kind lies within another the bits that lead to it stay as they are, so addresses close to
  /// a special block keep more of their leading bits than others. 127.0.0.1, 0.0.0.0,
  /// 255.255.255.255, :: and ::1 are their own pseudonyms; an IPv6 multicast address keeps its
  /// flags and scope; the IPv4 address within ::ffff:0:0/96 and 64:ff9b::/96 has the
  /// pseudonym that it has by itself. A scope id stays.
  [[nodiscard]] IpAddress address(const IpAddress& original) const;

  /// The same of an address as text, with a pseudonym in the place of a scope that is a name
  /// (`%eth0`). What is no address has the pseudonym of a text.
  [[nodiscard]] std::string address_text(std::string_view original) const;

 private:
  void permute(std::span<std::uint8_t> bytes, Family family) const;

  RedactionKey key_;
};

}  // namespace netlog::store
