// SPDX-License-Identifier: MIT
#pragma once

#include "model/lookup.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace netlog::decode {

/// Messages of DNS in the order in which the sockets exchanged them.
struct DnsMessages {
  std::vector<DnsMessage> messages;
  std::int64_t unreadable = 0;  ///< messages that are no question and no answer, or are damaged
};

/// Decodes the messages that our BPF programs have copied (docs/capture-format.md): a header of 80
/// bytes each, and the payload. Times are on the boot clock.
/// @return errc::truncated, unknown_family or malformed for a damaged header.
/// Source: src/source/linux/bpf/dns.bpf.h; RFC 1035 §4, RFC 3596, RFC 6891 §6.1.
Result<DnsMessages> decode_dns_messages(std::span<const std::byte> bytes);

/// Decodes the text of /etc/hosts. Lines without an address and a name are left out, and so are
/// loopback and unspecified addresses. Of several lines for one address the first one counts.
/// Source: hosts(5).
std::vector<HostsEntry> decode_hosts(std::string_view text);

}  // namespace netlog::decode
