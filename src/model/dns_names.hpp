// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace netlog {

struct DnsCode {
  std::uint16_t code = 0;
  std::string_view name;
};

/// Types of records that have a name of their own here, in ascending order; RFC 3597 §5 writes
/// others as `TYPE65534`. Source: IANA, Domain Name System (DNS) Parameters, Resource Record (RR)
/// TYPEs.
std::span<const DnsCode> dns_types();

/// Codes of answers (RFC 1035 §4.1.1, RFC 2136 §2.2), in ascending order. Others have no name.
std::span<const DnsCode> dns_response_codes();

}  // namespace netlog
